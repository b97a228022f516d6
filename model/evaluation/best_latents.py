"""The latents that reproduce a spectrum best, whatever an encoder says.

What remains there is the decoder's part of a misfit (too few latents, or too little training); the
rest of it is the encoder's. Works for any `SpectrumModel`: derivatives are differences.

    latents, chi2 = best_latents(model, spectra, model.encode(spectra))
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray, FloatArray
from data.spectra import Spectra
from model.interface import SpectrumModel
from model.misfit import misfit

N_ITERATION = 12
DIFFERENCE = 0.01
"""Step of the differences, over the spread of a latent."""
DAMPING, LESS, MORE = 1e-2, 0.2, 8.0


def best_latents(
    model: SpectrumModel, spectra: Spectra, start: FloatArray, *, n_iteration: int = N_ITERATION
) -> tuple[FloatArray, NDArray[np.float64]]:
    """Minimise chi2 of each spectrum over its latents (Levenberg-Marquardt).

    Args:
        model: Any model.
        spectra: On a grid that the model reproduces.
        start: Latents to start from, shape (n_galaxy, n_latent); their spread sets the scale of
            the steps.
        n_iteration: Steps tried; one that does not lower chi2 is not taken.

    Returns:
        Latents, shape (n_galaxy, n_latent), and their chi2, shape (n_galaxy,): never above that
        of `start`.
    """
    spread = np.maximum(start.std(axis=0), 1e-6).astype(np.float64)
    latents = start.astype(np.float64)
    flux, weight, chi2 = _fit(model, latents, spectra)
    damping = np.full(len(latents), DAMPING)
    for _ in range(n_iteration):
        slopes = np.stack(
            [
                _observed(model, latents + shift, spectra)[0] - flux
                for shift in np.diag(DIFFERENCE * spread)
            ],
            axis=1,
        )  # (n_galaxy, n_latent, n_pixel), per DIFFERENCE spreads
        weighted = slopes * weight[:, None]
        curvature = (weighted @ slopes.transpose(0, 2, 1)).astype(np.float64)
        gradient = (weighted @ (spectra.flux - flux)[:, :, None]).astype(np.float64)
        step = np.linalg.solve(_damped(curvature, damping), gradient)[:, :, 0]
        tried = latents + DIFFERENCE * spread * step
        tried_flux, _, tried_chi2 = _fit(model, tried, spectra)
        better = tried_chi2 < chi2
        latents[better], flux[better], chi2[better] = (
            tried[better], tried_flux[better], tried_chi2[better],
        )  # fmt: skip
        damping *= np.where(better, LESS, MORE)
    return latents.astype(np.float32), chi2


def _fit(
    model: SpectrumModel, latents: FloatArray, spectra: Spectra
) -> tuple[FloatArray, FloatArray, NDArray[np.float64]]:
    """Return flux, weights and chi2 of latents."""
    flux, covered = _observed(model, latents, spectra)
    return flux, spectra.ivar * covered, misfit(spectra, flux, covered).chi2


def _observed(
    model: SpectrumModel, latents: FloatArray, spectra: Spectra
) -> tuple[FloatArray, BoolArray]:
    """Return the model flux of latents, and where it reaches."""
    return model.reconstruct(latents.astype(np.float32), spectra.z, spectra.grid)


def _damped(curvature: NDArray[np.float64], damping: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add a share of the diagonal, and enough for latents that change nothing."""
    diagonal = np.einsum("nkk->nk", curvature)
    added = damping[:, None] * diagonal + 1e-6 * diagonal.max(axis=1, keepdims=True) + 1e-12
    return curvature + added[:, :, None] * np.eye(curvature.shape[1])
