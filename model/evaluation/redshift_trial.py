"""A spectrum encoded at redshifts other than its own: how well does the model draw it there?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.arrays import FloatArray
from data.grid import NORM_RANGE
from data.spectra import Spectra
from model.interface import SpectrumModel
from model.misfit import misfit

LEAST_SHARE = 0.2
"""Part of the range of the norm that must be observed for a norm to be taken there."""
NORMED = 0.1
"""A spectrum whose norm differs from 1 by less is one divided by it, noise included."""

N_FINE = 20
"""Redshifts tried between the neighbours of the best one of a scan."""
SAME = 1e-6
"""Redshifts nearer than this are one."""


@dataclass(frozen=True, kw_only=True)
class Trials:
    """One spectrum at several redshifts.

    Attributes:
        z: Redshifts, shape (n_trial,).
        scale: What its flux was divided by before it was encoded, so that its norm is 1 at that
            redshift too, shape (n_trial,).
        latents: Shape (n_trial, n_latent).
        chi2_red: Reduced chi2 of the reconstruction, shape (n_trial,).
    """

    z: FloatArray
    scale: FloatArray
    latents: FloatArray
    chi2_red: FloatArray


def try_redshifts(
    model: SpectrumModel, spectrum: Spectra, redshifts: Sequence[float] | FloatArray
) -> Trials:
    """Encode, decode and compare a spectrum at each redshift.

    Args:
        model: The model.
        spectrum: One spectrum, at its own redshift.
        redshifts: To try, above -1.
    """
    z = np.asarray(redshifts, dtype=float)
    own = _norm(spectrum, float(spectrum.z[0]))
    normed = own is not None and abs(own - 1) < NORMED
    norms = [_norm(spectrum, value) if normed else None for value in z]
    scale = np.array([1.0 if norm is None else norm for norm in norms])
    flux = (spectrum.flux / scale[:, None]).astype(np.float32)
    ivar = (spectrum.ivar * scale[:, None] ** 2).astype(np.float32)
    tried = Spectra(grid=spectrum.grid, flux=flux, ivar=ivar, z=z)
    latents = model.encode(tried)
    chi2 = misfit(tried, *model.reconstruct(latents, z, spectrum.grid)).reduced
    return Trials(z=z, scale=scale, latents=latents, chi2_red=chi2)


def _norm(spectrum: Spectra, z: float) -> float | None:
    """Return the median flux of rest-frame `NORM_RANGE`, None where it is unknown or not positive.

    Args:
        spectrum: One spectrum.
        z: Redshift to take it at.
    """
    rest = spectrum.wave / (1 + z)
    inside = (rest >= NORM_RANGE[0]) & (rest <= NORM_RANGE[1])
    low, high = (spectrum.grid.pixel(edge * (1 + z)) for edge in NORM_RANGE)
    good = inside & (spectrum.ivar[0] > 0)
    if good.sum() < LEAST_SHARE * float(high - low):
        return None
    norm = float(np.median(spectrum.flux[0][good]))
    return norm if norm > 0 else None


def scan_redshifts(
    model: SpectrumModel, spectrum: Spectra, redshifts: FloatArray, own: float
) -> Trials:
    """Try redshifts, the spectrum's own among them, and `N_FINE` more around the best.

    Narrow lines fit only within a pixel or two of the right redshift; a scan has wider steps.

    Args:
        model: The model.
        spectrum: One spectrum.
        redshifts: To try, increasing, above -1.
        own: The redshift of the spectrum.

    Returns:
        All of them, by increasing redshift.
    """
    apart = np.abs(redshifts - own).min() > SAME
    coarse = try_redshifts(model, spectrum, np.union1d(redshifts, own if apart else []))
    best = int(np.nanargmin(coarse.chi2_red))
    ends = coarse.z[max(best - 1, 0)], coarse.z[min(best + 1, len(coarse.z) - 1)]
    fine = try_redshifts(model, spectrum, np.linspace(*ends, N_FINE + 2)[1:-1])
    z = np.concatenate([coarse.z, fine.z])
    order = np.unique(z, return_index=True)[1]  # the middle may have been tried already
    return Trials(**{
        name: np.concatenate([values, getattr(fine, name)])[order]
        for name, values in vars(coarse).items()
    })  # fmt: skip
