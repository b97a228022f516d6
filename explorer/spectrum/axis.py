"""One wavelength axis for everything that lies under the spectrum, so that it all lines up."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import Range1d

from data.arrays import FloatArray
from explorer.state.state import ExplorerState
from explorer.theme.theme import new_figure

LEFT, RIGHT = 52, 10
"""Pixels left and right of every strip: with equal margins the pixels line up."""


class WavelengthAxis:
    """The wavelength range of one session's spectrum panels.

    Attributes:
        x_range: Shared by all strips; Angstrom in the frame of `state.frame`.
    """

    def __init__(self, state: ExplorerState) -> None:
        """Cover the atlas's grids."""
        self._state = state
        self._whole = state.dataset.wave_range
        self.x_range: Any = Range1d(start=self._whole[0], end=self._whole[1])

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

    def go_home(self, wave: FloatArray, z: float) -> None:
        """Show all of a spectrum.

        Args:
            wave: Its observed-frame wavelengths, Angstrom, increasing.
            z: Its redshift.
        """
        self._whole = float(wave[0]) * self.factor(z), float(wave[-1]) * self.factor(z)
        self.x_range.update(start=self._whole[0], end=self._whole[1])

    @property
    def zoomed(self) -> bool:
        """Whether the user shows a part of the spectrum only."""
        return not np.allclose((self.x_range.start, self.x_range.end), self._whole, rtol=1e-4)


def runs(mask: np.ndarray, wave: np.ndarray) -> dict[str, np.ndarray]:
    """Return the stretches where a mask is true, as edges half a pixel outside (Angstrom)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    starts, stops = edges[::2], edges[1::2] - 1
    step = np.gradient(wave)
    return {"x0": wave[starts] - step[starts] / 2, "x1": wave[stops] + step[stops] / 2}
