"""Zooms on the lines that tell most: H-alpha, H-beta, [O II], the 4000 A break."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, Range1d

from data.lines.emission import LINES
from explorer.spectrum.cut_marks import CutMarks, cut
from explorer.spectrum.inspection import Inspection
from explorer.spectrum.limits import flux_limits
from explorer.spectrum.smoothing import Smoothed
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.theme import new_figure


@dataclass(frozen=True)
class Window:
    """A stretch of the rest frame, vacuum Angstrom."""

    title: str
    low: float
    high: float


WINDOWS = (
    Window("[O II]", 3697.0, 3760.0),
    Window("4000 \N{LATIN CAPITAL LETTER A WITH RING ABOVE} break", 3850.0, 4150.0),
    Window("H\N{GREEK SMALL LETTER BETA} + [O III]", 4830.0, 5040.0),
    Window("H\N{GREEK SMALL LETTER ALPHA} + [N II]", 6510.0, 6630.0),
)
MARKED = tuple(
    line for line in LINES if line.major and any(w.low <= line.wave <= w.high for w in WINDOWS)
)
HEIGHT = 138
PERCENTILES = (0.05, 99.95)
"""Of the weighted pixels of a window: a line's peak counts, a pixel without weight does not."""
PIXEL_COLUMNS = ("wave", "flux", "low", "high", "model")


class Insets:
    """A row of small figures, each with the pixels of its window."""

    def __init__(self, state: ExplorerState) -> None:
        """Make empty figures.

        Args:
            state: The session, for its theme.
        """
        self.shading: dict[str, Any] = {
            role: ColumnDataSource({"x0": [], "x1": []}) for role in ("masked", "sky")
        }
        self.lines: dict[str, Any] = {
            kind: ColumnDataSource({"x": [], "name": [], "y": []})
            for kind in ("emission", "absorption")
        }
        self._inks = Inks(state)
        self._cuts = CutMarks(self._inks, "inset cut")
        self._pixels: list[Any] = []
        self.figures: list[Any] = [self._figure(window) for window in WINDOWS]
        self._inks.paint(*self.figures)
        state.param.watch(lambda *_: self._shrink_labels(), "dark")
        self._shrink_labels()

    def _figure(self, window: Window) -> Any:  # noqa: ANN401 - Bokeh's figure
        pixels: Any = ColumnDataSource({name: [] for name in PIXEL_COLUMNS})
        self._pixels.append(pixels)
        fig = new_figure(
            name=f"inset {window.title}", title=window.title, height=HEIGHT, tools=[],
            sizing_mode="stretch_width", min_border_left=30, min_border_right=9,
            x_range=Range1d(start=window.low, end=window.high), y_range=Range1d(start=0, end=1),
        )  # fmt: skip
        fig.title.update(
            text_font_size="11px", text_font_style="normal", standoff=1, align="center"
        )
        fig.xaxis.ticker.desired_num_ticks = 2
        fig.yaxis.ticker.desired_num_ticks = 3
        for role, source in self.shading.items():
            shade = fig.vstrip("x0", "x1", source=source, fill_alpha=0.35, line_color=None)
            self._inks.add(shade, fill_color=role)
        for kind, source in self.lines.items():
            marks = fig.vspan("x", source=source, line_alpha=0.5, line_dash="dashed")
            self._inks.add(marks, line_color=kind)
        band = fig.varea("wave", "low", "high", source=pixels, fill_alpha=0.3)
        data = fig.step("wave", "flux", source=pixels, mode="center", line_width=1.0)
        model = fig.line("wave", "model", source=pixels, line_width=1.6)
        fig.extra_y_ranges = {"unit": Range1d(start=0, end=1)}
        for kind, source in self.lines.items():
            names = fig.text(
                "x", "y", "name", source=source, y_range_name="unit", angle=np.pi / 2,
                text_font_size="9px", text_baseline="bottom", text_align="right",
            )  # fmt: skip
            # One colour for all: a column of colours fails while Bokeh changes its length.
            self._inks.add(names, text_color=kind)
        self._cuts.mark(fig)
        self._inks.add(band, fill_color="noise")
        self._inks.add(data, line_color="text")
        self._inks.add(model, line_color="model")
        return fig

    def row(self) -> pn.Row:
        """Return the figures side by side."""
        panes = [
            pn.pane.Bokeh(fig, sizing_mode="stretch_width", height=HEIGHT, margin=0)
            for fig in self.figures
        ]
        return pn.Row(*panes, sizing_mode="stretch_width", height=HEIGHT, margin=(0, 10, 0, 0))

    def show(
        self,
        item: Inspection | None,
        drawn: Smoothed | None,
        shading: Mapping[str, Any],
        *,
        factor: float,
    ) -> None:
        """Move the windows to an object.

        Args:
            item: The object, or None.
            drawn: What is drawn of it, or None.
            shading: Stretches to shade, columns `x0` and `x1`, by name of their ink.
            factor: From rest to drawn wavelengths.
        """
        if item is None or drawn is None:
            self._cuts.show()
            for source in (*self.lines.values(), *self.shading.values(), *self._pixels):
                source.data = {name: [] for name in source.data}
            return
        for role, stretches in shading.items():
            self.shading[role].data = dict(stretches)
        for kind, source in self.lines.items():
            lines = [line for line in MARKED if line.kind == kind]
            source.data = {
                "x": [line.wave * factor for line in lines],
                "name": [line.name for line in lines],
                "y": [0.97] * len(lines),
            }
        rest, marks = item.wave / (1.0 + item.z), []
        for window, fig, source in zip(WINDOWS, self.figures, self._pixels, strict=True):
            fig.x_range.update(start=window.low * factor, end=window.high * factor)
            here = (rest >= window.low) & (rest <= window.high)
            flux, noise, model = drawn.flux[here], drawn.noise[here], drawn.model[here]
            source.data = {
                "wave": rest[here] * factor, "flux": flux, "low": flux - noise,
                "high": flux + noise, "model": model,
            }  # fmt: skip
            low, high = flux_limits(flux, noise, model, percentiles=PERCENTILES)
            fig.y_range.update(start=low, end=high)
            covered = bool(np.isfinite(flux).any() or np.isfinite(model).any())
            fig.title.text = window.title if covered else f"{window.title}: not covered"
            if covered and here.sum() > 1:
                marks.append(cut(rest[here] * factor, flux, low=low, high=high))
        self._cuts.show(*marks)

    def _shrink_labels(self) -> None:
        """Make the labels of the axes smaller than `paint` does."""
        for fig in self.figures:
            fig.axis.major_label_text_font_size = "9px"
            fig.axis.minor_tick_line_color = None
