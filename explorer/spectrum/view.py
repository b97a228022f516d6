"""The spectrum of the selected object: data, reconstruction, residual in sigma, decoded model."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.events import RangesUpdate, Reset, SelectionGeometry
from bokeh.models import (
    BoxSelectTool,
    ColumnDataSource,
    PanTool,
    Range1d,
    ResetTool,
    WheelZoomTool,
)
from bokeh.plotting import figure

from explorer.server.latest import Latest
from explorer.server.messages import afterwards
from explorer.spectrum.axis import WavelengthAxis, runs
from explorer.spectrum.insets import Insets
from explorer.spectrum.inspection import Inspection, RestSpectrum, inspect, rest_spectra, smooth
from explorer.spectrum.limits import flux_limits, residual_limit
from explorer.spectrum.line_marks import LineMarks, line_positions
from explorer.spectrum.toolbar import toolbar
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.theme import inner_size

RESIDUAL_HEIGHT = 126
"""Pixels."""


class SpectrumView(pn.viewable.Viewer):
    """Flux, reconstruction and decoded model above, residual in sigma below, on one axis."""

    def __init__(self, state: ExplorerState, axis: WavelengthAxis) -> None:
        """Make the figures; they fill when an object is selected."""
        super().__init__()
        self._state = state
        self._axis = axis
        self._reading = Latest(inline_if_fast=True)
        self.inspection: Inspection | None = None
        self.pixels: Any = ColumnDataSource(
            {name: [] for name in ("wave", "flux", "low", "high", "model", "residual")},
            name="pixels",
        )
        self.rest: Any = ColumnDataSource({"wave": [], "flux": []}, name="decoded")
        self.masked: Any = ColumnDataSource({"x0": [], "x1": []})
        self.sky: Any = ColumnDataSource({"x0": [], "x1": []})
        self.neighbours: Any = ColumnDataSource({"xs": [], "ys": []})
        self._inks = Inks(state)
        self.lines = LineMarks(self._inks)
        self.flux = self._flux_figure()
        self.residual = self._residual_figure()
        for fig in (self.flux, self.residual):
            self._add_tools(fig)
        self.insets = Insets(state)
        state.param.watch(lambda *_: self._read(), ["selected", "overplot_neighbours"])
        state.param.watch(lambda *_: self._change_frame(), ["frame"])
        state.param.watch(lambda *_: self._fill(), ["smoothing"])
        state.param.watch(lambda *_: self._draw_lines(), ["lines"])
        self._inks.paint(self.flux, self.residual)
        self._name_axis()
        self._read()

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the two figures in a column."""
        return pn.Column(
            toolbar(self._state),
            pn.pane.Bokeh(self.flux, sizing_mode="stretch_both", margin=0, min_height=250),
            pn.pane.Bokeh(
                self.residual, sizing_mode="stretch_width", height=RESIDUAL_HEIGHT, margin=0
            ),
            sizing_mode="stretch_both",
            min_height=400,
            margin=0,
        )

    # What is on the figures.

    def _shade(self, fig: figure) -> None:
        for source, role in ((self.masked, "masked"), (self.sky, "sky")):
            shade = fig.vstrip("x0", "x1", source=source, fill_alpha=0.35, line_color=None)
            self._inks.add(shade, fill_color=role)
        self.lines.mark(fig)

    def _flux_figure(self) -> figure:
        fig = self._axis.strip(
            height=None, y_label="flux / norm", y_range=Range1d(start=0, end=2), name="flux"
        )
        fig.xaxis.visible = False
        self._shade(fig)
        band = fig.varea("wave", "low", "high", source=self.pixels, fill_alpha=0.30)
        others = fig.multi_line("xs", "ys", source=self.neighbours, line_width=0.8, line_alpha=0.6)
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
        self.lines.write_names(fig)
        legend = fig.legend[0]
        legend.update(
            orientation="horizontal", click_policy="hide", padding=0, margin=2, spacing=14,
            label_text_font_size="11px", glyph_width=18, glyph_height=12, label_height=12,
            label_standoff=4,
        )  # fmt: skip
        fig.add_layout(legend, "above")
        return fig

    def _residual_figure(self) -> figure:
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
        return fig

    def _add_tools(self, fig: figure) -> None:
        pan, wheel = PanTool(dimensions="width"), WheelZoomTool(dimensions="width")
        window = BoxSelectTool(dimensions="width", persistent=False)
        fig.tools = [pan, wheel, window, ResetTool()]
        fig.toolbar.update(active_drag=pan, active_scroll=wheel)
        fig.on_event(RangesUpdate, lambda _event: self._draw_lines())
        fig.on_event(Reset, lambda _event: self._go_home())
        fig.on_event(SelectionGeometry, self._on_window)

        def arm(*_events: object) -> None:
            fig.toolbar.active_drag = window if self._state.picking_window else pan

        self._state.param.watch(arm, ["picking_window"])

    def _on_window(self, event: Any) -> None:  # noqa: ANN401 - Bokeh's event
        shape = event.geometry or {}
        if event.final and self.inspection is not None and shape.get("type") == "rect":
            to_rest = 1.0 if self._state.frame == "rest" else 1.0 / (1.0 + self.inspection.z)
            low, high = sorted((shape["x0"] * to_rest, shape["x1"] * to_rest))
            self._state.param.update(window=(low, high), picking_window=False)

    # What follows from the state.

    def _read(self) -> None:
        state, row = self._state, self._state.selected
        if row is None:
            self.display(None, [])
            return
        others = state.neighbours(row) if state.overplot_neighbours else []

        def work() -> tuple[Inspection, list[RestSpectrum]]:
            return inspect(state.dataset, row), rest_spectra(state.dataset, others)

        self._reading.submit(work, lambda result: self.display(*result))

    def display(
        self,
        inspection: Inspection | None,
        neighbours: list[RestSpectrum],
    ) -> None:
        """Show one object, and the rest-frame spectra of others behind it."""
        self.inspection = inspection
        self._neighbours = neighbours
        self.flux.legend[0].visible = inspection is not None  # it has no swatches without data
        if inspection is None:
            for source in (self.pixels, self.rest, self.masked, self.sky, self.neighbours):
                source.data = {name: [] for name in source.data}
            self.insets.show(None, {}, {}, factor=1.0)
            self._draw_lines()
            return
        self._fill()
        if self._state.frame == "rest":
            self._go_home()
        self._draw_lines()

    def _fill(self) -> None:
        item = self.inspection
        if item is None:
            return
        factor = self._axis.factor(item.z)
        wave = item.wave * factor
        flux = smooth(np.where(item.masked, np.nan, item.flux), item.ivar, self._state.smoothing)
        self.pixels.data = {
            "wave": wave, "flux": flux.astype(np.float32),
            "low": (flux - item.noise).astype(np.float32),
            "high": (flux + item.noise).astype(np.float32),
            "model": item.model.astype(np.float32),
            "residual": item.residual.astype(np.float32),
        }  # fmt: skip
        shift = factor * (1.0 + item.z)
        self.rest.data = {"wave": item.wave_rest * shift, "flux": item.decoded}
        self.masked.data = runs(item.masked & ~item.sky, wave)
        self.sky.data = runs(item.sky, wave)
        self.neighbours.data = {
            "xs": [wave * shift for wave, _flux in self._neighbours],
            "ys": [
                smooth(flux, np.isfinite(flux), self._state.smoothing)
                for _w, flux in self._neighbours
            ],
        }
        afterwards(self._fill_insets)
        low, high = flux_limits(flux, item.model)
        self.flux.y_range.update(start=low, end=high)
        limit = residual_limit(item.residual)
        self.residual.y_range.update(start=-limit, end=limit)

    def _fill_insets(self) -> None:
        item = self.inspection
        if item is not None:
            shading = {"masked": self.masked.data, "sky": self.sky.data}
            factor = self._axis.factor(item.z) * (1.0 + item.z)
            self.insets.show(item, self.pixels.data, shading, factor=factor)

    def _change_frame(self) -> None:
        self._name_axis()
        self._fill()
        self._go_home()

    def _name_axis(self) -> None:
        self.residual.xaxis.axis_label = f"{self._state.frame} wavelength [Å]"

    def _go_home(self) -> None:
        if self.inspection is not None:
            start, end = self._axis.home(self.inspection.wave, self.inspection.z)
            self._axis.x_range.update(start=start, end=end)
            self._draw_lines()

    def _draw_lines(self) -> None:
        item, state = self.inspection, self._state
        found = [] if item is None else line_positions(state.lines, z=item.z, frame=state.frame)
        x_range = self._axis.x_range
        width = float((inner_size(self.flux) or (600, 0))[0])
        self.lines.show(found, start=x_range.start, end=x_range.end, width=width)
