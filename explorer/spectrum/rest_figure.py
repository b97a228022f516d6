"""A figure of rest-frame spectra that follows the theme, with the major lines marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, PanTool, Range1d, ResetTool, WheelZoomTool

from data.arrays import FloatArray
from data.lines.emission import LINES
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.theme import new_figure


class RestFigure(pn.viewable.Viewer):
    """Named spectra on the model's rest-frame grid."""

    def __init__(
        self, state: ExplorerState, *, roles: Mapping[str, str], min_height: int = 230
    ) -> None:
        """Make the figure.

        Args:
            state: The session.
            roles: Name of each spectrum, shown in the legend -> its ink (`theme.theme.Ink`).
            min_height: Pixels.
        """
        super().__init__()
        self._state = state
        self._roles = dict(roles)
        self._inks = Inks(state)
        start, end = state.dataset.rest_range
        pan, wheel, reset = (
            PanTool(dimensions="width"),
            WheelZoomTool(dimensions="width"),
            ResetTool(),
        )
        self.figure: Any = new_figure(
            x_axis_label="rest wavelength [Å]", y_axis_label="flux / norm", min_height=min_height,
            x_range=Range1d(start=start, end=end),
            y_range=Range1d(start=0, end=2),
            tools=[pan, wheel, reset], toolbar_location="above", min_border_right=16,
        )  # fmt: skip
        self.figure.toolbar.update(active_drag=pan, active_scroll=wheel)
        self.sources = {
            name: ColumnDataSource({"wave": [], "flux": []}, name=f"rest {name}") for name in roles
        }
        self._add_glyphs()
        self._inks.paint(self.figure)

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the figure as a pane."""
        return pn.pane.Bokeh(self.figure, sizing_mode="stretch_both", margin=0)

    def _add_glyphs(self) -> None:
        for kind in ("emission", "absorption"):
            waves = [line.wave for line in LINES if line.major and line.kind == kind]
            marks = self.figure.vspan(waves, line_alpha=0.35, line_width=1, line_dash="dotted")
            self._inks.add(marks, line_color=kind)
        for name, role in self._roles.items():
            spectrum = self.figure.line(
                "wave", "flux", source=self.sources[name], line_width=1.4, legend_label=name
            )
            self._inks.add(spectrum, line_color=role)
        self.figure.legend.update(
            location="top_right", orientation="horizontal", label_text_font_size="10px",
            padding=3, margin=3, glyph_width=16, spacing=8, click_policy="hide",
        )  # fmt: skip

    def draw(self, spectra: Mapping[str, FloatArray]) -> None:
        """Show spectra, each of shape (n_rest,), NaN where there is nothing."""
        wave = self._state.dataset.atlas.model.wave_rest.astype(np.float32)
        for name, flux in spectra.items():
            if not np.array_equal(flux, self.sources[name].data["flux"], equal_nan=True):
                self.sources[name].data = {"wave": wave, "flux": np.asarray(flux, dtype=np.float32)}
        shown = self._state.dataset.rest_observed
        finite = [flux[np.isfinite(flux) & shown] for flux in spectra.values()]
        values = np.concatenate(finite) if finite else np.empty(0)
        if len(values):
            low, high = float(values.min()), float(values.max())
            pad = 0.06 * (high - low) or 1.0
            self.figure.y_range.update(start=low - pad, end=high + 2 * pad)
