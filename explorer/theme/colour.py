"""Colours: maps for numbers, the Okabe-Ito key for classes, and the scale between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bokeh import palettes
from colorcet import palette as colorcet_palettes
from matplotlib.colors import to_rgba_array
from numpy.typing import NDArray

from data.arrays import FloatArray

N_COLOUR = 256
PALETTES: dict[str, tuple[str, ...]] = {
    "viridis": palettes.Viridis256,
    "cividis": palettes.Cividis256,
    "inferno": palettes.Inferno256,
    "magma": palettes.Magma256,
    "plasma": palettes.Plasma256,
    "turbo": palettes.Turbo256,
    "fire": tuple(colorcet_palettes["fire"]),
    "rainbow": tuple(colorcet_palettes["rainbow4"]),
    "blue-red": tuple(colorcet_palettes["coolwarm"]),
}
DIVERGING = ("blue-red",)
"""Palettes whose middle means zero."""

OKABE_ITO = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442",
)  # fmt: skip
OTHER = "#9A9A9A"
"""Colour of classes beyond the key, and of objects without a value."""


@dataclass(frozen=True)
class Scale:
    """How numbers become colours.

    Attributes:
        kind: `linear`, `log` or `eq_hist`.
        knots: Values at equal steps of colour, increasing, shape (n_knot,); the first and last
            are where the colours end.
    """

    kind: str
    knots: FloatArray

    def position(self, values: FloatArray) -> FloatArray:
        """Return positions on the colour map, 0 to 1 (clipped), NaN where not finite."""
        steps = np.linspace(0.0, 1.0, len(self.knots))
        if self.kind == "linear":
            span = max(float(self.knots[-1] - self.knots[0]), 1e-30)
            return np.clip((values - self.knots[0]) / span, 0.0, 1.0)
        with np.errstate(invalid="ignore"):
            return np.interp(values, self.knots, steps, left=0.0, right=1.0) + 0.0 * values

    def value(self, position: FloatArray) -> FloatArray:
        """Return the values at positions 0 to 1 on the colour map."""
        return np.interp(position, np.linspace(0.0, 1.0, len(self.knots)), self.knots)


def fit_scale(
    values: FloatArray, *, kind: str, clip: tuple[float, float], diverging: bool = False
) -> Scale:
    """Choose the scale for a column.

    Args:
        values: The column; NaN is left out.
        kind: `linear`, `log` (where the lower end is positive; else linear) or `eq_hist`.
        clip: Percentiles at which the colours end.
        diverging: Put zero in the middle.

    Returns:
        The scale; from 0 to 1 where no value is finite.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Scale("linear", np.array([0.0, 1.0]))
    if finite.size > 200_000:
        finite = finite[:: finite.size // 200_000]
    low, high = (float(item) for item in np.percentile(finite, clip))
    if kind == "eq_hist":
        knots = np.percentile(finite, np.linspace(clip[0], clip[1], 65)).astype(float)
        if knots[-1] > knots[0]:
            return Scale("eq_hist", _strictly_increasing(knots))
    if kind == "log":
        positive = finite[finite > 0]
        if positive.size:
            low = low if low > 0 else float(np.percentile(positive, max(clip[0], 0.1)))
            if high > low:
                return Scale("log", np.geomspace(low, high, 129))
    if diverging:
        high = max(abs(low), abs(high))
        low = -high
    if high <= low:
        pad = max(abs(low) * 1e-3, 1e-6)
        low, high = low - pad, high + pad
    return Scale("linear", np.array([low, high]))


def _strictly_increasing(knots: FloatArray) -> FloatArray:
    """Break ties, so that the scale can be inverted."""
    return knots + np.linspace(0.0, 1.0, len(knots)) * 1e-9 * max(abs(knots).max(), 1e-9)


def rgb(colours: Sequence[str]) -> NDArray[np.uint8]:
    """Return colours, as Matplotlib reads them, as red, green, blue, 0-255, shape (n_colour, 3)."""
    return np.rint(255 * to_rgba_array(list(colours))[:, :3]).astype(np.uint8)


def class_colours(names: Sequence[str]) -> tuple[str, ...]:
    """Return a colour for each class: by rank in the whole atlas, so filters do not change it."""
    return tuple(OKABE_ITO[rank] if rank < len(OKABE_ITO) else OTHER for rank in range(len(names)))
