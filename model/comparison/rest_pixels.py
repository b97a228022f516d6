"""Errors on the rest-frame pixels of a paper, which are wider than those of the instrument.

A model of 1000 pixels can not follow a line that the instrument resolves; on the pixels of
Portillo+2020 (section 3) or Nicolaou+2025 (equation 6) it is measured as its authors did.
"""

from __future__ import annotations

import numpy as np

from data.arrays import BoolArray, FloatArray
from data.grid import WaveGrid
from data.rest_frame.preparation import Preparation, prepare
from data.rest_frame.rebin import overlaps, rebin
from data.spectra import Spectra
from model.interface import SpectrumModel


def rest_errors(
    model: SpectrumModel,
    spectra: Spectra,
    latents: FloatArray,
    *,
    preparation: Preparation,
    rest_range: tuple[float, float],
) -> FloatArray:
    """Return the weighted mean squared error of spectra and reconstructions, both prepared.

    Each reconstruction is scaled to its spectrum by least squares: models differ in what they
    normalise to. Filled pixels do not count.

    Args:
        model: The model.
        spectra: Observed spectra.
        latents: Theirs, shape (n_galaxy, n_latent).
        preparation: Pixels, and cap of the signal-to-noise.
        rest_range: Wavelengths that count, Angstrom.

    Returns:
        Per pixel, in units of the noise variance, shape (n_galaxy,); NaN where no pixel counts.
    """
    prepared = prepare(spectra, preparation)
    decoded, known = on_grid(model.decode(latents), model.rest_grid, preparation.rest_grid)
    wave = preparation.rest_grid.wave
    used = prepared.observed & known & (wave >= rest_range[0]) & (wave <= rest_range[1])
    weight = np.where(used, prepared.ivar, 0).astype(float)
    square = (weight * decoded**2).sum(axis=1)
    scale = (weight * prepared.flux * decoded).sum(axis=1) / np.where(square > 0, square, 1)
    chi2 = (weight * (prepared.flux - scale[:, None] * decoded) ** 2).sum(axis=1)
    n_used = used.sum(axis=1)
    return np.where(n_used > 0, chi2 / n_used.clip(min=1), np.nan)


def on_grid(rest: FloatArray, grid: WaveGrid, rest_grid: WaveGrid) -> tuple[FloatArray, BoolArray]:
    """Return rest-frame spectra on other pixels, and which of those they reach.

    Args:
        rest: Shape (n_galaxy, n_pixel).
        grid: Theirs.
        rest_grid: The one wanted.
    """
    if grid.matches(rest_grid):
        return rest, np.ones(rest.shape, dtype=bool)
    over = overlaps(np.zeros(len(rest)), grid=grid, rest_grid=rest_grid)
    flux, _, known = rebin(rest, np.ones_like(rest), over)
    return flux, known
