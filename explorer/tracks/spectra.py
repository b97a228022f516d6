"""The spectra of a track: an offset stack, and one knot with what was observed behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, Range1d
from bokeh.palettes import Viridis256

from data.arrays import FloatArray
from data.lines.emission import LINES
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.theme import new_figure
from explorer.tracks.result import Decoded, Observed

MOST_GROUPS = 1500
"""Groups of pixels of each spectrum of the offset stack, of which the lowest and the highest are
drawn: all pixels would take three times as long to paint. The single knot shows all."""


def shades(n_knot: int, *, dark: bool) -> list[str]:
    """Return the colours of the knots, from the first to the last, all readable on the paper."""
    first, last = (75, 255) if dark else (0, 225)
    return [Viridis256[round(at)] for at in np.linspace(first, last, n_knot)]


def thinned(wave: FloatArray, spectra: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and the highest pixel of each group of neighbours, where they lie.

    So that narrow lines, in emission and in absorption, keep their heights and wavelengths.

    Args:
        wave: Increasing, Angstrom, shape (n_pixel,).
        spectra: Shape (n, n_pixel).

    Returns:
        Wavelengths and flux of the pixels kept, shape (n, n_kept) each; all of them where there
        are few.
    """
    size = max(1, len(wave) // MOST_GROUPS)
    if size <= 2:
        return np.tile(wave, (len(spectra), 1)), spectra
    n_grouped = len(wave) // size * size
    groups = spectra[:, :n_grouped].reshape(len(spectra), -1, size)
    ends = np.sort(np.stack([groups.argmin(axis=2), groups.argmax(axis=2)], axis=2), axis=2)
    kept = (ends + np.arange(0, n_grouped, size)[:, None]).reshape(len(spectra), -1)
    last = np.tile(np.arange(n_grouped, len(wave)), (len(spectra), 1))
    kept = np.concatenate([kept, last], axis=1)
    return wave[kept], np.take_along_axis(spectra, kept, axis=1)


class TrackSpectra(pn.viewable.Viewer):
    """Two figures on one wavelength axis."""

    def __init__(self, state: ExplorerState) -> None:
        """Start empty."""
        super().__init__()
        self._state = state
        self._inks = Inks(state)
        start, end = state.dataset.rest_range
        self._range = Range1d(start=start, end=end)
        self.stack: Any = ColumnDataSource(
            {"xs": [], "ys": [], "colour": [], "width": []}, name="track spectra"
        )
        self.model: Any = ColumnDataSource({"wave": [], "flux": []}, name="track decoded")
        self.data: Any = ColumnDataSource(
            {"wave": [], "flux": [], "low": [], "high": []}, name="track observed"
        )
        self.figures = [self._stack_figure(), self._knot_figure()]
        self._inks.paint(*self.figures)
        state.param.watch(lambda *_: self._recolour(), "dark")

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the figures in a column."""
        return pn.Column(
            pn.pane.Bokeh(self.figures[0], sizing_mode="stretch_both", margin=0),
            pn.pane.Bokeh(self.figures[1], sizing_mode="stretch_width", height=230, margin=0),
            sizing_mode="stretch_both",
            margin=0,
        )

    def _figure(self, **options: Any) -> Any:  # noqa: ANN401 - Bokeh's figure
        fig: Any = new_figure(
            x_range=self._range, y_range=Range1d(start=0, end=2), min_border_left=52,
            min_border_right=8, tools="xpan,xwheel_zoom,reset", active_scroll="xwheel_zoom",
            **options,
        )  # fmt: skip
        for kind in ("emission", "absorption"):
            waves = [item.wave for item in LINES if item.major and item.kind == kind]
            marks = fig.vspan(waves, line_alpha=0.35, line_width=1, line_dash="dotted")
            self._inks.add(marks, line_color=kind)
        return fig

    def _stack_figure(self) -> Any:  # noqa: ANN401 - Bokeh's figure
        fig = self._figure(y_axis_label="decoded, offset", min_height=240, name="track stack")
        fig.multi_line(
            "xs", "ys", source=self.stack, line_color="colour", line_width="width", line_alpha=0.9
        )
        return fig

    def _knot_figure(self) -> Any:  # noqa: ANN401 - Bokeh's figure
        fig = self._figure(
            y_axis_label="flux / norm", x_axis_label="rest wavelength [Å]", height=230,
            sizing_mode="stretch_width", name="track knot",
        )  # fmt: skip
        band = fig.varea("wave", "low", "high", source=self.data, fill_alpha=0.45)
        data = fig.line(
            "wave",
            "flux",
            source=self.data,
            line_width=1.0,
            legend_label="observed, mean and error",
        )
        model = fig.line("wave", "flux", source=self.model, line_width=1.5, legend_label="decoded")
        self._inks.add(band, fill_color="noise")
        self._inks.add(data, line_color="text")
        self._inks.add(model, line_color="model")
        fig.legend.update(
            location="top_right", orientation="horizontal", label_text_font_size="10px",
            padding=3, margin=3, glyph_width=16, spacing=8, visible=False,
        )  # fmt: skip
        return fig

    def draw_stack(self, decoded: Decoded, knot: int) -> None:
        """Show all decoded spectra, the first at the bottom, one of them thicker."""
        wave = self._state.dataset.atlas.model.wave_rest
        flux, shown = decoded.spectra, self._state.dataset.rest_observed
        low_end, high_end = np.percentile(flux[:, shown], [1, 99], axis=1)
        offset = 0.6 * float(np.median(high_end - low_end)) or 1.0
        stacked = flux + offset * np.arange(len(flux))[:, None]
        xs, ys = thinned(wave, stacked)
        self.stack.data = {
            "xs": list(xs.astype(np.float32)), "ys": list(ys.astype(np.float32)),
            "colour": shades(len(flux), dark=self._state.dark),
            "width": self._widths(len(flux), knot),
        }  # fmt: skip
        # The strongest lines may leave the figure, so that the continua stay readable.
        seen = stacked[:, shown]
        low, high = float(seen.min()), float(np.percentile(seen, 98, axis=1).max())
        pad = 0.05 * (high - low) or 1.0
        self.figures[0].y_range.update(start=low - pad, end=high + 2 * pad)

    def draw_knot(self, decoded: Decoded, observed: Observed | None, knot: int) -> None:
        """Show one knot; `observed` is None while it is read."""
        wave = self._state.dataset.atlas.model.wave_rest
        self.figures[1].legend.visible = True  # it has no swatches without data
        self.model.data = {"wave": wave, "flux": decoded.spectra[knot]}
        if observed is None:
            self.data.data = {"wave": [], "flux": [], "low": [], "high": []}
        else:
            stack = observed.stacks[knot]
            self.data.data = {
                "wave": stack.wave, "flux": stack.flux, "low": stack.flux - stack.error,
                "high": stack.flux + stack.error,
            }  # fmt: skip
        widths = self._widths(len(decoded.spectra), knot)
        if len(self.stack.data["width"]) == len(widths):
            self.stack.patch({"width": [(slice(None), widths)]})
        seen = decoded.spectra[knot][self._state.dataset.rest_observed]
        low, high = float(seen.min()), float(seen.max())
        pad = 0.12 * (high - low) or 1.0
        self.figures[1].y_range.update(start=low - pad, end=high + 2 * pad)

    def _widths(self, n_knot: int, knot: int) -> list[float]:
        return [2.6 if at == knot else 1.0 for at in range(n_knot)]

    def _recolour(self) -> None:
        n_knot = len(self.stack.data["colour"])
        if n_knot:
            self.stack.patch({"colour": [(slice(None), shades(n_knot, dark=self._state.dark))]})
