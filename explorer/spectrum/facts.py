"""What the catalogue says of the selected object, as text, with links to other services."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from data.columns import FACTS, column
from explorer.server.latest import Latest
from explorer.server.panel_html import Html
from explorer.spectrum.fact import fact, measured
from explorer.spectrum.guest_facts import guest_html, guest_position
from explorer.spectrum.links import CUTOUT_SIZE, cutout_address, page_links
from explorer.state.dataset import Dataset
from explorer.state.guest import Guest
from explorer.state.state import ExplorerState

_STYLE = """
.name {font-size: 15px; font-weight: 600; user-select: all; margin-right: 12px}
.links a {display: inline-block; margin-right: 12px; white-space: nowrap; font-size: 12px;
  color: var(--panel-primary-color)}
dl {display: grid; grid-template-columns: repeat(auto-fill, minmax(min(235px, 100%), 1fr));
  grid-auto-flow: row dense; gap: 1px 14px;
  margin: 6px 0 0; font-size: 12px; font-variant-numeric: tabular-nums; content-visibility: auto}
dl > div {display: flex; justify-content: space-between; gap: 8px; min-width: 0;
  border-bottom: 1px solid rgba(128, 128, 128, .18)}
dl > div.long {grid-column: 1 / -1}
dt {opacity: .7; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; flex: 0 1 auto}
dd {margin: 0; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; user-select: all}
dd {flex: 0 1 auto}
p {margin: 6px 0; font-size: 13px; line-height: 1.45}
"""

MEASURED = "_data"
"""End of the columns of what an atlas measured of spectra (`data.column`)."""


class FactsView(pn.viewable.Viewer):
    """The selected object's facts; nothing from the catalogue is taken as HTML."""

    def __init__(self, state: ExplorerState) -> None:
        """Follow the selection."""
        super().__init__()
        self._state = state
        self._telling = Latest(patient=True)  # the spectrum first: browsers take long to lay out
        self._text = Html(
            self.shown(state.selected, state.guest), stylesheets=[_STYLE],
            sizing_mode="stretch_width", margin=(4, 10),
        )  # fmt: skip
        self._image = Html(
            "", width=150, visible=False, margin=(6, 10), styles={"font-size": "12px"}
        )
        self._show_image = pmui.Toggle(
            label="Sky image", icon="image", size="small", variant="outlined", margin=(4, 10)
        )
        self._show_image.param.watch(lambda *_: self._load_image(), "value")
        state.param.watch(lambda *_: self._load_image(), ["selected", "guest"])
        state.param.watch(lambda *_: self._tell(), ["selected", "guest"])

    def _tell(self) -> None:
        """Tell of what is inspected."""
        selected, guest = self._state.selected, self._state.guest
        self._telling.submit(lambda: self.shown(selected, guest), self._show)

    def _show(self, text: str) -> None:
        self._text.object = text

    def shown(self, selected: int | None, guest: Guest | None) -> str:
        """Return the facts of what is inspected; pure."""
        if selected is None and guest is not None:
            return guest_html(self._state.dataset, guest)
        return self.html(selected)

    def html(self, selected: int | None) -> str:
        """Return name, links and facts of one row; pure."""
        if selected is None:
            return (
                "<p>Click an object on the map, or search for one above. Drag to move the map, "
                "turn the wheel to zoom; the toolbar beside it has box and lasso.</p>"
            )
        dataset = self._state.dataset
        object_id = str(dataset.ids[selected])
        ra, dec = position(dataset, selected)
        links = "".join(
            f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer">'
            f"{escape(name)}</a>"
            for name, address in page_links(
                object_id, ra=ra, dec=dec, facts=release_facts(dataset, selected)
            )
        )
        pairs = facts(dataset, selected)
        usual = {*FACTS, *dataset.scores}
        lists = [[pair for pair in pairs if (pair[0] in usual) is asked] for asked in (True, False)]
        return (
            f'<div><span class="name">{escape(object_id)}</span>'
            f'<span class="links">{links}</span></div>'
            + "".join(self._list_of(some) for some in lists if some)
        )

    def _list_of(self, pairs: list[tuple[str, str, str]]) -> str:
        """Return facts as a list; browsers lay it out when it is scrolled to (`_STYLE`)."""
        items = "".join(
            f'<div{_long(name, value)}><dt title="{escape(meaning(self._state.dataset, column))}">'
            f'{escape(name)}</dt><dd title="{escape(value)}">{escape(value)}</dd></div>'
            for column, name, value in pairs
        )
        height = 20 * len(pairs) // 2  # until it is laid out
        return f'<dl style="contain-intrinsic-height: auto {height}px">{items}</dl>'

    def _load_image(self) -> None:
        """Show the sky around the object, where asked for and reachable; else nothing."""
        state = self._state
        ra, dec = (np.nan, np.nan)
        if state.guest is not None:
            ra, dec = guest_position(state.guest)
        elif state.selected is not None:
            ra, dec = position(state.dataset, state.selected)
        wanted = bool(self._show_image.value and np.isfinite(ra) and np.isfinite(dec))
        self._image.visible = wanted
        if wanted:
            address = escape(cutout_address(ra=ra, dec=dec))
            # What <object> holds is shown where its data does not load.
            self._image.object = (
                f'<object data="{address}" type="image/jpeg" width="140" height="140" '
                f'aria-label="Legacy Survey image, {CUTOUT_SIZE:.0f} arcsec on a side">'
                "no image: not covered, or offline</object>"
            )

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the facts beside the image."""
        side = pn.Column(self._show_image, self._image, margin=0)
        return pn.Row(self._text, side, sizing_mode="stretch_width", margin=0)


def position(dataset: Dataset, row: int) -> tuple[float, float]:
    """Return right ascension and declination (degrees), NaN where there is no such place."""
    if made_up(dataset) or not {"ra", "dec"} <= set(dataset.numeric_columns):
        return np.nan, np.nan
    record = dataset.catalog.iloc[row]
    return float(record["ra"]), float(record["dec"])


RELEASE_FACTS = ("specprod", "release", "run2d", "file")
"""Columns whose text may name the release of a spectrum."""


def release_facts(dataset: Dataset, row: int) -> list[str]:
    """Return texts that may name the release an object is of: its cells, the files ingested."""
    record = dataset.catalog.iloc[row]
    cells = [str(record[name]) for name in RELEASE_FACTS if isinstance(record.get(name), str)]
    return [*cells, *map(str, _provenance(dataset).get("inputs", []))]


def made_up(dataset: Dataset) -> bool:
    """Return whether the objects were drawn by a program: nothing in the sky is theirs."""
    mock = dataset.atlas.info["source"].get("kind") == "mock"
    return mock or "made_by" in _provenance(dataset)


def _provenance(dataset: Dataset) -> dict[str, Any]:
    """Return what the survey knows of its making; nothing where it cannot be opened."""
    try:
        source = dataset.atlas.source
    except (ValueError, OSError):  # what is wrong with the spectra is told where they are shown
        return {}
    return getattr(source, "info", {}).get("provenance", {})


def meaning(dataset: Dataset, name: str) -> str:
    """Return what a column holds, in words."""
    if name in dataset.scores:
        return f"{dataset.label(name)}: {dataset.explanation(dataset.scores[name])}"
    return ": ".join(filter(None, [dataset.label(name), column(name).description]))


def facts(dataset: Dataset, row: int) -> list[tuple[str, str, str]]:
    """Return column, label and value of a row's facts: the usual, the scores, then the rest.

    What an atlas measured of a spectrum has its error beside it, not as a fact of its own.
    """
    record = dataset.catalog.iloc[row]
    skip = {axis for item in dataset.atlas.embeddings for axis in (item.x, item.y)}
    skip |= {"object_id", "reasons"}
    skip |= {f"{name}_err" for name in record.index if str(name).endswith(MEASURED)}
    order = [*FACTS, *dataset.scores]
    order += [str(name) for name in dataset.catalog.columns if name not in order]
    return [
        (name, dataset.label(name), text)
        for name in order
        if name in record.index and name not in skip and (text := _told(record, name))
    ]


def _told(record: Any, name: str) -> str:  # noqa: ANN401 - a row of the catalogue
    value = record[name]
    error = record.get(f"{name}_err", np.nan) if name.endswith(MEASURED) else np.nan
    numbers = all(isinstance(item, (float, np.floating)) for item in (value, error))
    if numbers and np.isfinite(value) and 0 < error < np.inf:
        return measured(value, error)
    return fact(value, name)


def _long(name: str, value: str) -> str:
    return ' class="long"' if len(name) + len(value) > 41 else ""
