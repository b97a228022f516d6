"""Compares two groups of objects: their spectra, their classes, the columns that differ most."""

from __future__ import annotations

from html import escape

import panel as pn
import panel_material_ui as pmui

from explorer.components.wrapping import wrapping
from explorer.export.download import Download
from explorer.plots.composition import composition, composition_html
from explorer.plots.differences import differences, differences_html
from explorer.plots.groups import OTHERS, SELECTED, SHOWN, Groups, group, group_names
from explorer.plots.spectra import MEAN, MEDIAN, StackedSpectra
from explorer.plots.stacks import (
    PHYSICAL,
    STORED,
    UNITS,
    WHOLE,
    WINDOW,
    Scaling,
    stacks,
    stacks_csv,
)
from explorer.server.latest import Latest
from explorer.server.notices import warn
from explorer.server.panel_html import Html
from explorer.state.dataset import Dataset
from explorer.state.state import ExplorerState
from explorer.theme.text import SMALL, line
from model.tracks.population import Population

NOTHING = "nothing"
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


def tables(dataset: Dataset, column: str, groups: Groups) -> tuple[str, str]:
    """Return the tables of columns and of classes, HTML, empty where there is none.

    Args:
        dataset: Of the session.
        column: Column of classes; empty where there is none.
        groups: What to compare.
    """
    if not all(len(rows) for rows in groups.rows.values()):
        return "", ""
    shares = composition(dataset, column, *groups.masks) if column else []
    found = differences(dataset, *groups.masks) if groups.names[1] else []
    return (
        differences_html(dataset, found, groups.names) if found else "",
        composition_html(shares, groups.names) if shares else "",
    )


class CompareView(pn.viewable.Viewer):
    """What makes these different from those."""

    def __init__(self, state: ExplorerState) -> None:
        """Make the widgets; they are filled when their tab is open."""
        super().__init__()
        self._state = state
        self._comparing, self._stacking = Latest(), Latest()
        self._filling = False
        self._asked: tuple[Groups, Scaling] | None = None
        self._stacked: tuple[Groups, Scaling, list[Population]] | None = None
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
        return pn.Column(
            wrapping(self.first, self.second, self.save, self.download, margin=(6, 0, 0, 0)),
            wrapping(self.kind, self.scale, self.window),
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
        one = second in (NOTHING, first)
        masks = (group(state, first), group(state, first if one else second))
        groups = Groups((first, "" if one else second), masks)
        self.words.object = escape(groups.told())
        self._comparing.submit(lambda: tables(dataset, column, groups), self._show_tables)
        scaling = Scaling(str(self.scale.value), self.window.value or "")
        before = self._asked
        if before is None or before[1] != scaling or not groups.same(before[0]):
            self._asked = groups, scaling
            self._stacking.submit(
                lambda: stacks(dataset, groups, scaling),
                lambda made: self._show_stacks(groups, scaling, made),
            )

    def _rescale(self) -> None:
        self.window.visible = self.scale.value == WINDOW
        self.follow()

    def _save(self) -> None:
        groups, _scaling, populations = self._stacked or (None, None, [])
        if groups is None or not populations:
            warn("There is no stack to save; choose groups that hold objects.")
            return
        self.download.send(stacks_csv(list(groups.rows), populations))

    def _choose(self) -> None:
        pair = [self.first.value, self.second.value]
        if None not in pair and not self._filling:
            self._state.compared = pair

    def _show_tables(self, made: tuple[str, str]) -> None:
        self.columns.object, self.classes.object = made

    def _show_stacks(self, groups: Groups, scaling: Scaling, made: list[Population] | str) -> None:
        if isinstance(made, str):
            self.words.object = escape(made)
        populations = [] if isinstance(made, str) else made
        self._stacked = groups, scaling, populations
        lost = sum(item.n_left_out for item in populations)
        if lost:
            self.words.object += f" {lost} spectra do not show the window and are left out."
        self._draw()

    def _draw(self) -> None:
        if self._stacked is not None:
            groups, scaling, populations = self._stacked
            unit, kind = UNITS[scaling.kind], str(self.kind.value)
            self.spectra.draw(populations, names=groups.names, kind=kind, unit=unit)
