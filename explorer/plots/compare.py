"""Compares two groups of objects: their spectra, their classes, the columns that differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui

from data.arrays import BoolArray, FloatArray, IndexArray
from explorer.export.download import Download
from explorer.export.export import Exported
from explorer.plots.composition import composition, composition_html
from explorer.plots.differences import differences, differences_html
from explorer.plots.groups import OTHERS, SELECTED, SHOWN, group, group_names
from explorer.plots.spectra import MEAN, MEDIAN, StackedSpectra
from explorer.server.latest import Latest
from explorer.server.notices import warn
from explorer.server.panel_html import Html
from explorer.state.dataset import Dataset
from explorer.state.state import ExplorerState
from explorer.theme.text import SMALL, line
from model.tracks.population import Population, read_populations

NOTHING = "nothing"
STORED, WHOLE, WINDOW, PHYSICAL = "as stored", "all of it", "a window", "physical flux"
"""What spectra are divided by before they are stacked; physical flux is not."""
UNITS = {
    STORED: "flux / norm", WHOLE: "flux / its median", WINDOW: "flux / its median there",
    PHYSICAL: "flux [1e-17 erg/s/cm²/Å]",
}  # fmt: skip
MOST_STACKED = 300
"""Spectra of a group that are stacked, drawn at random."""
_STYLE = """
:host {overflow-x: auto}
table {border-collapse: collapse; font-size: 12px; width: 100%}
th, td {text-align: right; padding: 2px 10px 2px 0; font-weight: 400; white-space: nowrap}
th:first-child {text-align: left}
thead th {opacity: .7}
td.wide {width: 30%}
.bar {height: 5px; margin: 1px 0; min-width: 1px}
.bar.first {background: #d55e00}
.bar.second {background: #9467bd}
"""


@dataclass(frozen=True)
class Groups:
    """Two groups of objects, or one.

    Attributes:
        names: Of the groups; the second is empty if there is one only.
        masks: Which objects they hold; of one group twice the same.
    """

    names: tuple[str, str]
    masks: tuple[BoolArray, BoolArray]

    @property
    def rows(self) -> dict[str, IndexArray]:
        """Name -> rows of each group."""
        pairs = zip(self.names, self.masks, strict=True)
        return {name: np.flatnonzero(mask) for name, mask in pairs if name}

    def told(self) -> str:
        """Return what the figures show, in words."""
        counts = {name: len(rows) for name, rows in self.rows.items()}
        empty = [name for name, count in counts.items() if not count]
        if empty:
            return f"{empty[0].capitalize()}: no object. Choose another group."
        parts = [
            f"{name}: {count:,} objects"
            + (f", {MOST_STACKED} of them stacked" if count > MOST_STACKED else "")
            for name, count in counts.items()
        ]
        bands = "Band: the middle 68 % of the objects, their noise included"
        if self.names[1]:
            bands += "; below: their difference with its standard error. Distance: largest"
            bands += " distance of the cumulative distributions, 0 to 1"
        return f"{'; '.join(parts)}. {bands}."


@dataclass(frozen=True)
class Scaling:
    """How spectra are brought to a common scale.

    Attributes:
        kind: `STORED`, `WHOLE`, `WINDOW` or `PHYSICAL`.
        window: As typed, Angstrom: `4000-4100`.
    """

    kind: str = STORED
    window: str = ""

    def limits(self, dataset: Dataset) -> tuple[float, float] | None:
        """Return the rest-frame window, Angstrom; None where spectra are not divided.

        Raises:
            ValueError: What was typed is no window.
        """
        if self.kind == WHOLE:
            return dataset.rest_range
        if self.kind != WINDOW:
            return None
        try:
            low, high = (float(word) for word in self.window.split("-"))
        except ValueError:
            low, high = 0.0, 0.0
        if not low < high:
            raise ValueError(f"a window is two wavelengths, as in 4000-4100; got {self.window!r}")
        return low, high


def tables(dataset: Dataset, column: str, groups: Groups) -> tuple[str, str]:
    """Return the tables of columns and of classes, HTML, empty where there is none.

    Args:
        dataset: Of the session.
        column: Column of classes; empty where there is none.
        groups: What to compare.
    """
    if not all(len(rows) for rows in groups.rows.values()):
        return "", ""
    pair = (groups.names[0], groups.names[1] or "–")
    shares = composition(dataset, column, *groups.masks) if column else []
    found = differences(dataset, *groups.masks) if groups.names[1] else []
    return (
        differences_html(dataset, found, pair) if found else "",
        composition_html(shares, pair) if shares else "",
    )


def stacks(dataset: Dataset, groups: Groups, scaling: Scaling) -> list[Population] | str:
    """Return the stacked spectra of the groups, or why there are none; slow."""
    rows, atlas = groups.rows, dataset.atlas
    norms = atlas.catalog["norm"].to_numpy(float) if scaling.kind == PHYSICAL else None
    if not all(len(these) for these in rows.values()):
        return []
    try:
        read = read_populations(
            atlas.source, atlas.model, rows, most=MOST_STACKED,
            window=scaling.limits(dataset), norms=norms,
        )  # fmt: skip
    except (ValueError, OSError) as error:
        return f"No spectra: {error}"
    return [read[name] for name in rows]


class CompareView(pn.viewable.Viewer):
    """What makes these different from those."""

    def __init__(self, state: ExplorerState) -> None:
        """Make the widgets; they are filled when their tab is open."""
        super().__init__()
        self._state = state
        self._comparing, self._stacking = Latest(), Latest()
        self._filling = False
        self._populations: list[Population] = []
        self._stacked: tuple[Groups, Scaling] | None = None
        wide = SMALL | {"sizing_mode": "stretch_width"}
        self.first = pmui.Select(label="these", options=[], **wide)
        self.second = pmui.Select(label="against", options=[], **wide)
        self.kind = pmui.RadioButtonGroup(label="", options=[MEAN, MEDIAN], value=MEAN, **SMALL)
        self.scale = pmui.Select(
            label="divided by", options=[STORED, WHOLE, WINDOW], value=STORED, width=120, **SMALL
        )
        if "norm" in state.dataset.catalog:
            self.scale.options = [STORED, WHOLE, WINDOW, PHYSICAL]
        self.window = pmui.TextInput(
            label="from-to, rest Å", value="4000-4100", width=110, visible=False, **SMALL
        )
        self.save = pmui.IconButton(
            icon="download", description="Save the stacks as CSV", size="small", margin=0,
            align="center",
        )  # fmt: skip
        self.download = Download()
        self.classes_of = pmui.Select(label="classes of", options=[], width=150, **SMALL)
        self.words = line("")
        self.spectra = StackedSpectra(state)
        self.classes = Html("", stylesheets=[_STYLE], margin=(4, 8), sizing_mode="stretch_width")
        self.columns = Html("", stylesheets=[_STYLE], margin=(4, 8), sizing_mode="stretch_width")
        for widget in (self.first, self.second):
            widget.param.watch(lambda *_: self._choose(), "value")
        self.scale.param.watch(lambda *_: self._rescale(), "value")
        self.window.param.watch(lambda *_: self.follow(), "value")
        self.save.on_click(lambda _event: self._save())
        self.classes_of.param.watch(lambda *_: self._filling or self.follow(), "value")
        self.kind.param.watch(lambda *_: self._draw(), "value")

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the choices, the spectra, the tables."""
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        return pn.Column(
            pn.Row(self.first, self.second, self.save, self.download, **wide),
            pn.Row(self.kind, self.scale, self.window, **wide),
            self.words, self.spectra, self.columns,
            pn.Row(self.classes_of, sizing_mode="stretch_width", margin=0), self.classes,
            sizing_mode="stretch_both", scroll="y-auto", margin=0,
        )  # fmt: skip

    @property
    def groups(self) -> tuple[str, str]:
        """The groups compared: those of the state as far as they are there, else the usual ones."""
        there = group_names(self._state)
        wanted = self._state.compared
        if len(wanted) == 2 and wanted[0] in there and wanted[1] in (*there, NOTHING):
            return wanted[0], wanted[1]
        named = [*self._state.dataset.conditions]
        if SELECTED in there:
            return SELECTED, OTHERS
        return (named[0], named[1]) if len(named) > 1 else (SHOWN, NOTHING)

    def follow(self) -> None:
        """Compare the groups of the state."""
        state, dataset, (first, second) = self._state, self._state.dataset, self.groups
        there = group_names(state)
        self._filling = True
        self.first.param.update(options=there, value=first)
        self.second.param.update(options=[NOTHING, *there], value=second)
        of_words = dataset.class_columns
        column = self.classes_of.value if self.classes_of.value in of_words else ""
        column = column or ("class" if "class" in of_words else (of_words or [""])[0])
        self.classes_of.param.update(options=of_words, value=column or None)
        self._filling = False
        one = second == NOTHING
        masks = (group(state, first), group(state, first if one else second))
        groups = Groups((first, "" if one else second), masks)
        self.words.object = escape(groups.told())
        self._comparing.submit(lambda: tables(dataset, column, groups), self._show_tables)
        scaling = Scaling(str(self.scale.value), self.window.value or "")
        before = self._stacked
        if before is None or before[1] != scaling or not _same(groups, before[0]):
            self._stacked = groups, scaling
            self._stacking.submit(lambda: stacks(dataset, groups, scaling), self._show_stacks)

    def _rescale(self) -> None:
        self.window.visible = self.scale.value == WINDOW
        self.follow()

    def _save(self) -> None:
        if not self._populations or self._stacked is None:
            warn("There is no stack to save; choose groups that hold objects.")
            return
        names = [name for name in self._stacked[0].names if name]
        self.download.send(stacks_csv(names, self._populations))

    def _choose(self) -> None:
        pair = [self.first.value, self.second.value]
        if None not in pair and not self._filling:
            self._state.compared = pair

    def _show_tables(self, made: tuple[str, str]) -> None:
        self.columns.object, self.classes.object = made

    def _show_stacks(self, made: list[Population] | str) -> None:
        if isinstance(made, str):
            self.words.object = escape(made)
        self._populations = [] if isinstance(made, str) else made
        lost = sum(item.n_left_out for item in self._populations)
        if lost:
            self.words.object += f" {lost} spectra do not show the window and are left out."
        self._draw()

    def _draw(self) -> None:
        unit = UNITS[str(self.scale.value)]
        self.spectra.draw(self._populations, kind=str(self.kind.value), unit=unit)


def stacks_csv(names: Sequence[str], populations: Sequence[Population]) -> Exported:
    """Return stacked spectra as a table: a row for each rest-frame wavelength."""
    columns: dict[str, FloatArray] = {"wave_rest": populations[0].stack.wave}
    for name, item in zip(names, populations, strict=True):
        low, middle, high = item.quantiles
        columns |= {
            f"{name} mean": item.stack.flux, f"{name} mean_err": item.stack.error,
            f"{name} median": middle, f"{name} median_err": item.median_error,
            f"{name} p16": low, f"{name} p84": high, f"{name} count": item.stack.count,
        }  # fmt: skip
    text = pd.DataFrame(columns).to_csv(index=False, lineterminator="\n", float_format="%.7g")
    return Exported("stacks.csv", "text/csv", text.encode())


def _same(groups: Groups, others: Groups) -> bool:
    return groups.names == others.names and all(map(np.array_equal, groups.masks, others.masks))
