"""Spectral lines on the figures of a spectrum: where they lie, and which names fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Range1d

from data.lines.emission import LINES, SpectralLine
from explorer.theme.inks import Inks

NAME_DISTANCE = 12.0
"""Names of lines closer than this (pixels) are not written over each other."""
NAME_ROOM = 16
"""Pixels from the left end, within which a line has its name at its right."""


class LineMarks:
    """Dashed emission and dotted absorption lines, with their names in one of the figures.

    Attributes:
        sources: The lines drawn, by kind: `x` (Angstrom), `name`, `y`, `beside` (pixels).
    """

    def __init__(self, inks: Inks) -> None:
        """Start without lines; `inks` colours them."""
        self._inks = inks
        self.sources: dict[str, Any] = {
            kind: ColumnDataSource({name: [] for name in ("x", "name", "y", "beside")})
            for kind in ("emission", "absorption")
        }

    def mark(self, fig: Any) -> None:  # noqa: ANN401 - Bokeh's figure
        """Draw the lines on a figure."""
        for kind, source in self.sources.items():
            marks = fig.vspan("x", source=source, line_width=1, line_alpha=0.55)
            marks.glyph.line_dash = "dashed" if kind == "emission" else "dotted"
            self._inks.add(marks, line_color=kind)

    def write_names(self, fig: Any) -> None:  # noqa: ANN401 - Bokeh's figure
        """Write the names on a figure: emission at its top, absorption at its bottom."""
        fig.extra_y_ranges = {"unit": Range1d(start=0, end=1)}
        for kind, source in self.sources.items():
            names = fig.text(
                "x", "y", "name", source=source, y_range_name="unit", angle=np.pi / 2,
                text_font_size="10px", text_baseline="middle", x_offset="beside",
                text_align="right" if kind == "emission" else "left",
            )  # fmt: skip
            self._inks.add(names, text_color=kind)

    def show(
        self, lines: list[tuple[SpectralLine, float]], *, start: float, end: float, width: float
    ) -> None:
        """Put the lines at new positions.

        Args:
            lines: Each line and its position, Angstrom on the axis.
            start: Start of the axis, Angstrom.
            end: End of the axis.
            width: Width of the axis, pixels.
        """
        edge = start + (end - start) * NAME_ROOM / width
        for kind, source in self.sources.items():
            chosen = sorted(
                ((line, x) for line, x in lines if line.kind == kind),
                key=lambda pair: not pair[0].major,
            )
            positions = [x for _line, x in chosen]
            legible = readable(positions, start=start, end=end, width=width)
            source.data = {
                "x": positions,
                "name": [
                    line.name if good else ""
                    for (line, _x), good in zip(chosen, legible, strict=True)
                ],
                "y": [0.985 if kind == "emission" else 0.02] * len(chosen),
                "beside": [7 if x < edge else -7 for x in positions],
            }


def lines_shown(choice: str) -> tuple[SpectralLine, ...]:
    """Return the lines drawn for `off`, `major` or `all`."""
    if choice == "off":
        return ()
    return tuple(line for line in LINES if choice == "all" or line.major)


def line_positions(choice: str, *, z: float, frame: str) -> list[tuple[SpectralLine, float]]:
    """Return the lines drawn and where, Angstrom in that frame (`observed` or `rest`)."""
    shift = 1.0 + z if frame == "observed" else 1.0
    return [(line, line.wave * shift) for line in lines_shown(choice)]


def readable(positions: list[float], *, start: float, end: float, width: float) -> list[bool]:
    """Return which names can be written without touching another: the first of the list wins.

    Args:
        positions: Angstrom, the most important first.
        start: Start of the axis, Angstrom.
        end: End of the axis.
        width: Width of the axis, pixels.
    """
    scale = width / max(end - start, 1e-9)
    taken: list[float] = []
    result = []
    for position in positions:
        pixel = (position - start) * scale
        inside = 0 <= pixel <= width
        free = inside and all(abs(pixel - other) >= NAME_DISTANCE for other in taken)
        result.append(free)
        if free:
            taken.append(pixel)
    return result
