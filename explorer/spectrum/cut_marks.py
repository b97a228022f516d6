"""Triangles at the edge of a figure where values lie beyond it."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource, Range1d

from data.arrays import FloatArray
from explorer.spectrum.axis import runs
from explorer.theme.inks import Inks


class CutMarks:
    """One triangle for each stretch of pixels that a figure cuts off, pointing at them.

    Attributes:
        source: `x` (on the axis), `y` (0 = bottom, 1 = top edge) and `marker`.
    """

    def __init__(self, inks: Inks, name: str) -> None:
        """Start with none; `inks` colours them, `name` names the source."""
        self._inks = inks
        self.source: Any = ColumnDataSource({"x": [], "y": [], "marker": []}, name=name)

    def mark(self, fig: Any) -> None:  # noqa: ANN401 - Bokeh's figure
        """Draw them on a figure."""
        if "unit" not in fig.extra_y_ranges:
            fig.extra_y_ranges = {"unit": Range1d(start=0, end=1)}
        marks = fig.scatter(
            "x", "y", source=self.source, marker="marker", size=7, y_range_name="unit",
            line_color=None,
        )  # fmt: skip
        self._inks.add(marks, fill_color="highlight")

    def show(self, *stretches: dict[str, Any]) -> None:
        """Show what `cut` found, in one figure or in several that share no wavelengths."""
        joined = {name: [item for part in stretches for item in part[name]] for name in ("x", "y")}
        ends = {0.015: "inverted_triangle", 0.985: "triangle"}
        joined["marker"] = [ends[y] for y in joined["y"]]
        if joined["x"] or len(self.source.data["x"]):
            self.source.data = joined


def cut(wave: FloatArray, values: FloatArray, *, low: float, high: float) -> dict[str, Any]:
    """Return where values lie beyond the limits: the middle of each stretch, and at which edge.

    Args:
        wave: Wavelengths on the axis, shape (n_pixel,).
        values: What is drawn, NaN where nothing is, same shape.
        low: Lower end of the figure.
        high: Upper end.
    """
    x, y = [], []
    for beyond, edge in ((values < low, 0.015), (values > high, 0.985)):
        if beyond.any():
            stretches = runs(beyond, wave)
            middles = (stretches["x0"] + stretches["x1"]) / 2
            x += middles.tolist()
            y += [edge] * len(middles)
    return {"x": x, "y": y}
