"""What is marked on the map: selected object, neighbours, region, path, the pointer's label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from bokeh.models import ColumnDataSource, GlyphRenderer, Label, Line, Scatter
from numpy.typing import NDArray

from explorer.theme.theme import ink


class _Style(NamedTuple):
    """How a mark looks; without a size it is an outline, else rings.

    Attributes:
        colour: An ink of the theme; empty = each point comes with its own.
    """

    colour: str
    width: float
    size: int = 0
    marker: str = "circle"
    dash: str = "solid"


_STYLES = {
    "region": _Style("accent", 1.5, dash="dashed"),
    "path": _Style("model", 2.0),
    "knots": _Style("model", 2.0, size=9),
    "highlight": _Style("highlight", 1.5, size=9),
    "pins": _Style("", 2.0, size=14, marker="triangle"),
    "neighbours": _Style("accent", 1.5, size=10, marker="square"),
    "guests": _Style("guest", 2.5, size=12, marker="diamond"),
    "hovered": _Style("accent", 1.0, size=12),
    "selected": _Style("accent", 2.0, size=18),
}
"""The marks, from the lowest to the highest."""
_HALO = 2.5
"""Pixels that a halo adds to the width of a line."""


class MapMarks:
    """Rings and outlines with a halo, so that they show on any colour.

    They lie on the figure's second canvas: the image is not painted again when one moves. Each is
    made when there is first something to mark, so that a page opens with few models.

    Attributes:
        sources: The points of each mark made so far, by name.
        label: The text beside the pointer.
    """

    def __init__(self, figure: Any) -> None:  # noqa: ANN401 - Bokeh's figure
        """Put the label on a figure."""
        self.sources: dict[str, Any] = {}
        self._figure = figure
        self._dark = False
        self._lines: dict[str, list[Any]] = {}  # renderers of each mark: halo, line
        options: dict[str, Any] = {"padding": 5, "border_radius": 3, "text_line_height": 1.3}
        self.label = Label(
            name="map hover", x=0, y=0, text="", visible=False, text_font_size="11px",
            level="overlay", **options,
        )  # fmt: skip
        figure.add_layout(self.label)

    def put(
        self, name: str, x: NDArray[Any], y: NDArray[Any], *, colours: Sequence[str] = ()
    ) -> None:
        """Put a mark at points, plane coordinates; none removes it.

        Args:
            name: Of the mark.
            x: Of the points.
            y: Same.
            colours: Of the points, where the theme does not colour the mark.
        """
        data: dict[str, Any] = {"x": np.asarray(x), "y": np.asarray(y)}
        if not _STYLES[name].colour:
            data["colour"] = list(colours)
        if name in self.sources:
            if len(x) or len(self.sources[name].data["x"]):
                self.sources[name].data = data
        elif len(x):
            self._make(name, data)

    def _make(self, name: str, data: dict[str, Any]) -> None:
        source = ColumnDataSource(data, name=f"map {name}")
        style = _STYLES[name]
        lines = []
        for width in (style.width + _HALO, style.width):
            glyph: Any = Line(line_width=width, line_dash=style.dash)
            if style.size:
                glyph = Scatter(
                    size=style.size, marker=style.marker, fill_color=None, line_width=width,
                    line_alpha=0.9,
                )  # fmt: skip
            lines.append(GlyphRenderer(data_source=source, glyph=glyph, level="overlay"))
        self.sources[name], self._lines[name] = source, lines
        self._paint_lines(name)
        marks = [line for name in _STYLES for line in self._lines.get(name, [])]
        others = [item for item in self._figure.renderers if item not in marks]
        self._figure.renderers = others + marks

    def _paint_lines(self, name: str) -> None:
        colours = ink(self._dark)
        halo, line = self._lines[name]
        halo.glyph.line_color = colours.halo
        own = _STYLES[name].colour
        line.glyph.line_color = getattr(colours, own) if own else "colour"

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
        self._dark = dark
        for name in self._lines:
            self._paint_lines(name)
        colours = ink(dark)
        self.label.update(
            text_color=colours.text, background_fill_color=colours.paper,
            background_fill_alpha=0.88, border_line_color=colours.faint,
        )  # fmt: skip
