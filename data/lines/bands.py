"""Means over wavelength bands of many spectra at once, with masks and errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data.arrays import FloatArray

Band = tuple[float, float]
"""First and last wavelength, Angstrom."""
MIN_COVERAGE_LINE = 0.9
MIN_COVERAGE_SIDE = 0.5
"""Share of a band that must be observed, of a line and of the continuum beside it."""
FILL_ERROR = 0.3
"""Error of what is filled into the masked part of a line, over its height above the continuum:
models reproduce the strong lines of other surveys to 0.1 (H-alpha) to 0.4 ([O III])."""


class Pixels(NamedTuple):
    """Spectra to be measured.

    Attributes:
        wave: Rest-frame wavelengths, Angstrom, shape (1 or n_galaxy, n_pixel).
        flux: Shape (n_galaxy, n_pixel).
        ivar: Inverse variance, 0 where masked, same shape; None = unknown, nothing is masked.
        fill: What masked pixels are taken for, NaN where unknown, same shape; None = nothing.
    """

    wave: FloatArray
    flux: FloatArray
    ivar: FloatArray | None = None
    fill: FloatArray | None = None


class Window:
    """The pixels around one index, gathered to the same width for every galaxy."""

    def __init__(self, pixels: Pixels, low: float, high: float) -> None:
        """Take the pixels of `low`..`high` (Angstrom)."""
        wave, n_pixel = pixels.wave, pixels.wave.shape[1]
        first = np.array([np.searchsorted(row, low) - 1 for row in wave]).clip(0, n_pixel - 1)
        last = np.array([np.searchsorted(row, high) + 1 for row in wave]).clip(0, n_pixel)
        width = max(int((last - first).max()), 2)
        first = np.minimum(first, max(n_pixel - width, 0))
        columns = first[:, None] + np.arange(min(width, n_pixel))
        self.wave = np.take_along_axis(wave, columns, axis=1)
        step = np.diff(self.wave, axis=1)
        self._left = self.wave - 0.5 * np.concatenate([step[:, :1], step], axis=1)
        self._right = self.wave + 0.5 * np.concatenate([step, step[:, -1:]], axis=1)
        columns = np.broadcast_to(columns, (len(pixels.flux), columns.shape[1]))
        self._flux = np.take_along_axis(pixels.flux, columns, axis=1).astype(float)
        self._good = np.isfinite(self._flux)
        self._variance = np.zeros((1, 1))
        if pixels.ivar is not None:
            gathered = np.take_along_axis(np.asarray(pixels.ivar), columns, axis=1).astype(float)
            self._good &= gathered > 0
            self._variance = 1 / np.where(self._good, gathered, 1.0)
        self._used = self._good
        if pixels.fill is not None:
            fill = np.take_along_axis(pixels.fill, columns, axis=1).astype(float)
            self._flux = np.where(self._good, self._flux, fill)
            self._used = np.isfinite(self._flux)

    def mean(
        self,
        band: Band,
        min_coverage: float = MIN_COVERAGE_LINE,
        *,
        factor: FloatArray | float = 1.0,
        minus: FloatArray | float = 0.0,
        is_line: bool = False,
    ) -> tuple[FloatArray, FloatArray]:
        """Return the mean over the usable part of a band of (flux - minus) factor; its variance.

        Args:
            band: First and last wavelength, Angstrom.
            min_coverage: Share of it that must be observed; half where masked pixels are filled.
            factor: What the flux is multiplied by, pixel by pixel.
            minus: What is subtracted from it before.
            is_line: Count `FILL_ERROR` of what was filled in.
        """
        share = (np.minimum(self._right, band[1]) - np.maximum(self._left, band[0])).clip(0)
        observed, share = np.where(self._good, share, 0.0), np.where(self._used, share, 0.0)
        if self._used is not self._good:
            min_coverage = min(min_coverage, MIN_COVERAGE_SIDE)
        covered, total = observed.sum(axis=1), share.sum(axis=1)
        enough = covered >= min_coverage * (band[1] - band[0])
        covered, total = np.where(enough, covered, np.nan), np.where(enough, total, np.nan)
        value = np.where(self._used, self._flux - minus, 0.0) * factor
        mean = (share * value).sum(axis=1) / total
        variance = ((observed * factor) ** 2 * self._variance).sum(axis=1) / covered**2
        if is_line and self._used is not self._good:
            filled = ((share - observed) * value).sum(axis=1) / total
            variance = variance + (FILL_ERROR * filled) ** 2
        return mean, variance
