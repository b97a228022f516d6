"""Uniform wavelength grids: of the instruments, and of the rest frame."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from data.arrays import FloatArray

TOLERANCE = 0.02
"""Largest distance between pixels that count as the same, in pixels."""


@dataclass(frozen=True, kw_only=True)
class WaveGrid:
    """A grid of vacuum wavelengths, uniform in wavelength or in its logarithm.

    Uniform grids make the redshift transform analytic: a pixel index follows from
    arithmetic, without a search.

    Attributes:
        scale: `linear` in wavelength, or `log` (base 10).
        start: First pixel centre: Angstrom if linear, log10(Angstrom) if log.
        step: Distance of two pixel centres: Angstrom if linear, dex if log.
        n_pixel: Number of pixels.
    """

    scale: Literal["linear", "log"]
    start: float
    step: float
    n_pixel: int

    def __post_init__(self) -> None:
        """Refuse what is not a grid."""
        if self.scale not in ("linear", "log"):
            raise ValueError(f"scale must be 'linear' or 'log', got {self.scale!r}")
        if not (np.isfinite(self.start) and np.isfinite(self.step) and self.step > 0):
            raise ValueError(f"step must be positive and finite, got {self.step}")
        if self.n_pixel < 2:
            raise ValueError(f"n_pixel must be at least 2, got {self.n_pixel}")

    @cached_property
    def wave(self) -> FloatArray:
        """Pixel centres, vacuum Angstrom, float64, shape (n_pixel,)."""
        uniform = self.start + self.step * np.arange(self.n_pixel)
        wave = 10.0**uniform if self.scale == "log" else uniform
        wave.flags.writeable = False
        return wave

    @property
    def edges(self) -> FloatArray:
        """Edges of the pixels, vacuum Angstrom, shape (n_pixel + 1,)."""
        uniform = self.start + self.step * (np.arange(self.n_pixel + 1) - 0.5)
        return 10.0**uniform if self.scale == "log" else uniform

    def pixel(self, wave: FloatArray | float) -> FloatArray:
        """Return fractional pixel indices of wavelengths (Angstrom), same shape."""
        uniform = np.log10(wave) if self.scale == "log" else np.asarray(wave)
        return (uniform - self.start) / self.step

    def matches(self, other: WaveGrid) -> bool:
        """Return whether two grids have the same pixels, to `TOLERANCE` of a pixel.

        A grid recognised in an array of wavelengths differs from the one that made the array by
        rounding, so grids of different origin are compared with this, not with `==`.
        """
        if (self.scale, self.n_pixel) != (other.scale, other.n_pixel):
            return False
        first = self.start - other.start
        last = first + (self.step - other.step) * (self.n_pixel - 1)
        return max(abs(first), abs(last)) < TOLERANCE * other.step

    def to_dict(self) -> dict[str, Any]:
        """Return the grid as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_wave(cls, wave: FloatArray) -> WaveGrid:
        """Recognise a uniform grid in an array of wavelengths.

        Args:
            wave: Increasing vacuum wavelengths, Angstrom, shape (n_pixel,); each within
                `TOLERANCE` pixels of a uniform grid.

        Raises:
            ValueError: `wave` is uniform neither in wavelength nor in its logarithm.
        """
        wave = np.asarray(wave, dtype=float)
        if wave.ndim != 1 or len(wave) < 2 or not np.all(np.isfinite(wave)) or wave[0] <= 0:
            raise ValueError(
                f"wave must be one row of at least 2 positive wavelengths, got shape {wave.shape}"
            )
        for scale in ("linear", "log"):
            uniform = np.log10(wave) if scale == "log" else wave
            step = (uniform[-1] - uniform[0]) / (len(wave) - 1)
            if step <= 0:
                continue
            error = np.abs(uniform - (uniform[0] + step * np.arange(len(wave)))).max() / step
            if error < TOLERANCE:
                return cls(
                    scale=scale, start=float(uniform[0]), step=float(step), n_pixel=len(wave)
                )
        raise ValueError("wave must be uniform in wavelength or in log10(wavelength); resample it")


def linear_grid(first: float, last: float, n_pixel: int) -> WaveGrid:
    """Return a linear grid from `first` to `last` (Angstrom, both included).

    Example:
        >>> linear_grid(4000, 4002, 3).wave
        array([4000., 4001., 4002.])
    """
    return WaveGrid(
        scale="linear", start=first, step=(last - first) / (n_pixel - 1), n_pixel=n_pixel
    )


def log_grid(first: float, last: float, step: float = 1e-4) -> WaveGrid:
    """Return a log-uniform grid (step in dex) that starts at `first` and covers `last`."""
    n_pixel = int(np.ceil(np.log10(last / first) / step)) + 1
    return WaveGrid(scale="log", start=float(np.log10(first)), step=step, n_pixel=n_pixel)


def log_grid_of(first: float, last: float, n_pixel: int) -> WaveGrid:
    """Return a log-uniform grid from `first` to `last` (Angstrom, both included)."""
    step = float(np.log10(last / first)) / (n_pixel - 1)
    return WaveGrid(scale="log", start=float(np.log10(first)), step=step, n_pixel=n_pixel)


INSTRUMENTS: dict[str, WaveGrid] = {
    "sdss": WaveGrid(scale="log", start=3.578, step=1e-4, n_pixel=3921),
    "boss": WaveGrid(scale="log", start=3.549, step=1e-4, n_pixel=4686),
    "desi": WaveGrid(scale="linear", start=3600.0, step=0.8, n_pixel=7781),
}
"""Observed-frame grid of each instrument."""

REST_RANGE = (2359.0, 9332.0)
"""Rest-frame wavelengths covered by the models, Angstrom (Liang+2023, section 3)."""
NORM_RANGE = (5300.0, 5850.0)
"""Rest-frame wavelengths whose median flux is the norm, Angstrom (Melchior+2022, section 2)."""
