"""Buttons that save the selection, its spectra and the figures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import panel as pn
import panel_material_ui as pmui

from explorer.export.download import Download
from explorer.export.export import Exported, export_guests, export_spectra, export_table
from explorer.export.figures import map_figure, spectrum_figure
from explorer.export.report import ReportSettings, report_page
from explorer.labels.shared import shared_labels
from explorer.map.image import MapRequest
from explorer.map.raster import Viewport
from explorer.server.in_turn import InTurn
from explorer.server.notices import report
from explorer.spectrum.inspection import inspect
from explorer.state.guest import Guest, place_on
from explorer.state.state import ExplorerState

CHOICES = {
    "Selection as CSV": "csv",
    "Selection as FITS": "fits",
    "Selection as VOTable": "votable",
    "Selection as ECSV": "ecsv",
    "Spectra as FITS": "spectra",
    "Map as PNG": "map png",
    "Map as SVG": "map svg",
    "Spectrum as PNG": "spectrum png",
    "Spectrum as SVG": "spectrum svg",
    "Report of the object": "report object",
    "Report of all labelled": "report labelled",
    "Spectra I brought as CSV": "guests",
}


class TakeAway(pn.viewable.Viewer):
    """A menu of what can be saved; files are made off the event loop."""

    def __init__(
        self, state: ExplorerState, on_screen: Callable[[], tuple[MapRequest, Viewport] | None]
    ) -> None:
        """Make the menu; `on_screen` returns what the map shows, for a figure of it."""
        super().__init__()
        self._state = state
        self._on_screen = on_screen
        self._making = InTurn()
        self.download = Download()
        items = [{"label": label, "kind": kind} for label, kind in CHOICES.items()]
        self.menu = pmui.MenuButton(
            label="Save", items=items, icon="download", size="small", variant="outlined",
            sizing_mode="stretch_width", margin=(5, 10), on_click=self._on_click,
        )  # fmt: skip

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the menu."""
        return pn.Column(self.menu, self.download, sizing_mode="stretch_width", margin=0)

    def _on_click(self, item: dict[str, str]) -> None:
        try:
            work = self.work(CHOICES[item["label"]])
        except ValueError as error:
            report(error)
            return
        self._making.submit(work, self._deliver)

    def _deliver(self, exported: Exported) -> None:
        self.download.send(exported)
        if pn.state.notifications is not None:
            size = len(exported.content) / 1e6
            pn.state.notifications.success(f"{exported.name} ({size:.1f} MB)", duration=4000)

    def work(self, kind: str) -> Callable[[], Exported]:
        """Return what makes a file; it can run in a thread.

        Raises:
            ValueError: There is nothing of that kind to save now.
        """
        state = self._state
        what, _, form = kind.partition(" ")
        if what == "map":
            shown = self._on_screen()
            if shown is None:
                raise ValueError("the map is not on screen yet; try again")
            return partial(map_figure, state.dataset, *shown, selected=state.selected, kind=form)
        if what == "spectrum":
            return self._spectrum(form)
        if what == "report":
            return self._report(labelled=form == "labelled")
        if what == "guests":
            return partial(export_guests, tuple(state.guests))
        rows = state.rows()
        if what == "spectra":
            if state.subset is None and state.shown is None and state.selected is not None:
                rows = rows[state.selected : state.selected + 1]
            return partial(export_spectra, state.dataset, rows)
        return partial(export_table, state.dataset, rows, what)

    def _spectrum(self, form: str) -> Callable[[], Exported]:
        state = self._state
        chosen = state.chosen
        if chosen is None:
            raise ValueError("no object is selected; click one on the map first")
        options = {"frame": state.frame, "lines": state.lines, "smoothing": state.smoothing}
        dataset = state.dataset

        def make() -> Exported:
            item = inspect(dataset, chosen)
            name = chosen.name if isinstance(chosen, Guest) else dataset.ids[chosen]
            title = f"{name}   z = {item.z:.5f}"
            return spectrum_figure(item, title=title, kind=form, **options)

        return make

    def _report(self, *, labelled: bool) -> Callable[[], Exported]:
        """Return what makes a report of the object inspected, or of all that have a label."""
        state, dataset, shown = self._state, self._state.dataset, self._on_screen()
        store, notice = shared_labels(dataset)
        labels = {} if store is None else store.all()
        labels = {name: label for name, label in labels.items() if not label.empty}
        chosen: list[int | Guest] = []
        if labelled:
            order = sorted(labels.values(), key=lambda label: -(label.grade or 0))
            rows = dataset.ids.rows(label.object_id for label in order)
            chosen = [rows[label.object_id] for label in order if label.object_id in rows]
            if not chosen:
                raise ValueError(notice or "no object has a label yet: give some under Outliers")
        elif state.chosen is None:
            raise ValueError("no object is selected; click one on the map first")
        else:
            chosen = [state.chosen]
        settings = ReportSettings(frame=state.frame, lines=state.lines, smoothing=state.smoothing)
        plane = state.plane
        places = [place_on(plane, item) for item in chosen]

        def make() -> Exported:
            picture = None
            if shown is not None:
                picture = map_figure(dataset, *shown, selected=None, kind="png", marked=places)
            return report_page(dataset, chosen, settings, labels=labels, map_image=picture)

        return make
