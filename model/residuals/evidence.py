"""What speaks for each cause of strangeness: one number a cause, higher is stronger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray, FloatArray
from data.lines.indices import measure
from data.spectra import Spectra
from model.residuals.double_peaks import find_double_peaks
from model.residuals.faults import arm_step, sky_residual, straight_share
from model.residuals.peaks import Peak, find_peaks
from model.residuals.redshift_scan import (
    Z_RANGE,
    Templates,
    features_of,
    scan,
    without_galaxy,
)

MODEL_ERROR = 0.02
"""Error of a model beyond the noise, relative to its flux, in the search for other features."""
LEAST_FEATURES = 8.0
"""A redshift or a star counts from this significance."""
BROAD_BIN, BROAD_ERROR = 80.0, 0.015
"""Width of a bin of broad residuals, Angstrom, and the relative error of a model in it."""
BLUE = (4150.0, 4250.0)
"""Rest wavelengths, Angstrom, of the blue level; the spectrum is 1 at 5300-5850 Angstrom."""
STELLAR_HBETA = 4.0
"""Flux of H-beta that absorption may hide: an equivalent width of 4 Angstrom, where the continuum
is 1."""
AT_REST = 0.004
"""Redshifts below this are those of stars."""
SMALL = 3.0
"""Significance that counts as no fit at all, so that ratios to it stay finite."""

Columns = dict[str, FloatArray]


@dataclass(frozen=True)
class Evidence:
    """What was measured on some objects.

    Attributes:
        strength: Cause -> number, higher is stronger, 0 for none, shape (n_galaxy,); the causes
            are those of `model.residuals.reasons.CAUSES`.
        details: Numbers that the reasons quote, by name, shape (n_galaxy,).
        star_type: Spectral type of the best star, shape (n_galaxy,).
        peaks: The strongest peaks of each residual.
    """

    strength: Columns
    details: Columns
    star_type: NDArray[Any]
    peaks: list[list[Peak]]

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.star_type)


def measure_evidence(
    spectra: Spectra, flux: FloatArray, covered: BoolArray, templates: Templates
) -> Evidence:
    """Measure what speaks for each cause.

    Args:
        spectra: Observed spectra.
        flux: Their reconstructions on the same grid, shape (n_galaxy, n_pixel).
        covered: True where the model reaches, same shape.
        templates: Features of galaxies of the survey and of stars.
    """
    strength, details, star_type = _other_objects(spectra, flux, covered, templates)
    step, details["step"], details["step_wave"] = arm_step(spectra, flux, covered)
    straight, details["straight_first"], details["straight_last"] = straight_share(spectra)
    double = find_double_peaks(spectra)
    details["separation"] = double.separation
    strength |= {
        "arm step": step,
        "sky residuals": sky_residual(spectra, flux, covered),
        "straight line": straight,
        "double peaks": double.significance,
        "broad residual": _broad(spectra, flux, covered, details),
        **_galaxy(spectra, details),
    }
    strength = {name: np.nan_to_num(values, posinf=0.0) for name, values in strength.items()}
    return Evidence(strength, details, star_type, find_peaks(spectra, flux, covered))


def join_evidence(parts: Sequence[Evidence]) -> Evidence:
    """Put the objects of several together."""
    first = parts[0]
    return Evidence(
        {name: np.concatenate([part.strength[name] for part in parts]) for name in first.strength},
        {name: np.concatenate([part.details[name] for part in parts]) for name in first.details},
        np.concatenate([part.star_type for part in parts]),
        [peaks for part in parts for peaks in part.peaks],
    )


def _other_objects(
    spectra: Spectra, flux: FloatArray, covered: BoolArray, templates: Templates
) -> tuple[Columns, Columns, NDArray[Any]]:
    """Look for a star, another redshift, or a second object."""
    used = covered & (spectra.ivar > 0)
    variance = np.where(used, 1 / np.where(used, spectra.ivar, 1), 1) + (MODEL_ERROR * flux) ** 2
    weights = np.where(used, 1 / variance, 0)
    features = features_of(spectra.grid, spectra.flux, weights)
    whole = scan(features, templates)
    residual = np.where(used, spectra.flux - flux, 0)
    left = scan(features_of(spectra.grid, residual, weights), templates)
    own = whole.at(spectra.z)
    z_best, best = whole.best(apart_from=spectra.z)
    z_second, second = left.best(apart_from=spectra.z)
    own_after = scan(without_galaxy(features, templates, z_best), templates).at(spectra.z)
    is_star = _is_star(spectra.z, own, best, z_best, whole.star)
    known = spectra.z < Z_RANGE[1]
    moved = known & (best > LEAST_FEATURES) & ~is_star
    both = moved & (own_after > np.maximum(LEAST_FEATURES, 0.5 * own))
    star_left = np.where(np.abs(z_second) < AT_REST, np.maximum(left.star, second), left.star)
    rival = np.where(np.abs(spectra.z) < AT_REST, LEAST_FEATURES, own)
    strength = {
        "star": np.where(is_star, np.maximum(whole.star, best) / np.maximum(rival, SMALL), 0),
        "star blend": np.where(is_star | ~known, 0, star_left),
        "wrong redshift": np.where(moved & ~both, best / np.maximum(own, SMALL), 0),
        "second redshift": np.where(is_star | ~known | (np.abs(z_second) < AT_REST), 0, second),
    }
    details = {
        "own": own, "star": whole.star, "star_left": star_left, "best": best, "z_best": z_best,
        "second": second, "z_second": z_second,
    }  # fmt: skip
    return strength, details, np.where(is_star, whole.star_type, left.star_type)


def _is_star(
    z: FloatArray, own: FloatArray, best: FloatArray, z_best: FloatArray, star: FloatArray
) -> NDArray[np.bool_]:
    """Return which spectra are stars: nothing fits as well as a star, or a galaxy at rest.

    Args:
        z: Catalogue's redshifts.
        own: Significance of galaxies there.
        best: The same at the best other redshift.
        z_best: That redshift.
        star: Significance of stars.
    """
    rival = np.where(np.abs(z) < AT_REST, 0.7 * own, 2 * own)  # at rest galaxies fit stars too
    moved_to_rest = np.abs(z_best) < AT_REST
    fits = (star > LEAST_FEATURES) & (star > rival) & ((star > best) | moved_to_rest)
    return fits | (moved_to_rest & (best > LEAST_FEATURES) & (best > rival))


def _broad(spectra: Spectra, flux: FloatArray, covered: BoolArray, details: Columns) -> FloatArray:
    """Return the strongest relative residual in broad bins, over its error."""
    used = covered & (spectra.ivar > 0) & (flux > 0.05)
    model = np.where(used, flux, 1)
    weight = np.where(used, spectra.ivar, 0) * model**2
    relative = np.where(used, (spectra.flux - flux) / model, 0)
    edges = np.unique(np.searchsorted(spectra.wave, np.arange(spectra.wave[0], spectra.wave[-1],
                                                              BROAD_BIN)))  # fmt: skip
    total = np.add.reduceat(weight, edges, axis=1)
    mean = np.add.reduceat(weight * relative, edges, axis=1) / np.maximum(total, 1e-12)
    error = np.sqrt(1 / np.maximum(total, 1e-12) + BROAD_ERROR**2)
    significance = np.abs(mean) / error
    at = significance.argmax(axis=1)
    rows = np.arange(len(spectra))
    details["broad"] = mean[rows, at]
    details["broad_wave"] = spectra.wave[edges[at]] + BROAD_BIN / 2
    return significance[rows, at]


def _galaxy(spectra: Spectra, details: Columns) -> Columns:
    """Measure what is unusual about the galaxy itself; adds what is quoted to `details`."""
    wave_rest = spectra.wave / (1 + spectra.z[:, None])
    index = measure(wave_rest, spectra.flux, spectra.ivar)
    side = (wave_rest > BLUE[0]) & (wave_rest < BLUE[1]) & (spectra.ivar > 0)
    n_side = side.sum(axis=1)
    blue = np.where(side, spectra.flux, 0).sum(axis=1) / np.maximum(n_side, 1)
    details["blue"] = np.where(n_side > 10, blue, np.nan)
    seen = index["flux_halpha"] > 5 * index["flux_halpha_err"]
    beta = index["flux_hbeta"] + 2 * index["flux_hbeta_err"] + STELLAR_HBETA  # at most
    details["decrement"] = np.where(seen & (beta > 0), index["flux_halpha"] / beta, np.nan)
    used = spectra.ivar > 0
    details["ew_halpha"] = index["ew_halpha"]
    details["hdelta_a"] = index["hdelta_a"]
    snr = np.sqrt(spectra.ivar) * spectra.flux
    details["snr"] = np.array([np.median(row[good]) if good.any() else 0.0
                               for row, good in zip(snr, used, strict=True)])  # fmt: skip
    return {
        "dust": 1 / details["blue"].clip(0.05),
        "Balmer decrement": details["decrement"],
        "strong lines": index["ew_halpha"],
        "strong Hδ": np.where(index["hdelta_a"] > 5 * index["hdelta_a_err"], index["hdelta_a"], 0),
        "low S/N": 1 / details["snr"].clip(0.05),
    }
