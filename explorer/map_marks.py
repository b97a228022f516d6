"""What is marked on the map: selected object, neighbours, region, path, the pointer's label."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Label
from numpy.typing import NDArray

from explorer.theme import ink

NAMES = ("region", "path", "knots", "highlight", "neighbours", "hovered", "selected")


class MapMarks:
    """Rings and outlines with a halo, so that they show on any colour.

    They lie on the figure's second canvas: the image is not painted again when one moves.

    Attributes:
        sources: The points of each mark, by name.
        label: The text beside the pointer.
    """

    def __init__(self, figure: Any) -> None:  # noqa: ANN401 - Bokeh's figure
        """Put empty marks on a figure."""
        self.sources: dict[str, Any] = {
            name: ColumnDataSource({"x": [], "y": []}, name=f"map {name}") for name in NAMES
        }
        self._figure = figure
        self._inks: list[tuple[Any, str, str]] = []  # glyph, property, name of the ink
        self._outline("region", width=1.5, dash="dashed", colour="accent")
        self._outline("path", width=2.0, dash="solid", colour="model")
        self._rings("knots", size=9, width=2.0, colour="model")
        self._rings("highlight", size=9, width=1.5, colour="highlight")
        self._rings("neighbours", size=10, width=1.5, colour="accent", marker="square")
        self._rings("hovered", size=12, width=1.0, colour="accent")
        self._rings("selected", size=18, width=2.0, colour="accent")
        options: dict[str, Any] = {"padding": 5, "border_radius": 3, "text_line_height": 1.3}
        self.label = Label(
            name="map hover", x=0, y=0, text="", visible=False, text_font_size="11px",
            level="overlay", **options,
        )  # fmt: skip
        figure.add_layout(self.label)

    def _rings(
        self, name: str, *, size: int, width: float, colour: str, marker: str = "circle"
    ) -> None:
        for line_width, role in ((width + 2.5, "halo"), (width, colour)):
            glyph = self._figure.scatter(
                "x", "y", source=self.sources[name], size=size, fill_color=None, marker=marker,
                line_width=line_width, line_alpha=0.9, level="overlay",
            ).glyph  # fmt: skip
            self._inks.append((glyph, "line_color", role))

    def _outline(self, name: str, *, width: float, dash: str, colour: str) -> None:
        for line_width, role in ((width + 2.5, "halo"), (width, colour)):
            glyph = self._figure.line(
                "x", "y", source=self.sources[name], line_width=line_width, line_dash=dash,
                level="overlay",
            ).glyph  # fmt: skip
            self._inks.append((glyph, "line_color", role))

    def place(self, name: str, x: NDArray[Any], y: NDArray[Any]) -> None:
        """Put a mark at points, plane coordinates; none removes it."""
        if len(x) or len(self.sources[name].data["x"]):
            self.sources[name].data = {"x": np.asarray(x), "y": np.asarray(y)}

    def tell(
        self, text: str, *, x: float, y: float, view: tuple[float, float, float, float]
    ) -> None:
        """Show a text beside a point, on the side where there is room in the view."""
        left, low = x < (view[0] + view[1]) / 2, y < (view[2] + view[3]) / 2
        self.label.update(
            x=x, y=y, text=text, visible=True, x_offset=12 if left else -12,
            y_offset=12 if low else -12,
            anchor=f"{'bottom' if low else 'top'}_{'left' if left else 'right'}",
        )  # fmt: skip

    def paint(self, *, dark: bool) -> None:
        """Colour the marks for a theme."""
        colours = ink(dark)
        for glyph, name, role in self._inks:
            setattr(glyph, name, getattr(colours, role))
        self.label.update(
            text_color=colours.text, background_fill_color=colours.paper,
            background_fill_alpha=0.88, border_line_color=colours.faint,
        )  # fmt: skip
