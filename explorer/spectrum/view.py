"""The spectrum of the selected object: data, reconstruction, residual in sigma, decoded model."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import panel as pn
from bokeh.events import DoubleTap, RangesUpdate, Reset, SelectionGeometry

from data.arrays import BoolArray
from explorer.server.latest import Latest
from explorer.server.messages import afterwards, together
from explorer.spectrum.axis import WavelengthAxis, runs
from explorer.spectrum.insets import Insets
from explorer.spectrum.inspection import Inspection, RestSpectrum, inspect, rest_spectra, told
from explorer.spectrum.limits import flux_limits, is_continuum, residual_limit
from explorer.spectrum.line_marks import line_positions
from explorer.spectrum.panels import RESIDUAL_HEIGHT, SpectrumPanels
from explorer.spectrum.pins import PinBar, pinned_curves
from explorer.spectrum.selection_stack import SelectionStack
from explorer.spectrum.smoothing import Smoothed, smooth, smoothed
from explorer.spectrum.toolbar import toolbar
from explorer.spectrum.trial import TrialView
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.text import line
from explorer.theme.theme import inner_size


class SpectrumView(pn.viewable.Viewer):
    """Flux, reconstruction and decoded model above, residual in sigma below, on one axis."""

    def __init__(self, state: ExplorerState, axis: WavelengthAxis) -> None:
        """Make the figures; they fill when an object is selected."""
        super().__init__()
        self._state = state
        self._axis = axis
        self._reading = Latest(inline_if_fast=True)
        self.inspection: Inspection | None = None
        self._drawn: Smoothed | None = None
        self._neighbours: list[RestSpectrum] = []
        self._pins: list[RestSpectrum] = []
        inks = Inks(state)
        second = state.dataset.second
        self.panels = SpectrumPanels(axis, inks, second="" if second is None else second.name)
        self.compared = line("", visible=second is not None)
        self.pixels, self.lines = self.panels.pixels, self.panels.lines
        self.insets = Insets(state)
        self.stack = SelectionStack(state, self.panels.stack, self._fill)
        self._listen()
        inks.paint(self.panels.flux, self.panels.residual)
        self._name_axis()
        self._read()
        self.stack.read()

    def _listen(self) -> None:
        state = self._state
        for fig in (self.panels.flux, self.panels.residual):
            fig.on_event(RangesUpdate, lambda _event: self._moved())
            for event in (Reset, DoubleTap):
                fig.on_event(event, lambda _event: self.show_all())
            fig.on_event(SelectionGeometry, self._on_window)
        for names, react in (
            (["selected", "guest", "overplot_neighbours", "pins", "trial_z"], self._read),
            (["frame"], self._change_frame),
            (["smoothing", "stacked"], self._fill),
            (["flux_range"], self._fit_flux),
            (["lines"], self._draw_lines),
            (["picking_window"], lambda: self.panels.pick_window(state.picking_window)),
        ):
            state.param.watch(lambda *_, react=react: react(), names)

    def choices(self) -> pn.Column:
        """Return the choices that belong above the figures.

        Panel takes the least height of a column from children that say theirs, and the choices
        wrap where the page is narrow: in one column with the figures they would push those over
        what lies below.
        """
        pins = PinBar(self._state)
        choices = toolbar(self._state, self.show_all, pins.pin)
        trial = TrialView(self._state)
        texts = trial, self.stack.words, self.compared
        return pn.Column(choices, pins, *texts, sizing_mode="stretch_width", margin=0)

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the two figures in a column."""
        return pn.Column(
            pn.pane.Bokeh(self.panels.flux, sizing_mode="stretch_both", margin=0, min_height=250),
            pn.pane.Bokeh(
                self.panels.residual, sizing_mode="stretch_width", height=RESIDUAL_HEIGHT, margin=0
            ),
            sizing_mode="stretch_both",
            margin=0,
        )

    def _on_window(self, event: Any) -> None:  # noqa: ANN401 - Bokeh's event
        shape = event.geometry or {}
        if event.final and self.inspection is not None and shape.get("type") == "rect":
            to_rest = 1.0 if self._state.frame == "rest" else 1.0 / (1.0 + self.inspection.z)
            low, high = sorted((shape["x0"] * to_rest, shape["x1"] * to_rest))
            self._state.param.update(window=(low, high), picking_window=False)

    # What follows from the state.

    def _read(self) -> None:
        state, chosen = self._state, self._state.chosen
        if chosen is None:
            self._reading.drop()
            self.display(None, [], [])
            return
        others = state.near() if state.overplot_neighbours else []
        pins, trial = state.pinned_rows(), state.trial_z

        def work() -> tuple[Inspection, list[RestSpectrum], list[RestSpectrum]]:
            dataset = state.dataset
            drawn = rest_spectra(dataset, others), rest_spectra(dataset, pins)
            return inspect(dataset, chosen, z=trial), *drawn

        self._reading.submit(work, lambda result: self.display(*result))

    def display(
        self,
        inspection: Inspection | None,
        neighbours: list[RestSpectrum],
        pins: list[RestSpectrum],
    ) -> None:
        """Show one object, and the rest-frame spectra of neighbours and pinned objects behind."""
        self.inspection = inspection
        self._neighbours, self._pins = neighbours, pins
        self.panels.flux.legend[0].visible = inspection is not None  # no swatches without data
        if inspection is None:
            self._drawn = None
            self.panels.clear()
            self.insets.show(None, None, {}, factor=1.0)
            self._fill()
            self._draw_lines()
            return
        if not self._axis.zoomed:
            self._axis.go_home(inspection.wave, inspection.z)
        self.compared.object = escape(told(self._state.dataset, inspection))
        self._fill()
        self._draw_lines()

    def _fill(self) -> None:
        item, panels, width = self.inspection, self.panels, self._state.smoothing
        self._name_axis()
        if item is None:
            self._fill_stack_alone(width)
            return
        self._drawn = drawn = smoothed(item, width)
        factor = self._axis.factor(item.z)
        wave = item.wave * factor
        panels.pixels.data = {
            "wave": wave, "flux": drawn.flux.astype(np.float32),
            "low": (drawn.flux - drawn.noise).astype(np.float32),
            "high": (drawn.flux + drawn.noise).astype(np.float32),
            "model": drawn.model.astype(np.float32),
            "residual": drawn.residual.astype(np.float32),
            **({"second": drawn.second.astype(np.float32)} if self._state.dataset.second else {}),
        }  # fmt: skip
        panels.readout.show(item, factor)
        shift = factor * (1.0 + item.z)
        self.stack.draw(shift=shift, width=width)
        panels.rest.data = {"wave": item.wave_rest * shift, "flux": drawn.decoded}
        panels.shading["masked"].data = runs(item.masked & ~item.sky, wave)
        panels.shading["sky"].data = runs(item.sky, wave)
        panels.neighbours.data = {
            "xs": [wave * shift for wave, _flux in self._neighbours],
            "ys": [smooth(flux, np.isfinite(flux), width) for _w, flux in self._neighbours],
        }
        panels.pins.data = pinned_curves(
            self._pins, shift=shift, width=width, stacked=self._state.stacked, below=drawn.flux
        )
        afterwards(self._fill_insets)
        limit = residual_limit(drawn.residual)
        panels.residual.y_range.update(start=-limit, end=limit)
        self._fit_flux()

    def _fill_stack_alone(self, width: int) -> None:
        """Show the selected objects, in the rest frame, while none is inspected."""
        self.stack.draw(shift=1.0, width=width)
        if self.stack.population is not None:
            self._axis.go_home(self.stack.population.stack.wave, 0.0)
            low, high = np.nanpercentile(self.stack.population.quantiles[::2], [0.5, 99.5])
            self.panels.flux.y_range.update(start=low, end=high)

    def _fit_flux(self) -> None:
        """Fit the height of the flux to the pixels asked for."""
        item, drawn = self.inspection, self._drawn
        if item is not None and drawn is not None:
            low, high = flux_limits(drawn.flux, drawn.noise, drawn.model, inside=self._fitted(item))
            for curve in (*self.panels.pins.data["ys"], *self.stack.curves):
                least, most = np.nanpercentile(curve, [0.5, 99.5])
                low, high = min(low, least), max(high, most)
            self.panels.flux.y_range.update(start=low, end=high)
        self.panels.mark_cuts()

    def _fitted(self, item: Inspection) -> BoolArray | None:
        """Return the pixels that the height of the flux is fitted to; None = all."""
        if self._state.flux_range == "continuum":
            return is_continuum(item.wave / (1.0 + item.z))
        if self._state.flux_range == "window":
            wave = item.wave * self._axis.factor(item.z)
            return (wave >= self._axis.x_range.start) & (wave <= self._axis.x_range.end)
        return None

    def _fill_insets(self) -> None:
        item, drawn = self.inspection, self._drawn
        if item is not None and drawn is not None:
            shading = {role: source.data for role, source in self.panels.shading.items()}
            factor = self._axis.factor(item.z) * (1.0 + item.z)
            self.insets.show(item, drawn, shading, factor=factor)

    def _moved(self) -> None:
        """Follow the user's zoom."""
        with together():
            self._draw_lines()
            if self._state.flux_range == "window":
                self._fit_flux()
            else:
                self.panels.mark_cuts()

    def _change_frame(self) -> None:
        if self.inspection is not None:
            self._axis.go_home(self.inspection.wave, self.inspection.z)
        self._fill()
        self._draw_lines()

    def _name_axis(self) -> None:
        alone = self.inspection is None and self.stack.population is not None
        frame = "rest" if alone else self._state.frame
        self.panels.residual.xaxis.axis_label = f"{frame} wavelength [Å]"

    def show_all(self) -> None:
        """Undo every zoom."""
        if self.inspection is not None:
            with together():
                self._axis.go_home(self.inspection.wave, self.inspection.z)
                self._fit_flux()
                self._draw_lines()

    def _draw_lines(self) -> None:
        item, state = self.inspection, self._state
        found = [] if item is None else line_positions(state.lines, z=item.z, frame=state.frame)
        x_range = self._axis.x_range
        width = float((inner_size(self.panels.flux) or (600, 0))[0])
        self.lines.show(found, start=x_range.start, end=x_range.end, width=width)
