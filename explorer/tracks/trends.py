"""What changes along a track: support, measured lines, and two diagnostic planes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import panel as pn
from bokeh.models import ColumnDataSource, Range1d, Whisker

from data.arrays import FloatArray
from data.columns import column
from explorer.spectrum.feature_table import FEATURES
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.text import line
from explorer.theme.theme import new_figure
from explorer.tracks.result import Decoded, Observed
from explorer.tracks.spectra import shades

HEIGHT = 150
SUPPORT = "support"


class TrackTrends(pn.viewable.Viewer):
    """A panel for each feature: decoded as a line, observed as points with errors."""

    def __init__(self, state: ExplorerState) -> None:
        """Start empty."""
        super().__init__()
        self._state = state
        self._inks = Inks(state)
        self._range: Any = Range1d(start=0.5, end=2.5)
        self.decoded: Any = ColumnDataSource(
            {"knot": [], SUPPORT: [], "colour": []}, name="track trends"
        )
        self.observed: Any = ColumnDataSource({"knot": []})
        self.lost: Any = ColumnDataSource({"x0": [], "x1": []})
        self.now: Any = ColumnDataSource({"x": []})
        self.figures = {SUPPORT: self._support_figure()}
        self.figures |= {name: self._figure(name) for name in FEATURES}
        self._inks.paint(*self.figures.values())

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the panels in three columns."""
        panes = [
            pn.pane.Bokeh(fig, sizing_mode="stretch_width", height=HEIGHT, margin=0)
            for fig in self.figures.values()
        ]
        return pn.Column(
            line(
                "Lines: measured on the decoded knots; points: on the observed stacks, with errors "
                "where they are known. HδA: emission taken off; width of Hα: without [N II], the "
                "instrument included."
            ),
            pn.GridBox(*panes, ncols=3, sizing_mode="stretch_width", margin=0),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def _empty(self, title: str) -> Any:  # noqa: ANN401 - Bokeh's figure
        fig: Any = new_figure(
            title=title, height=HEIGHT, sizing_mode="stretch_width", tools=[],
            x_range=self._range, y_range=Range1d(start=0, end=1), min_border_left=40,
            min_border_right=8,
        )  # fmt: skip
        fig.title.update(text_font_size="11px", text_font_style="normal", standoff=1)
        fig.yaxis.ticker.desired_num_ticks = 3
        fig.xgrid.visible = False
        lost = fig.vstrip("x0", "x1", source=self.lost, fill_alpha=0.5, line_color=None)
        now = fig.vspan("x", source=self.now, line_width=1.5, line_alpha=0.6)
        self._inks.add(lost, fill_color="masked")
        self._inks.add(now, line_color="accent")
        return fig

    def _support_figure(self) -> Any:  # noqa: ANN401 - Bokeh's figure
        fig = self._empty("objects (grey: extrapolated)")
        fig.vbar(
            "knot", top=SUPPORT, width=0.8, source=self.decoded, fill_color="colour",
            line_color=None,
        )  # fmt: skip
        return fig

    def _figure(self, name: str) -> Any:  # noqa: ANN401 - Bokeh's figure
        fig = self._empty(column(name).title)
        for source, names in (
            (self.decoded, [name]), (self.observed, [name, f"{name}_low", f"{name}_high"]),
        ):  # fmt: skip
            source.data.update({part: [] for part in names})
        whisker: Any = Whisker(
            base="knot", lower=f"{name}_low", upper=f"{name}_high", source=self.observed,
            line_width=1, level="underlay", upper_head=None, lower_head=None,
        )  # fmt: skip
        fig.add_layout(whisker)
        points = fig.scatter("knot", name, source=self.observed, size=5, line_color=None)
        trend = fig.line("knot", name, source=self.decoded, line_width=1.8)
        self._inks.add(points, fill_color="text")
        self._inks.add(whisker, line_color="text")
        self._inks.add(trend, line_color="model")
        return fig

    def draw(self, decoded: Decoded, observed: Observed | None) -> None:
        """Show a track; `observed` is None while it is read."""
        track = decoded.track
        knot = np.arange(1, len(track) + 1)
        self._range.update(start=0.5, end=len(track) + 0.5)
        lost = knot[track.extrapolated]
        self.lost.data = {"x0": lost - 0.5, "x1": lost + 0.5}
        self.decoded.data = {
            "knot": knot, SUPPORT: track.support,
            "colour": shades(len(track), dark=self._state.dark),
        } | {name: decoded.trends[name].to_numpy(float) for name in FEATURES}  # fmt: skip
        self.observed.data = observed_columns(None if observed is None else observed.trends)
        self.figures[SUPPORT].y_range.update(start=0, end=1.1 * max(int(track.support.max()), 1))
        for name in FEATURES:
            ends = [self.decoded.data[name], self.observed.data[name]]
            low, high = _limits(np.concatenate([np.asarray(item, float) for item in ends]))
            self.figures[name].y_range.update(start=low, end=high)

    def mark(self, knot: int) -> None:
        """Mark a knot, from 0."""
        self.now.data = {"x": [knot + 1]}


def observed_columns(trends: pd.DataFrame | None) -> dict[str, FloatArray]:
    """Return the observed features with the ends of their error bars, a value a knot."""
    columns: dict[str, FloatArray] = {
        "knot": np.empty(0) if trends is None else np.arange(1, len(trends) + 1).astype(float)
    }
    for name in FEATURES:
        if trends is None:
            columns |= {name: np.empty(0), f"{name}_low": np.empty(0), f"{name}_high": np.empty(0)}
            continue
        value = trends[name].to_numpy(float)
        error = trends[f"{name}_err"].to_numpy(float) if f"{name}_err" in trends else np.nan * value
        columns |= {name: value, f"{name}_low": value - error, f"{name}_high": value + error}
    return columns


def _limits(values: FloatArray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    pad = 0.12 * (high - low) or max(abs(high) * 0.1, 0.1)
    return low - pad, high + pad
