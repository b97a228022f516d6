"""A track on the BPT plane and on the plane of D4000 and HδA, before a sample of the atlas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import panel as pn
from bokeh.models import ColumnDataSource, Range1d

from data.lines.bpt import kauffmann, kewley
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.text import line
from explorer.theme.theme import new_figure
from explorer.tracks.result import Decoded, Observed
from explorer.tracks.spectra import shades

HEIGHT = 300
PLANES = {
    "BPT": ("log_nii_halpha", "log_oiii_hbeta", "log [N II]/Hα", "log [O III]/Hβ"),
    "age": ("d4000", "hdelta_a", "D4000", "HδA [Å], absorption positive"),
}
BPT_LIMITS = (-2.0, 0.8, -1.4, 1.4)


_LEGEND = (
    "Dots: decoded knots, in the colours of the stack; squares: the observed stack behind each; "
    "grey: galaxies of the atlas, decoded. Dashed: Kauffmann+2003; solid: Kewley+2001. Lines are "
    "corrected for the absorption of the stars by D4000, HδA for emission; weak lines are left out."
)


class TrackPlanes(pn.viewable.Viewer):
    """Two figures: the decoded track as a line, observed stacks as squares."""

    def __init__(self, state: ExplorerState) -> None:
        """Start empty."""
        super().__init__()
        self._state = state
        self._inks = Inks(state)
        self.sources: dict[str, dict[str, Any]] = {
            name: {
                "sample": ColumnDataSource({"x": [], "y": []}),
                "track": ColumnDataSource({"x": [], "y": [], "colour": []}),
                "observed": ColumnDataSource({"x": [], "y": [], "colour": []}),
                "now": ColumnDataSource({"x": [], "y": []}),
            }
            for name in PLANES
        }
        self.figures = {name: self._figure(name) for name in PLANES}
        self._curves(self.figures["BPT"])
        self._decoded: Decoded | None = None
        self._inks.paint(*self.figures.values())

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the figures beside each other."""
        panes = [
            pn.pane.Bokeh(fig, sizing_mode="stretch_width", height=HEIGHT, margin=0)
            for fig in self.figures.values()
        ]
        return pn.Column(
            line(_LEGEND),
            pn.Row(*panes, sizing_mode="stretch_width", margin=0),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def _figure(self, name: str) -> Any:  # noqa: ANN401 - Bokeh's figure
        fig: Any = new_figure(
            height=HEIGHT, sizing_mode="stretch_width", tools="pan,wheel_zoom,reset",
            active_scroll="wheel_zoom", x_axis_label=PLANES[name][2], y_axis_label=PLANES[name][3],
            x_range=Range1d(start=0, end=1), y_range=Range1d(start=0, end=1), name=f"plane {name}",
        )  # fmt: skip
        parts = self.sources[name]
        sample = fig.scatter(
            "x", "y", source=parts["sample"], size=2.5, line_color=None, fill_alpha=0.35
        )
        track = fig.line("x", "y", source=parts["track"], line_width=1.5)
        fig.scatter("x", "y", source=parts["track"], size=7, fill_color="colour", line_color=None)
        observed = fig.scatter(
            "x", "y", source=parts["observed"], size=7, marker="square", fill_color=None,
            line_width=1.3,
        )  # fmt: skip
        now = fig.scatter("x", "y", source=parts["now"], size=13, fill_color=None, line_width=2)
        self._inks.add(sample, fill_color="faint")
        self._inks.add(track, line_color="text")
        self._inks.add(observed, line_color="text")
        self._inks.add(now, line_color="highlight")
        return fig

    def _curves(self, fig: Any) -> None:  # noqa: ANN401 - Bokeh's figure
        for curve, last, dash in ((kauffmann, -0.03, "dashed"), (kewley, 0.36, "solid")):
            x = np.linspace(BPT_LIMITS[0], last, 120)
            y = curve(x)
            limit = fig.line(x[y > -2], y[y > -2], line_dash=dash, line_width=1)
            self._inks.add(limit, line_color="faint")

    def draw(
        self, decoded: Decoded, observed: Observed | None, sample: pd.DataFrame | None
    ) -> None:
        """Show a track; what is None is being made."""
        self._decoded = decoded
        for name, (across, up, *_labels) in PLANES.items():
            parts, fig = self.sources[name], self.figures[name]
            colour = shades(len(decoded.track), dark=self._state.dark)
            parts["track"].data = {
                "x": decoded.trends[across].to_numpy(float),
                "y": decoded.trends[up].to_numpy(float), "colour": colour,
            }  # fmt: skip
            for part, table in (("observed", observed and observed.trends), ("sample", sample)):
                if table is not None:
                    data = {"x": table[across].to_numpy(float), "y": table[up].to_numpy(float)}
                    parts[part].data = data | ({"colour": colour} if part == "observed" else {})
                elif part == "observed":
                    parts[part].data = {"x": [], "y": [], "colour": []}
            limits = BPT_LIMITS if name == "BPT" else self._limits(name)
            fig.x_range.update(start=limits[0], end=limits[1])
            fig.y_range.update(start=limits[2], end=limits[3])

    def mark(self, knot: int) -> None:
        """Mark a knot, from 0."""
        for parts in self.sources.values():
            track = parts["track"].data
            if knot < len(track["x"]):
                parts["now"].data = {"x": [track["x"][knot]], "y": [track["y"][knot]]}

    def _limits(self, name: str) -> tuple[float, float, float, float]:
        ends: list[float] = []
        for axis in "xy":
            parts = [
                self.sources[name][part].data[axis] for part in ("sample", "track", "observed")
            ]
            values = np.concatenate([np.asarray(part, dtype=float) for part in parts])
            values = values[np.isfinite(values)]
            low, high = np.percentile(values, [0.5, 99.5]) if len(values) else (0.0, 1.0)
            pad = 0.08 * float(high - low) or 0.5
            ends += [float(low) - pad, float(high) + pad]
        return ends[0], ends[1], ends[2], ends[3]
