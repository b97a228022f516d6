"""An exact, invertible map of each latent to a normal distribution, by ranks.

Latents have heavy tails, which a flow of few affine transforms can not follow. Each latent is first
mapped to the normal score of its rank by a monotone rational-quadratic spline through quantiles,
whose derivative is known, so that densities stay exact. The spline is one of asinh((s - c) / w), so
that beyond the data the density falls as that of a log-normal distribution, not of a normal one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from data.arrays import FloatArray

N_KNOT = 48
"""Knots of a spline at most, evenly spaced in normal scores."""


@dataclass(frozen=True)
class Marginal:
    """Monotone spline of asinh((s - centre) / width); linear beyond its first and last knot.

    The spline is that of Gregory & Delbourgo (1982, IMA J. Numer. Anal. 2, 123), as in Durkan+2019
    (arXiv:1906.04032, equations 4 to 8), with derivatives at the knots from the slopes beside them.

    Attributes:
        values: asinh at each knot, increasing, shape (n_knot,).
        scores: Normal score at each knot, increasing, same shape.
        centre: Median of the latent.
        width: Its robust spread.
    """

    values: FloatArray
    scores: FloatArray
    centre: float
    width: float

    def to_array(self) -> FloatArray:
        """Return all numbers: values and scores, centre and width before them, (2, 1 + n_knot)."""
        return np.column_stack([[self.centre, self.width], [self.values, self.scores]])

    @classmethod
    def from_array(cls, array: FloatArray) -> Marginal:
        """Return the map of which `to_array` gave this."""
        return cls(array[0, 1:], array[1, 1:], float(array[0, 0]), float(array[1, 0]))

    def forward(self, latent: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return normal scores and the log of their derivative, same shape."""
        x, y, slope = self.values, self.scores, np.diff(self.scores) / np.diff(self.values)
        ends = self._derivatives(slope)
        reduced = (np.asarray(latent, dtype=np.float64) - self.centre) / self.width
        value = np.arcsinh(reduced)
        at = np.searchsorted(x, value, side="right").clip(1, len(x) - 1) - 1
        width = x[at + 1] - x[at]
        part = ((value - x[at]) / width).clip(0, 1)
        left, right, middle = ends[at], ends[at + 1], slope[at]
        mixed = part * (1 - part)
        below = middle + (left + right - 2 * middle) * mixed
        rise = (y[at + 1] - y[at]) * (middle * part**2 + left * mixed) / below
        change = right * part**2 + 2 * middle * mixed + left * (1 - part) ** 2
        beyond = np.where(value < x[0], value - x[0], np.maximum(value - x[-1], 0))
        outer = np.where(value < x[0], ends[0], ends[-1])
        log_slope = np.log(middle**2 * change / below**2)
        return y[at] + rise + beyond * outer, log_slope - np.log(
            self.width * np.sqrt(1 + reduced**2)
        )

    def inverse(self, score: FloatArray) -> FloatArray:
        """Return the latent of each normal score, same shape."""
        x, y, slope = self.values, self.scores, np.diff(self.scores) / np.diff(self.values)
        ends = self._derivatives(slope)
        at = np.searchsorted(y, score, side="right").clip(1, len(y) - 1) - 1
        height = y[at + 1] - y[at]
        up = (score - y[at]).clip(0, height)
        left, middle = ends[at], slope[at]
        bend = left + ends[at + 1] - 2 * middle
        a = height * (middle - left) + up * bend
        b = height * left - up * bend
        part = 2 * middle * up / (b + np.sqrt(b**2 + 4 * a * middle * up))
        below, above = np.minimum(score - y[0], 0), np.maximum(score - y[-1], 0)
        value = x[at] + part * (x[at + 1] - x[at]) + below / ends[0] + above / ends[-1]
        return self.centre + self.width * np.sinh(value)

    def _derivatives(self, slope: FloatArray) -> FloatArray:
        """Return derivatives at the knots: geometric means of the slopes beside them, positive."""
        return np.concatenate([slope[:1], np.sqrt(slope[:-1] * slope[1:]), slope[-1:]])


def fit_marginal(latent: FloatArray) -> Marginal:
    """Fit the map of one latent to the normal scores of its ranks.

    Args:
        latent: Shape (n_galaxy,).
    """
    latent = np.asarray(latent, dtype=np.float64)
    centre = float(np.median(latent))
    low, high = np.percentile(latent, [16, 84])
    width = float(high - low) / 2 or float(latent.std()) or 1.0
    ordered = np.arcsinh((np.sort(latent) - centre) / width)
    n = len(ordered)
    last = ndtri(1 - 0.5 / n)
    scores = np.linspace(-last, last, min(N_KNOT, max(2, n // 8)))
    values = np.interp(ndtr(scores) * n - 0.5, np.arange(n), ordered)
    least = 1e-6 * max(ordered[-1] - ordered[0], 1e-6)  # equal values would make a step
    keep = [0]
    for knot in range(1, len(values)):
        if values[knot] - values[keep[-1]] > least:
            keep.append(knot)
    if len(keep) < 2:
        return Marginal(ordered[0] + np.array([-0.5, 0.5]), np.array([-0.5, 0.5]), centre, width)
    return Marginal(values[keep], scores[keep], centre, width)
