"""A histogram of any column, of the objects shown and of those selected; a brush selects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.events import SelectionGeometry
from bokeh.models import BoxAnnotation, BoxSelectTool, ColumnDataSource, Range1d

from data.arrays import BoolArray, FloatArray
from explorer.components.wrapping import wrapping
from explorer.server.latest import Latest
from explorer.server.messages import together
from explorer.state.dataset import Dataset
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.text import SMALL, line
from explorer.theme.theme import new_figure
from model.latent_axes import bulk

N_BIN = 60
BULK, REACH = (0.1, 99.9), 6.0
"""Percentiles that a histogram shows at least, and how far it goes (`model.latent_axes.bulk`)."""


@dataclass(frozen=True)
class Histogram:
    """Counts of a column.

    Attributes:
        edges: Of the bins, shape (n_bin + 1,).
        shown: Objects shown in each bin.
        selected: Those selected of them.
        n_beyond: Objects shown with a value outside.
        n_missing: Objects shown without a value.
    """

    edges: FloatArray
    shown: np.ndarray
    selected: np.ndarray
    n_beyond: int
    n_missing: int


def histogram(
    dataset: Dataset, column: str, *, shown: BoolArray | None, subset: BoolArray | None
) -> Histogram:
    """Count the bulk of a column; the bins are those of the whole atlas, whatever is shown."""
    values = dataset.numeric(column)
    edges = dataset.keep(("histogram edges",), lambda: _edges(values), columns=(column,))
    here = values if shown is None else values[shown]
    counts, _edges_again = np.histogram(here[np.isfinite(here)], edges)
    chosen = np.zeros_like(counts)
    if subset is not None:
        some = values[subset]
        chosen = np.histogram(some[np.isfinite(some)], edges)[0]
    n_finite = int(np.count_nonzero(np.isfinite(here)))
    return Histogram(edges, counts, chosen, n_finite - int(counts.sum()), len(here) - n_finite)


def _edges(values: FloatArray) -> FloatArray:
    finite = values[np.isfinite(values)].astype(float)
    low, high = (float(end) for end in bulk(finite, percentiles=BULK, reach=REACH))
    if not high > low:
        pad = max(abs(low) * 1e-3, 0.5)
        low, high = low - pad, high + pad
    return np.linspace(low, high, N_BIN + 1)


class HistogramView(pn.viewable.Viewer):
    """Bars of all objects shown, before them those selected."""

    def __init__(self, state: ExplorerState) -> None:
        """Make the figure; it is filled when its tab is open."""
        super().__init__()
        self._state = state
        self._counting = Latest(inline_if_fast=True)
        self._filling = False
        self._inks = Inks(state)
        self.column = pmui.Select(label="histogram of", options=[], width=230, **SMALL)
        self.share = pmui.Checkbox(label="as shares", value=False, **SMALL)
        self.words = line("")
        self.source = ColumnDataSource(
            {"left": [], "right": [], "shown": [], "selected": []}, name="histogram"
        )
        brush = BoxSelectTool(dimensions="width", persistent=False, continuous=False)
        self.figure: Any = new_figure(
            name="histogram figure", x_range=Range1d(start=0, end=1),
            y_range=Range1d(start=0, end=1), tools=[brush], min_height=220, toolbar_location=None,
        )  # fmt: skip
        self.figure.toolbar.active_drag = brush
        for name, role, alpha in (("shown", "faint", 0.5), ("selected", "model", 0.8)):
            bars = self.figure.quad(
                "left", "right", name, 0, source=self.source, fill_alpha=alpha, line_color=None
            )
            self._inks.add(bars, fill_color=role)
        self.brushed = BoxAnnotation(fill_alpha=0.12, line_alpha=0.8, visible=False)
        self._inks.add(self.brushed, fill_color="accent", line_color="accent")
        self.figure.add_layout(self.brushed)
        self.figure.on_event(SelectionGeometry, self._brush)
        self._inks.paint(self.figure)
        self.column.param.watch(self._choose, "value")
        self.share.param.watch(lambda *_: self.follow(), "value")

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the choice of the column above the figure."""
        return pn.Column(
            wrapping(self.column, self.share),
            pn.pane.Bokeh(self.figure, sizing_mode="stretch_both", margin=0),
            self.words, sizing_mode="stretch_both", margin=0,
        )  # fmt: skip

    def follow(self) -> None:
        """Show the column, the objects and the brush of the state."""
        state, dataset = self._state, self._state.dataset
        options = {dataset.label(name): name for name in dataset.numeric_columns}
        name = state.histogram if state.histogram in dataset.numeric_columns else ""
        name = name or (state.colour if state.colour in dataset.numeric_columns else "")
        name = name or dataset.numeric_columns[0]
        self._filling = True
        self.column.param.update(options=options, value=name)
        self._filling = False
        shown, subset = state.shown, state.subset
        self._counting.submit(
            lambda: (name, histogram(dataset, name, shown=shown, subset=subset)), self._show
        )

    def _choose(self, event: Any) -> None:  # noqa: ANN401 - param's event
        if event.new and not self._filling:
            self._state.histogram = event.new

    def _show(self, result: tuple[str, Histogram]) -> None:
        name, made = result
        bars = {"shown": made.shown.astype(float), "selected": made.selected.astype(float)}
        if self.share.value:
            bars = {part: counts / max(counts.sum(), 1) for part, counts in bars.items()}
        self.source.data = {"left": made.edges[:-1], "right": made.edges[1:], **bars}
        self.figure.x_range.update(start=made.edges[0], end=made.edges[-1])
        self.figure.y_range.update(start=0, end=1.05 * max(map(np.max, bars.values())) or 1.0)
        self.figure.xaxis.axis_label = self._state.dataset.label(name)
        self.figure.yaxis.axis_label = "share" if self.share.value else "objects"
        told = ["Drag over the bars to select."]
        told += [f"{made.n_beyond:,} objects lie beyond."] * (made.n_beyond > 0)
        told += [f"{made.n_missing:,} have no value."] * (made.n_missing > 0)
        self.words.object = " ".join(told)
        region = self._state.region or {}
        here = region.get("column") == name
        limits = {"left": region.get("low"), "right": region.get("high")} if here else {}
        self.brushed.update(visible=here, **limits)

    def _brush(self, event: Any) -> None:  # noqa: ANN401 - Bokeh's event
        shape = event.geometry or {}
        if event.final and shape.get("type") == "rect" and shape["x1"] > shape["x0"]:
            with together():
                self._state.region = {
                    "column": self.column.value, "low": shape["x0"], "high": shape["x1"],
                }  # fmt: skip
