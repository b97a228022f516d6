"""The selected objects as a table, which is also the map's equivalent in text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
from bokeh.models import ScientificFormatter

from data.columns import SUMMARY
from explorer.components.pager import Pager
from explorer.controls.filters import counts_text
from explorer.server.latest import Latest
from explorer.state.dataset import Dataset
from explorer.state.state import ExplorerState
from explorer.theme.text import line

MAX_ROWS = 20_000
"""Rows offered; the rest is in the exports."""
PAGE_SIZE, ROW_HEIGHT = 25, 26
CHARACTER, PADDING = 8, 28
"""Pixels of a character of a name at most, and of what stands beside it in its column."""
_STYLE = """
:host .tabulator {font-size: 12px}
.tabulator .tabulator-tableholder .tabulator-table .tabulator-row .tabulator-cell {padding: 4px 8px}
.tabulator .tabulator-header .tabulator-col .tabulator-col-content {padding: 4px 8px}
"""
USUAL = (*SUMMARY, "log_mass", "log_ssfr")
"""Columns that every table has; what colours the map and the scores follow."""


class TableView(pn.viewable.Viewer):
    """Rows of what is selected (or shown); a click on one selects the object."""

    def __init__(self, state: ExplorerState) -> None:
        """Follow selection, filters and colour."""
        super().__init__()
        self._state = state
        self._making = Latest()
        self.words = line("")
        self.more = pmui.MultiChoice(
            label="more columns", options=others(state.dataset), value=[],
            width=300, margin=(4, 6), description="",
        )  # fmt: skip
        self.more.param.watch(lambda *_: self._fill(), "value")
        self.table: pn.widgets.Tabulator | None = None
        self._place = pn.Column(sizing_mode="stretch_width", margin=0)
        state.param.watch(lambda *_: self._fill(), ["shown", "subset", "colour", "tab", "added"])
        state.param.watch(lambda *_: self.more.param.update(options=others(state.dataset)), "added")
        state.param.watch(lambda *_: self._turn_to_selected(), "selected")

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the table under its summary."""
        self._fill()
        return pn.Column(
            self.words, self.more, self._place, sizing_mode="stretch_both", scroll=True, margin=4
        )

    def _fill(self) -> None:
        state = self._state
        if state.tab != "Table":
            return
        rows, dataset = state.rows(), state.dataset
        more = [state.colour, *dataset.added, *self.more.value]
        self.words.object = escape(summary(state, rows))
        self._making.submit(lambda: table_frame(dataset, rows[:MAX_ROWS], more), self._display)

    def _look(self, frame: pd.DataFrame) -> dict[str, Any]:
        """Return titles, which are HTML to Tabulator, and the looks of columns."""
        dataset = self._state.dataset
        return {
            "titles": {str(name): escape(dataset.label(str(name))) for name in frame.columns},
            "widths": name_widths(frame, ["object_id", *dataset.kinds.identifiers]),
            "formatters": {
                str(name): ScientificFormatter(
                    precision=5, power_limit_low=-3, power_limit_high=9, text_align="right"
                )
                for name in frame.select_dtypes("number").columns
            },
        }

    def _display(self, frame: pd.DataFrame) -> None:
        """Show rows; Tabulator loses what comes while it is built, so it is made with the first."""
        look = self._look(frame)
        if self.table is not None:
            self.table.param.update(**look, selection=[], value=frame, page=1)
            self._turn_to_selected()
            return
        page = page_of(frame, self._selected_id()) or 1
        self.table = pn.widgets.Tabulator(
            frame, **look,
            pagination="remote", page_size=PAGE_SIZE, page=page, show_index=False, disabled=True,
            selectable=1, sizing_mode="stretch_width", margin=(2, 4), layout="fit_data_fill",
            theme="simple", stylesheets=[_STYLE],
            configuration={"rowHeight": ROW_HEIGHT},
        )  # fmt: skip
        self.table.on_click(self._clicked)
        self._place[:] = [self.table, Pager()]
        self._turn_to_selected()  # marks its row: what is marked when it is made is the wrong one

    def _selected_id(self) -> str | None:
        state = self._state
        return None if state.selected is None else str(state.dataset.ids[state.selected])

    def _turn_to_selected(self) -> None:
        """Mark the row of the selected object, and turn to the page that it is on."""
        table = self.table
        if table is None or self._state.tab != "Table":
            return
        own_id = self._selected_id()
        table.selection = np.flatnonzero(table.value["object_id"] == own_id).tolist()
        if page := page_of(table.current_view, own_id):  # as it is sorted
            table.page = page

    def _clicked(self, event: Any) -> None:  # noqa: ANN401 - Panel's event
        assert self.table is not None  # it was clicked
        row = self._state.dataset.row(str(self.table.value["object_id"].iloc[event.row]))
        if row is not None:
            self._state.selected = row


def page_of(frame: pd.DataFrame, object_id: str | None) -> int | None:
    """Return the page of a table that an object is on, from 1; None if it is not listed."""
    place = np.flatnonzero(frame["object_id"] == object_id)
    return int(place[0]) // PAGE_SIZE + 1 if len(place) else None


def others(dataset: Dataset) -> dict[str, str]:
    """Return label -> column of what the table does not show by itself."""
    shown = {"object_id", *USUAL, *dataset.scores, *dataset.kinds.identifiers, *dataset.added}
    names = [str(name) for name in dataset.catalog.columns if str(name) not in shown]
    return {dataset.label(name): name for name in names}


def table_frame(dataset: Dataset, rows: np.ndarray, more: Sequence[str]) -> pd.DataFrame:
    """Return the table of some rows: id, usual facts, more columns, scores.

    Args:
        dataset: The atlas.
        rows: Rows of the catalogue.
        more: Names of columns; what is no column (`density`) is left out.
    """
    columns: dict[str, Any] = {"object_id": dataset.ids[rows]}
    for name in dataset.kinds.identifiers:  # as text: a browser's numbers have 16 digits
        cells = dataset.catalog[name].iloc[rows]
        columns[name] = cells.astype("string").fillna("").to_numpy(object)
    for name in dict.fromkeys([*USUAL, *more, *dataset.scores]):
        if name in dataset.numeric_columns:
            columns[name] = dataset.numeric(name)[rows].astype(float)
        elif name in dataset.catalog and name not in dataset.numeric_columns:
            columns[name] = dataset.catalog[name].iloc[rows].fillna("").astype(str).to_numpy()
    return pd.DataFrame(columns)


def name_widths(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, int]:
    """Return the pixels that the longest text of columns needs: Tabulator measures a page only."""
    return {
        name: PADDING + CHARACTER * max([len(name), *frame[name].astype(str).str.len()])
        for name in names
    }


def summary(state: ExplorerState, rows: np.ndarray) -> str:
    """Return the map in words: how many objects, and how their values spread."""
    dataset, parts = state.dataset, [counts_text(state)]
    if len(rows) > MAX_ROWS:
        parts.append(f"the first {MAX_ROWS:,} are listed")
    for name in dict.fromkeys(["z", state.colour]):
        if name in dataset.numeric_columns:
            values = dataset.numeric(name)[rows]
            values = values[np.isfinite(values)]
            if values.size:
                low, middle, high = np.percentile(values, [16, 50, 84])
                parts.append(
                    f"{dataset.label(name)}: median {middle:.4g}, 68 % in {low:.4g} to {high:.4g}"
                )
    return "; ".join(parts) + "."
