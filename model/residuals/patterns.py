"""What residuals of a survey have in common, and what is left of each without it.

No model is perfect: its reconstructions miss some parts of the spectrum for all objects, and some
patterns (a line too weak, a continuum too blue) for many. `ResidualPatterns` learns both from the
survey itself, without labels, so that only what is unusual counts.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from data.arrays import FloatArray
from model.residuals.windows import Windows

N_PATTERN = 10
"""Common patterns at most."""
MOST_ROWS = 20_000
"""Objects learnt from at most, evenly spaced."""
CHI2_MEDIAN = 0.4549364
"""Median of chi2 with one degree of freedom."""
HIGHEST_TOLERANCE = 1.0
CLIP_FIT, CLIP = 5.0, 30.0
"""Residuals are clipped, in sigma: strange objects must not make patterns, nor one window all."""
ROWS_AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class ResidualPatterns:
    """What is usual, by window.

    Attributes:
        bias: Median relative residual, shape (n_window,); NaN where hardly any object has data.
        tolerance: Relative scatter beyond the noise, shape (n_window,).
        patterns: Orthonormal common patterns of standardised residuals, shape
            (n_pattern, n_window).
        variance: Variance of their amplitudes, shape (n_pattern,).
        noise: Variance of what is left, one number in an array.
    """

    bias: FloatArray
    tolerance: FloatArray
    patterns: FloatArray
    variance: FloatArray
    noise: FloatArray

    def arrays(self) -> dict[str, FloatArray]:
        """Return all arrays by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def standardise(self, windows: Windows) -> FloatArray:
        """Return residuals in units of noise and tolerance, NaN where there are none.

        z = (r - bias m) / sqrt(1 + (tolerance m)^2), with residual r and model flux m in units of
        the window's error: noise rules where a spectrum is faint, tolerance where it is bright.

        Returns:
            Shape (n_galaxy, n_window).
        """
        model = windows.model.astype(np.float64)
        spread = np.sqrt(1 + (self.tolerance * model) ** 2)
        return (windows.residual - self.bias * model) / spread

    def left_over(self, z: FloatArray) -> FloatArray:
        """Return standardised residuals without the common patterns, unit variance.

        Amplitudes are the most probable ones given the object's own windows (a Gaussian factor
        model: Bishop 2006, Pattern Recognition and Machine Learning, section 12.2).

        Args:
            z: What `standardise` returned.
        """
        known = np.isfinite(z)
        values = np.where(known, z, 0).clip(-CLIP, CLIP)
        outer = self.patterns[:, None, :] * self.patterns[None]  # (pattern, pattern, window)
        n_pattern = len(self.patterns)
        precision = (known.astype(float) @ outer.reshape(n_pattern**2, -1).T).reshape(
            -1, n_pattern, n_pattern
        ) + np.diag(self.noise[0] / self.variance)
        amplitude = np.linalg.solve(precision, (values @ self.patterns.T)[..., None])[..., 0]
        left = (values - amplitude @ self.patterns) / np.sqrt(self.noise[0])
        return np.where(known, left, np.nan)

    def misfits(self, windows: Windows) -> dict[str, FloatArray]:
        """Return mean log(1 + z^2) of each object, before and after common patterns are removed.

        The logarithm lets many windows that are somewhat wrong count more than one very wrong.

        Returns:
            `misfit` and `unusual_misfit`, shape (n_galaxy,); NaN for an object without data.
        """
        parts = []
        for start in range(0, len(windows), ROWS_AT_ONCE):
            z = self.standardise(windows.take(slice(start, start + ROWS_AT_ONCE)))
            parts.append([_mean_log(z), _mean_log(self.left_over(z))])
        misfit, unusual = np.concatenate(parts, axis=1) if parts else np.empty((2, 0))
        return {"misfit": misfit, "unusual_misfit": unusual}


def fit_patterns(windows: Windows) -> ResidualPatterns:
    """Learn what is usual.

    Bias is the median relative residual where the spectrum is measured; tolerance is what makes
    the median of z^2 that of chi2 with one degree of freedom. Both are medians: a few strange
    objects change nothing. Patterns are the principal components of clipped z.

    Args:
        windows: Of the survey; `MOST_ROWS` of its objects are used.
    """
    rows = np.unique(np.linspace(0, len(windows) - 1, min(len(windows), MOST_ROWS)).astype(int))
    some = windows.take(rows)
    known = np.isfinite(some.residual)
    enough = known.sum(axis=0) >= max(20, len(rows) // 100)
    bias, tolerance = np.full((2, known.shape[1]), np.nan)
    for window in np.flatnonzero(enough):
        use = known[:, window]
        bias[window], tolerance[window] = _usual(
            some.residual[use, window], some.model[use, window]
        )
    usual = ResidualPatterns(
        bias=bias, tolerance=tolerance, patterns=np.zeros((0, len(bias))),
        variance=np.zeros(0), noise=np.ones(1),
    )  # fmt: skip
    z = usual.standardise(some)
    values = np.where(np.isfinite(z), z, 0).clip(-CLIP_FIT, CLIP_FIT)
    n_pattern = min(N_PATTERN, len(rows) // 20)
    power, axes = np.linalg.eigh(values.T @ values / len(rows))
    power, axes = power[::-1][:n_pattern], axes[:, ::-1][:, :n_pattern]
    n_known = max(1, int(np.isfinite(z).sum()))
    rest = (values**2).sum() / n_known - power.sum() * len(rows) / n_known
    return ResidualPatterns(
        bias=bias, tolerance=tolerance, patterns=axes.T.copy(),
        variance=np.maximum(power, 1e-6), noise=np.array([max(rest, 1e-6)]),
    )  # fmt: skip


def _usual(residual: FloatArray, model: FloatArray) -> tuple[float, float]:
    """Return bias and tolerance of one window from residual and model over their error."""
    measured = model > 3
    bias = float(np.median(residual[measured] / model[measured])) if measured.any() else 0.0
    square, signal = (residual - bias * model) ** 2, model**2
    low, high = 0.0, HIGHEST_TOLERANCE
    for _ in range(20):
        middle = (low + high) / 2
        too_high = np.median(square / (1 + middle**2 * signal)) < CHI2_MEDIAN
        low, high = (low, middle) if too_high else (middle, high)
    return bias, high


def _mean_log(z: FloatArray) -> FloatArray:
    known = np.isfinite(z)
    total = np.log1p(np.where(known, z, 0).clip(-CLIP, CLIP) ** 2).sum(axis=1)
    count = known.sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
