"""The stacked spectra of two groups of objects, and their difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import panel as pn
from bokeh.core.properties import value
from bokeh.models import (
    Band,
    ColumnDataSource,
    Legend,
    LegendItem,
    PanTool,
    Range1d,
    ResetTool,
    Span,
    WheelZoomTool,
)

from data.arrays import FloatArray
from data.lines.emission import LINES
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.theme import new_figure
from model.tracks.population import Population, difference, median_difference

ROLES = ("model", "decoded")
"""Inks of the two groups."""
REST = "rest wavelength [Å]"
MEAN, MEDIAN = "mean", "median"


class StackedSpectra(pn.viewable.Viewer):
    """Above: each group with the spread of its objects; below: first minus second, with error."""

    def __init__(self, state: ExplorerState) -> None:
        """Start empty."""
        super().__init__()
        self._state = state
        self._inks = Inks(state)
        start, end = state.dataset.rest_range
        self._x = Range1d(start=start, end=end)
        self.groups = [
            ColumnDataSource(
                {"wave": [], "flux": [], "low": [], "high": []}, name=f"group {number}"
            )
            for number in (1, 2)
        ]
        self.gap = ColumnDataSource(
            {"wave": [], "flux": [], "low": [], "high": []}, name="group difference"
        )
        self.above = self._figure("flux / norm", min_height=200)
        self.below = self._figure("difference", min_height=130)
        drawn = [
            self._add(self.above, source, role, spread=0.13)
            for source, role in zip(self.groups, ROLES, strict=True)
        ]
        self.key: Any = Legend(
            items=[LegendItem(renderers=[line]) for line in drawn], orientation="horizontal",
            location="top_right", label_text_font_size="10px", margin=2, spacing=10,
            glyph_height=12, glyph_width=18, border_line_color=None,
        )  # fmt: skip
        self.above.add_layout(self.key, "above")
        self._add(self.below, self.gap, "text", spread=0.35)
        zero = Span(location=0, dimension="width", line_width=1)
        self._inks.add(zero, line_color="faint")
        self.below.add_layout(zero)
        self.below.xaxis.axis_label = REST
        self._inks.paint(self.above, self.below)
        # A Bokeh pane does not hide its figure: a column does.
        pane = pn.pane.Bokeh(self.below, sizing_mode="stretch_width", margin=0)
        self._lower = pn.Column(pane, sizing_mode="stretch_width", margin=0)

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the two figures, above each other."""
        return pn.Column(
            pn.pane.Bokeh(self.above, sizing_mode="stretch_width", margin=0),
            self._lower,
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def _figure(self, label: str, *, min_height: int) -> Any:  # noqa: ANN401 - Bokeh's figure
        pan, wheel = PanTool(dimensions="width"), WheelZoomTool(dimensions="width")
        made = new_figure(
            y_axis_label=label, height=min_height, sizing_mode="stretch_width", x_range=self._x,
            y_range=Range1d(start=0, end=2), tools=[pan, wheel, ResetTool()],
            toolbar_location=None, min_border_left=52, min_border_right=16,
        )  # fmt: skip
        made.toolbar.update(active_drag=pan, active_scroll=wheel)
        for kind in ("emission", "absorption"):
            waves = [mark.wave for mark in LINES if mark.major and mark.kind == kind]
            marks = made.vspan(waves, line_alpha=0.35, line_width=1, line_dash="dotted")
            self._inks.add(marks, line_color=kind)
        return made

    def _add(self, fig: Any, source: Any, role: str, *, spread: float) -> Any:  # noqa: ANN401
        band = Band(
            base="wave", lower="low", upper="high", source=source, fill_alpha=spread, line_alpha=0
        )
        fig.add_layout(band)
        drawn = fig.line("wave", "flux", source=source, line_width=1.4)
        self._inks.add(band, fill_color=role)
        self._inks.add(drawn, line_color=role)
        return drawn

    def draw(
        self, populations: list[Population], *, names: Sequence[str], kind: str, unit: str
    ) -> None:
        """Show two groups, or one without a difference.

        Args:
            populations: One or two.
            names: Of the groups.
            kind: `mean` or `median` of the objects; the band holds the middle 68 % of them.
            unit: Of the flux.
        """
        for number, source in enumerate(self.groups):
            if number < len(populations):
                item = populations[number]
                flux = item.stack.flux if kind == MEAN else item.quantiles[1]
                self._put(source, item.stack.wave, flux, item.quantiles[0], item.quantiles[2])
            else:
                self._put(source, *[np.empty(0)] * 4)
        for item, name in zip(self.key.items, (*names, "", "")[:2], strict=True):
            item.update(label=value(name), visible=bool(name and populations))
        self._lower.visible = len(populations) == 2
        self.above.xaxis.axis_label = None if len(populations) == 2 else REST
        if len(populations) == 2:
            first, second = populations
            if kind == MEAN:
                gap, error = difference(first.stack, second.stack)
            else:
                gap, error = median_difference(first, second)
            self._put(self.gap, populations[0].stack.wave, gap, gap - error, gap + error)
        else:
            self._put(self.gap, *[np.empty(0)] * 4)
        self.above.yaxis.axis_label = unit
        shown = self._state.dataset.rest_observed
        for fig, sources in ((self.above, self.groups), (self.below, [self.gap])):
            lines = [np.asarray(item.data["flux"], dtype=float) for item in sources]
            values = np.concatenate([item[shown] for item in lines if len(item)] or [np.empty(0)])
            values = values[np.isfinite(values)]
            if len(values):
                low, high = (float(end) for end in np.percentile(values, [0.2, 99.8]))
                pad = 0.15 * (high - low) or 1.0
                fig.y_range.update(start=low - pad, end=high + pad)

    def _put(self, source: Any, wave: FloatArray, *columns: FloatArray) -> None:  # noqa: ANN401
        named = zip(("wave", "flux", "low", "high"), (wave, *columns), strict=True)
        source.data = {name: np.asarray(values, dtype=np.float32) for name, values in named}
