"""How far reconstructions are from spectra, in units of the noise: chi2 and its kin."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray, FloatArray
from data.spectra import Spectra


class Misfit(NamedTuple):
    """Squared residuals of some spectra over their variance.

    Attributes:
        pixel_chi2: ivar (x - x'')^2 of each pixel, 0 where not used, float64, shape
            (n_galaxy, n_pixel).
        used: Pixels that are neither masked nor outside the rest range, same shape.
    """

    pixel_chi2: NDArray[np.float64]
    used: BoolArray

    @property
    def chi2(self) -> NDArray[np.float64]:
        """Chi2 of each spectrum, shape (n_galaxy,)."""
        return self.pixel_chi2.sum(axis=1)

    @property
    def reduced(self) -> FloatArray:
        """Chi2 over the number of used pixels, shape (n_galaxy,); NaN where there are none."""
        n_used = self.used.sum(axis=1)
        return np.where(n_used > 0, self.chi2 / np.maximum(n_used, 1), np.nan)

    @property
    def fidelity(self) -> FloatArray:
        """Fidelity loss of each spectrum (Liang+2023, equation 1), shape (n_galaxy,)."""
        return 0.5 * self.chi2 / self.used.shape[1]

    @property
    def noise_floor(self) -> FloatArray:
        """Fidelity of a reduced chi2 of 1: half the share of used pixels, shape (n_galaxy,)."""
        return 0.5 * self.used.sum(axis=1) / self.used.shape[1]


def misfit(spectra: Spectra, flux: FloatArray, covered: BoolArray) -> Misfit:
    """Compare spectra with reconstructions.

    Args:
        spectra: Observed spectra.
        flux: Model flux on the same grid, shape (n_galaxy, n_pixel).
        covered: True where the rest range reaches, same shape.
    """
    used = (spectra.ivar > 0) & covered
    residual = np.where(used, spectra.flux - flux, 0).astype(np.float64)
    return Misfit(spectra.ivar * residual**2, used)
