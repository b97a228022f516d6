"""The two figures of a spectrum: flux above, residual in sigma below, on one axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import (
    BoxSelectTool,
    ColumnDataSource,
    CustomJS,
    PanTool,
    Range1d,
    ResetTool,
    WheelZoomTool,
)

from explorer.spectrum.axis import WavelengthAxis
from explorer.spectrum.cut_marks import CutMarks, cut
from explorer.spectrum.line_marks import LineMarks
from explorer.spectrum.readout import Readout
from explorer.spectrum.selection_stack import COLUMNS as STACKED
from explorer.theme.inks import Inks

RESIDUAL_HEIGHT = 126
"""Pixels."""
_ZOOM_FLUX_JS = """
if (cb_obj.x >= x_range.start) return  // the pointer is right of the flux axis
const factor = Math.exp(-0.002 * cb_obj.delta)
const {start, end} = y_range
y_range.setv({
  start: cb_obj.y + (start - cb_obj.y) * factor,
  end: cb_obj.y + (end - cb_obj.y) * factor,
})
"""
"""Bokeh's wheel zoom of the wavelengths leaves the flux alone, also over its axis."""


class SpectrumPanels:
    """What is drawn of a spectrum, and the tools on it.

    Attributes:
        flux: The upper figure.
        residual: The lower figure.
        pixels: Columns `wave`, `flux`, `low`, `high`, `model`, `residual` of the data's pixels, and
            `second` where there is a second model.
        rest: The decoded spectrum.
        shading: Stretches shaded, by name of their ink: `masked`, `sky`.
        neighbours: Spectra of others.
        stack: Median and middle 68 % of the selected objects.
        pins: Spectra compared with, each in its own colour.
        lines: The spectral lines.
        readout: What lies under the pointer.
    """

    def __init__(self, axis: WavelengthAxis, inks: Inks, *, second: str = "") -> None:
        """Make empty figures on an axis.

        Args:
            axis: Of the wavelengths.
            inks: Colours them.
            second: Name of a second model whose reconstruction is drawn; empty without one.
        """
        self._second = second
        self._axis, self._inks = axis, inks
        self.pixels: Any = ColumnDataSource(
            {
                name: []
                for name in ("wave", "flux", "low", "high", "model", "residual")
                + (("second",) if second else ())
            },
            name="pixels",
        )
        self.rest: Any = ColumnDataSource({"wave": [], "flux": []}, name="decoded")
        self.shading: dict[str, Any] = {
            role: ColumnDataSource({"x0": [], "x1": []}) for role in ("masked", "sky")
        }
        self.neighbours: Any = ColumnDataSource({"xs": [], "ys": []})
        self.stack: Any = ColumnDataSource({name: [] for name in STACKED}, name="stack")
        self.pins: Any = ColumnDataSource({"xs": [], "ys": [], "colour": []}, name="pins")
        self.lines = LineMarks(inks)
        self._cuts = {name: CutMarks(inks, f"{name} cut") for name in ("flux", "residual")}
        self.flux = self._flux_figure()
        self.residual = self._residual_figure()
        self.readout = Readout([self.flux, self.residual], self.pixels, inks)
        self.window_tools = [self._add_tools(fig) for fig in (self.flux, self.residual)]
        zoom = CustomJS(
            args={"x_range": self.flux.x_range, "y_range": self.flux.y_range}, code=_ZOOM_FLUX_JS
        )
        self.flux.js_on_event("wheel", zoom)

    def _shade(self, fig: Any) -> None:  # noqa: ANN401 - Bokeh's figure
        for role, source in self.shading.items():
            shade = fig.vstrip("x0", "x1", source=source, fill_alpha=0.35, line_color=None)
            self._inks.add(shade, fill_color=role)
        self.lines.mark(fig)

    def _flux_figure(self) -> Any:  # noqa: ANN401 - Bokeh's figure
        fig = self._axis.strip(
            height=None, y_label="flux / norm", y_range=Range1d(start=0, end=2), name="flux"
        )
        fig.xaxis.visible = False
        self._shade(fig)
        band = fig.varea("wave", "low", "high", source=self.pixels, fill_alpha=0.30)
        others = fig.multi_line("xs", "ys", source=self.neighbours, line_width=0.8, line_alpha=0.6)
        spread = fig.varea("wave", "low", "high", source=self.stack, fill_alpha=0.18)
        middle = fig.line("wave", "middle", source=self.stack, line_width=1.4)
        self._inks.add(spread, fill_color="emission")
        self._inks.add(middle, line_color="emission")
        fig.multi_line(
            "xs", "ys", source=self.pins, line_width=1.0, line_alpha=0.9, line_color="colour"
        )
        flux = fig.line("wave", "flux", source=self.pixels, line_width=0.9, legend_label="data")
        rest = fig.line(
            "wave", "flux", source=self.rest, line_width=1.0, line_dash=[4, 2],
            legend_label="decoded", line_alpha=0.9,
        )  # fmt: skip
        model = fig.line(
            "wave", "model", source=self.pixels, line_width=1.6, legend_label="reconstruction"
        )
        self._inks.add(band, fill_color="noise")
        for curve, role in (
            (others, "highlight"), (flux, "text"), (rest, "decoded"), (model, "model"),
        ):  # fmt: skip
            self._inks.add(curve, line_color=role)
        if self._second:
            second = fig.line(
                "wave", "second", source=self.pixels, line_width=1.4, line_dash=[6, 2],
                legend_label=self._second,
            )  # fmt: skip
            self._inks.add(second, line_color="guest")
        self.lines.write_names(fig)
        self._cuts["flux"].mark(fig)
        legend = fig.legend[0]
        legend.update(
            orientation="horizontal", click_policy="hide", padding=0, margin=2, spacing=14,
            label_text_font_size="11px", glyph_width=18, glyph_height=12, label_height=12,
            label_standoff=4,
        )  # fmt: skip
        fig.add_layout(legend, "above")
        return fig

    def _residual_figure(self) -> Any:  # noqa: ANN401 - Bokeh's figure
        fig = self._axis.strip(
            height=RESIDUAL_HEIGHT,
            y_label="residual [\N{GREEK SMALL LETTER SIGMA}]",
            y_range=Range1d(start=-6, end=6),
            name="residual",
        )
        self._shade(fig)
        fig.yaxis.ticker.desired_num_ticks = 4
        sigma = fig.hstrip([-1.0], [1.0], fill_alpha=0.22, line_color=None)
        self._inks.add(sigma, fill_color="noise")
        fig.hspan([0.0], line_width=1, line_color="#888888")
        residual = fig.line("wave", "residual", source=self.pixels, line_width=0.8)
        self._inks.add(residual, line_color="text")
        self._cuts["residual"].mark(fig)
        return fig

    def _add_tools(self, fig: Any) -> tuple[Any, Any]:  # noqa: ANN401 - Bokeh's figure
        """Return the tool that drags a window, and the one that moves along the wavelengths."""
        pan, wheel = PanTool(dimensions="width"), WheelZoomTool(dimensions="width")
        window = BoxSelectTool(dimensions="width", persistent=False)
        fig.tools = [pan, wheel, window, ResetTool()]
        fig.toolbar.update(active_drag=pan, active_scroll=wheel)
        return window, pan

    def pick_window(self, wanted: bool) -> None:
        """Let dragging pick a window, or move along the wavelengths again."""
        for fig, (window, pan) in zip((self.flux, self.residual), self.window_tools, strict=True):
            fig.toolbar.active_drag = window if wanted else pan

    def clear(self) -> None:
        """Show no object."""
        for source in (self.pixels, self.rest, self.neighbours, self.pins, *self.shading.values()):
            source.data = {name: [] for name in source.data}
        self.mark_cuts()

    def mark_cuts(self) -> None:
        """Mark the values that the figures do not show."""
        data = self.pixels.data
        wave = np.asarray(data["wave"], dtype=float)
        for name, fig in (("flux", self.flux), ("residual", self.residual)):
            values = np.asarray(data[name], dtype=float)
            limits = {"low": fig.y_range.start, "high": fig.y_range.end}
            self._cuts[name].show(cut(wave, values, **limits) if len(wave) else {"x": [], "y": []})
