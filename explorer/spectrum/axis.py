"""One wavelength axis for everything that lies under the spectrum, so that it all lines up."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import Range1d

from data.lines.emission import LINES, SpectralLine
from explorer.state.state import ExplorerState
from explorer.theme.theme import new_figure

LEFT, RIGHT = 52, 10
"""Pixels left and right of every strip: with equal margins the pixels line up."""
LABEL_DISTANCE = 12.0
"""Labels of lines closer than this (pixels) are not drawn on each other."""


class WavelengthAxis:
    """The wavelength range of one session's spectrum panels.

    Attributes:
        x_range: Shared by all strips; Angstrom in the frame of `state.frame`.
    """

    def __init__(self, state: ExplorerState) -> None:
        """Cover the atlas's grid."""
        self._state = state
        wave = state.dataset.atlas.source.grid.wave
        self.x_range: Any = Range1d(start=float(wave[0]), end=float(wave[-1]))

    def strip(self, *, height: int | None, y_label: str, **options: Any) -> Any:  # noqa: ANN401
        """Return a figure on this axis; put it under the others in a column without gaps.

        Args:
            height: Pixels; None takes the room there is.
            y_label: Label of the vertical axis.
            options: For `bokeh.plotting.figure`.
        """
        size: dict[str, Any] = (
            {"sizing_mode": "stretch_both", "min_height": 240}
            if height is None
            else {"sizing_mode": "stretch_width", "height": height}
        )
        fig = new_figure(
            x_range=self.x_range, y_axis_label=y_label, min_border_left=LEFT,
            min_border_right=RIGHT, **(size | options),
        )  # fmt: skip
        fig.yaxis.fixed_location = None
        return fig

    def factor(self, z: float) -> float:
        """Return what to multiply observed wavelengths by."""
        return 1.0 / (1.0 + z) if self._state.frame == "rest" else 1.0

    def home(self, z: float) -> tuple[float, float]:
        """Return the range that shows all of a spectrum."""
        wave = self._state.dataset.atlas.source.grid.wave
        return float(wave[0]) * self.factor(z), float(wave[-1]) * self.factor(z)


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
    """Tell which labels can be drawn without touching: the first of the list wins.

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
        free = inside and all(abs(pixel - other) >= LABEL_DISTANCE for other in taken)
        result.append(free)
        if free:
            taken.append(pixel)
    return result


def runs(mask: np.ndarray, wave: np.ndarray) -> dict[str, np.ndarray]:
    """Return the stretches where a mask is true, as edges half a pixel outside (Angstrom)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    starts, stops = edges[::2], edges[1::2] - 1
    step = np.gradient(wave)
    return {"x0": wave[starts] - step[starts] / 2, "x1": wave[stops] + step[stops] / 2}
