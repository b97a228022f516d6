"""Spectra brought to the rest frame, and their mean with its error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from data.arrays import FloatArray
from data.grid import WaveGrid
from data.spectra import Spectra
from model.networks.redshift import to_rest_frame

NOISE_FLOOR = 0.1
"""Noise added to each pixel for its weight, in normalised flux, so that a few spectra of high
signal-to-noise do not make the mean alone."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Mean rest-frame spectrum of some objects.

    Attributes:
        wave: Rest-frame vacuum wavelengths, Angstrom, shape (n_rest,).
        flux: Weighted mean of the normalised flux, NaN where no object shows the pixel,
            float32, shape (n_rest,).
        error: Standard error of the mean, from the scatter of the objects where there are at
            least two, from their noise where there is one; shape (n_rest,).
        count: Objects that show the pixel, shape (n_rest,).
        n_object: Objects stacked.
        without_one: Means of all but one object each, for errors of what is measured on `flux`;
            float32, shape (n_object, n_rest); None where they are not kept.
    """

    wave: FloatArray
    flux: FloatArray
    error: FloatArray
    count: FloatArray
    n_object: int
    without_one: FloatArray | None = None

    @property
    def ivar(self) -> FloatArray:
        """Inverse variance of the mean, 0 where there is none, shape (n_rest,)."""
        good = (self.error > 0) & np.isfinite(self.error)
        return np.where(good, 1 / np.where(good, self.error, 1) ** 2, 0)


def stack_spectra(spectra: Spectra, *, rest_grid: WaveGrid) -> Stack:
    """Average spectra in the rest frame; see `rest_frame` for the arguments."""
    flux, weight = rest_frame(spectra, rest_grid=rest_grid)
    return stack_rest(flux, weight, wave=rest_grid.wave, noise=noise_behind(weight))


def rest_frame(spectra: Spectra, *, rest_grid: WaveGrid) -> tuple[Tensor, Tensor]:
    """Return rest-frame flux and its weight in a stack, each of shape (n_galaxy, n_rest).

    Args:
        spectra: Normalised spectra, so that each counts alike.
        rest_grid: Where to average.
    """
    ivar = torch.tensor(spectra.ivar, dtype=torch.float32)
    return to_rest_frame(
        torch.tensor(spectra.flux, dtype=torch.float32),
        ivar / (1 + ivar * NOISE_FLOOR**2),
        torch.tensor(spectra.z, dtype=torch.float64),
        grid=spectra.grid,
        rest_grid=rest_grid,
    )


def noise_behind(weight: Tensor) -> Tensor:
    """Return the noise of pixels, without its floor, from their weights of `rest_frame`."""
    return (1 / weight.double() - NOISE_FLOOR**2).clamp_min(0).sqrt()


def means_without_one(flux: Tensor, weight: Tensor) -> FloatArray:
    """Return the weighted means of all spectra but one, each left out in turn.

    Args:
        flux: Shape (n_galaxy, n_rest).
        weight: Of each pixel, 0 where nothing was observed, same shape.

    Returns:
        float32, NaN where no other object shows the pixel, shape (n_galaxy, n_rest).
    """
    flux, weight = flux.double(), weight.double()
    seen = weight > 0
    part = torch.where(seen, weight * flux, 0)
    others = seen.sum(dim=0) - seen.long() > 0
    mean = (part.sum(dim=0) - part) / (weight.sum(dim=0) - weight)
    return torch.where(others, mean, torch.nan).float().numpy()


def stack_rest(
    flux: Tensor, weight: Tensor, *, wave: FloatArray, noise: Tensor | None = None
) -> Stack:
    """Average rest-frame spectra.

    Args:
        flux: Shape (n_galaxy, n_rest).
        weight: Of each pixel, 0 where nothing was observed, same shape.
        wave: Rest-frame wavelengths, Angstrom, shape (n_rest,).
        noise: Of each pixel, same shape; None: weights are inverse variances.
    """
    flux, weight = flux.double(), weight.double()
    total, count = weight.sum(dim=0), (weight > 0).sum(dim=0)
    mean = (weight * flux).sum(dim=0) / total
    scatter = (weight**2 * (flux - mean.nan_to_num()) ** 2).sum(dim=0).sqrt() / total
    scatter = scatter * (count / (count - 1).clamp(min=1)).sqrt()
    noise = weight.rsqrt() if noise is None else noise.double()
    alone = torch.where(weight > 0, noise, 0).sum(dim=0)  # the one object's
    error = torch.where(count > 1, scatter, alone)
    error = torch.where(count > 0, error, torch.nan)
    return Stack(
        wave=wave,
        flux=mean.float().numpy(),
        error=error.float().numpy(),
        count=count.numpy(),
        n_object=len(flux),
    )
