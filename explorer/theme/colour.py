"""Colours: maps for numbers, a key of twelve for classes, and the scale between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

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

CLASS_COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442",
    "#882255", "#44AA99", "#332288", "#999933", "#AA4499",
)  # fmt: skip
"""Okabe and Ito's seven, then the muted ones of Paul Tol that differ from them."""
PIN_COLOURS = ("#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#0072B2")
"""Of pinned objects, in order: Okabe and Ito's, told apart by everybody, on white and on black."""
OTHER = "#7A6A58"
"""Colour of classes beyond the key."""
NO_VALUE = "#9A9A9A"
"""Colour of objects without a value."""

LEAST_CONTRAST = {False: 1.25, True: 2.0}
"""Contrast (WCAG 2) with the paper that the ends of a colour map need, by dark theme or not."""


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


def luminance(colours: Sequence[str]) -> FloatArray:
    """Return the relative luminance of colours (WCAG 2), 0 = black, 1 = white."""
    share = rgb(colours) / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


@cache
def readable_palette(name: str, *, dark: bool, paper: str) -> tuple[str, ...]:
    """Return a colour map without the ends that can not be told from the paper.

    Args:
        name: Of `PALETTES`.
        dark: Whether the theme is dark.
        paper: Colour of the paper.

    Returns:
        `N_COLOUR` colours, evenly spaced over what is left.
    """
    colours = PALETTES[name]
    light, ground = luminance(colours) + 0.05, float(luminance([paper])[0]) + 0.05
    contrast = np.maximum(light, ground) / np.minimum(light, ground)
    seen = np.flatnonzero(contrast >= LEAST_CONTRAST[dark])
    at = np.linspace(seen[0], seen[-1], N_COLOUR).round().astype(int)
    return tuple(colours[index] for index in at)


def class_colours(names: Sequence[str]) -> tuple[str, ...]:
    """Return a colour for each class: by rank in the whole atlas, so filters do not change it."""
    n_own = len(CLASS_COLOURS)
    return tuple(CLASS_COLOURS[rank] if rank < n_own else OTHER for rank in range(len(names)))
