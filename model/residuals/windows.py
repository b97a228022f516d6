"""What a reconstruction leaves of a spectrum, in windows of the rest frame.

The windows are the same for all objects of a survey, whatever their redshift, so that residuals
can be compared: which ones do all have, which one alone?
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray, FloatArray
from data.atomic import replacing
from data.spectra import Spectra

STEP = 16e-4
"""Width of a window, dex: 1105 km/s, 16 pixels of SDSS; as wide as a broad line, not a galaxy's."""
MIN_SHARE = 0.4
"""Share of a window's pixels that must be usable."""
HIGHEST = 60_000.0
"""Values are clipped to this in files: half precision ends there."""


@dataclass(frozen=True)
class Windows:
    """Sums over windows, float32, shape (n_galaxy, n_window); NaN where too little is usable.

    Attributes:
        residual: Mean residual over its error: sum(w r) / sqrt(sum w), w the inverse variance.
        model: Mean model flux over the same error: how well the window is measured.
    """

    residual: FloatArray
    model: FloatArray

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.residual)

    def take(self, rows: NDArray[np.integer] | slice) -> Windows:
        """Return some of the objects."""
        return Windows(*(getattr(self, item.name)[rows] for item in fields(self)))

    def save(self, path: Path) -> None:
        """Write an `.npz` file, in half precision."""
        arrays = {
            item.name: getattr(self, item.name).clip(-HIGHEST, HIGHEST).astype(np.float16)
            for item in fields(self)
        }
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: Path, rows: slice = slice(None)) -> Windows:
        """Read some objects of what `save` wrote."""
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return cls(*(arrays[item.name][rows].astype(np.float32) for item in fields(cls)))

    @staticmethod
    def concatenate(parts: list[Windows]) -> Windows:
        """Put the objects of several together."""
        return Windows(
            *(np.concatenate([getattr(part, item.name) for part in parts])
              for item in fields(Windows))
        )  # fmt: skip


def window_waves(rest_range: tuple[float, float]) -> FloatArray:
    """Return the central rest wavelengths of the windows, Angstrom, shape (n_window,)."""
    first, last = np.log10(rest_range)
    return 10 ** (first + STEP * (0.5 + np.arange(int(np.ceil((last - first) / STEP)))))


def measure_windows(
    spectra: Spectra, flux: FloatArray, covered: BoolArray, rest_range: tuple[float, float]
) -> Windows:
    """Sum residuals over windows.

    Args:
        spectra: Observed spectra.
        flux: Model flux on the same grid, shape (n_galaxy, n_pixel).
        covered: True where the model reaches, same shape.
        rest_range: First and last rest wavelength of the windows, Angstrom.
    """
    n_window = len(window_waves(rest_range))
    used = (spectra.ivar > 0) & covered
    weight = np.where(used, spectra.ivar, 0).astype(np.float64)
    residual = np.where(used, spectra.flux - flux, 0).astype(np.float64)
    shift = (np.log10(rest_range[0]) + np.log10(1 + spectra.z)) / STEP
    place = np.floor(np.log10(spectra.wave) / STEP - shift[:, None]).astype(np.int64)
    inside = (place >= 0) & (place < n_window)
    weight *= inside
    place = place.clip(0, n_window - 1) + np.arange(len(spectra))[:, None] * n_window

    def total(values: FloatArray) -> FloatArray:
        sums = np.bincount(place.ravel(), values.ravel(), minlength=len(spectra) * n_window)
        return sums.reshape(len(spectra), n_window).astype(np.float64)

    all_weight, count = total(weight), total((weight > 0).astype(np.float64))
    enough = count >= np.maximum(MIN_SHARE * total(inside.astype(np.float64)), 2)
    root = np.sqrt(np.where(enough, all_weight, np.nan))
    mean = total(weight * residual) / root
    model = total(weight * np.where(used, flux, 0)) / root
    return Windows(*(part.astype(np.float32) for part in (mean, model)))
