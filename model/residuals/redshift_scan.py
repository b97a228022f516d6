"""Looks for features of galaxies at any redshift, and of stars, in spectra or residuals.

All is done on one logarithmic grid, where a redshift is a shift: correlations with a template at
all redshifts are one fast Fourier transform (Tonry & Davis 1979, AJ 84, 1511), here with weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

import data.templates
from data.arrays import FloatArray
from data.grid import WaveGrid

STEP = 2e-4
"""Width of a bin, dex: 138 km/s."""
SMOOTHING = 61
"""Bins over which the continuum is a running mean: 8400 km/s."""
Z_RANGE = (-0.002, 0.6)
STELLAR_BINS = 3
"""Stars are looked for within this many bins of redshift 0."""


@dataclass(frozen=True)
class Features:
    """Spectra on the logarithmic grid, their continuum taken out.

    Attributes:
        first: log10 of the first bin's wavelength over `STEP`, a whole number.
        values: Features, 0 where there is no data, shape (n_galaxy, n_bin).
        weights: Inverse variance, 0 where there is no data, same shape.
    """

    first: int
    values: FloatArray
    weights: FloatArray


@dataclass(frozen=True)
class Scan:
    """How well templates fit features at every redshift.

    Attributes:
        z: Redshifts, increasing, shape (n_shift,).
        significance: Amplitude over its error of the best template, in units of the scatter over
            all redshifts where that is above 1; shape (n_galaxy, n_shift).
        star: The same of the best star at redshift 0, shape (n_galaxy,).
        star_type: Its spectral type, shape (n_galaxy,).
    """

    z: FloatArray
    significance: FloatArray
    star: FloatArray
    star_type: NDArray[Any]

    def at(self, z: FloatArray, *, reach: int = 3) -> FloatArray:
        """Return the highest significance within `reach` bins of a redshift, shape (n_galaxy,)."""
        centre = np.searchsorted(self.z, z).clip(reach, len(self.z) - 1 - reach)
        near = centre[:, None] + np.arange(-reach, reach + 1)
        return np.take_along_axis(self.significance, near, axis=1).max(axis=1)

    def best(self, *, apart_from: FloatArray, by: float = 0.006) -> tuple[FloatArray, FloatArray]:
        """Return redshift and significance of the best fit not near a redshift, (n_galaxy,)."""
        near = np.abs(self.z - apart_from[:, None]) < by * (1 + apart_from[:, None])
        values = np.where(near, -np.inf, self.significance)
        at = values.argmax(axis=1)
        return self.z[at], np.take_along_axis(values, at[:, None], axis=1)[:, 0]


def features_of(grid: WaveGrid, values: FloatArray, weights: FloatArray) -> Features:
    """Bin spectra to the logarithmic grid and take out their continuum.

    Args:
        grid: Of the spectra.
        values: Flux or residual, shape (n_galaxy, n_pixel).
        weights: Inverse variance, 0 where unusable, same shape.
    """
    place = np.round(np.log10(grid.wave) / STEP).astype(np.int64)
    first = int(place[0])
    n_bin = int(place[-1]) - first + 1
    edges = np.searchsorted(place, np.arange(first, first + n_bin))
    filled = np.diff(np.append(edges, grid.n_pixel)) > 0
    weight = np.add.reduceat(weights.astype(np.float64), edges.clip(0, grid.n_pixel - 1), axis=1)
    total = np.add.reduceat(
        weights.astype(np.float64) * values, edges.clip(0, grid.n_pixel - 1), axis=1
    )
    weight, total = np.where(filled, weight, 0), np.where(filled, total, 0)
    known = weight > 0
    mean = np.where(known, total / np.where(known, weight, 1), 0)
    return Features(first, np.where(known, mean - _continuum(mean, known), 0), weight)


def scan(features: Features, templates: Templates) -> Scan:
    """Fit every template at every redshift.

    Args:
        features: Of the objects.
        templates: Of galaxies and stars.
    """
    n_bin = features.values.shape[1]
    low, high = (int(np.round(np.log10(1 + z) / STEP)) for z in Z_RANGE)
    size = 2 ** int(np.ceil(np.log2(n_bin + templates.galaxies.shape[1] + high - low)))
    weighted = np.fft.rfft(features.values * features.weights, size, axis=1)
    weights = np.fft.rfft(features.weights, size, axis=1)
    # Bin b of a spectrum sees template bin b + offset - shift.
    offset = features.first - templates.first
    shifts = np.arange(low, high + 1)
    lags = (shifts - offset) % size
    best = np.full((len(features.values), len(shifts)), -np.inf)
    for template in templates.galaxies:
        amplitude = _correlate(weighted, template, size)[:, lags]
        norm = _correlate(weights, template**2, size)[:, lags]
        best = np.maximum(best, _ratio(amplitude, norm))
    scatter = np.maximum(1.4826 * np.median(np.abs(best - np.median(best, axis=1)[:, None]),
                                            axis=1), 1.0)  # fmt: skip
    star, kind = _stars_at_rest(features, templates)
    return Scan(10 ** (shifts * STEP) - 1, best / scatter[:, None], star / scatter, kind)


@dataclass(frozen=True)
class Templates:
    """Features of galaxies in the rest frame and of stars, on the logarithmic grid.

    Attributes:
        first: As in `Features`.
        galaxies: Shape (n_template, n_bin).
        star_first: As `first`, of the stars.
        stars: Shape (n_star, n_star_bin).
        star_types: Their spectral types.
    """

    first: int
    galaxies: FloatArray
    star_first: int
    stars: FloatArray
    star_types: tuple[str, ...]


def make_templates(rest_grid: WaveGrid, rest: FloatArray) -> Templates:
    """Make templates of rest-frame galaxy spectra, and of the library's stars.

    Args:
        rest_grid: Grid of the galaxies.
        rest: Their spectra, shape (n_template, n_rest).
    """
    galaxies = features_of(rest_grid, rest, np.ones_like(rest))
    stars = _star_features()
    return Templates(galaxies.first, galaxies.values, stars[0], stars[1], stars[2])


def without_galaxy(features: Features, templates: Templates, z: FloatArray) -> Features:
    """Return features less the best combination of galaxy templates at a redshift.

    Args:
        features: Of the objects.
        templates: Of galaxies.
        z: Redshift of each object, shape (n_galaxy,).
    """
    n_bin, last = features.values.shape[1], templates.galaxies.shape[1] - 1
    shift = np.round(np.log10(1 + z) / STEP).astype(np.int64)
    at = features.first - templates.first - shift[:, None] + np.arange(n_bin)
    inside = (at >= 0) & (at <= last)
    basis = np.where(inside, templates.galaxies[:, at.clip(0, last)], 0).transpose(1, 0, 2)
    weighted = basis * features.weights[:, None, :]
    matrix = weighted @ basis.transpose(0, 2, 1)
    size = np.trace(matrix, axis1=1, axis2=2)[:, None, None]
    ridge = 1e-6 * np.maximum(size, 1e-30) * np.eye(len(templates.galaxies))
    amplitude = np.linalg.solve(matrix + ridge, weighted @ features.values[:, :, None])
    model = (amplitude.transpose(0, 2, 1) @ basis)[:, 0]
    left = np.where(features.weights > 0, features.values - model, 0)
    return Features(features.first, left, features.weights)


def _stars_at_rest(features: Features, templates: Templates) -> tuple[FloatArray, NDArray[Any]]:
    n_bin = features.values.shape[1]
    best = np.full((len(templates.star_types), len(features.values)), -np.inf)
    for shift in range(-STELLAR_BINS, STELLAR_BINS + 1):
        at = features.first - templates.star_first - shift + np.arange(n_bin)
        inside = (at >= 0) & (at < templates.stars.shape[1])
        stars = np.where(inside, templates.stars[:, at.clip(0, templates.stars.shape[1] - 1)], 0)
        amplitude = (features.values * features.weights) @ stars.T
        norm = features.weights @ (stars**2).T
        best = np.maximum(best, _ratio(amplitude, norm).T)
    return best.max(axis=0), np.array(templates.star_types)[best.argmax(axis=0)]


@cache
def _star_features() -> tuple[int, FloatArray, tuple[str, ...]]:
    with np.load(Path(data.templates.__path__[0]) / "stars.npz") as file:
        flux = file["flux"].astype(float) * file["scale"].astype(float)
        grid = WaveGrid(scale="log", start=float(file["log_start"]), step=float(file["step"]),
                        n_pixel=flux.shape[1])  # fmt: skip
        types = tuple(str(item) for item in file["type"])
    flux = flux / np.median(flux, axis=1)[:, None]
    stars = features_of(grid, flux, np.ones_like(flux))
    return stars.first, stars.values, types


def _correlate(spectra: NDArray[np.complex128], template: FloatArray, size: int) -> FloatArray:
    """Return sum_b spectrum(b) template(b - lag) at every lag, cyclic, shape (n_galaxy, size)."""
    return np.fft.irfft(spectra * np.conj(np.fft.rfft(template, size)), size, axis=1)


def _ratio(amplitude: FloatArray, norm: FloatArray) -> FloatArray:
    """Return amplitude over the root of its norm, 0 where there is next to no overlap.

    Each row is one object: what is next to none does not depend on how bright others are.
    """
    enough = norm > 1e-3 * norm.max(axis=1, keepdims=True, initial=1e-30)
    return np.where(enough, amplitude / np.sqrt(np.where(enough, norm, 1)), 0)


def _continuum(mean: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    """Return the running mean of known values."""
    total = uniform_filter1d(np.where(known, mean, 0), SMOOTHING, axis=1, mode="nearest")
    share = uniform_filter1d(known.astype(float), SMOOTHING, axis=1, mode="nearest")
    return total / np.maximum(share, 1e-9)
