"""Emission lines measured alike in mock and real spectra: stars are fitted and subtracted first.

The stars are a sum, with no negative part, of populations of several ages and metallicities
behind one screen of dust; the lines are Gaussians of one width and one velocity.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from benchmarks.realism.samples import Sample
from data.arrays import BoolArray, FloatArray
from data.constants import SPEED_OF_LIGHT
from data.lines.emission import LINES
from data.lines.indices import measure
from data.mock.dust import calzetti
from data.mock.instrument import MOCK_INSTRUMENTS
from data.mock.templates import GRID, OLD_EDGES, load_templates

MEASURED = {
    "oii": (3727.09, 3729.88), "neiii": (3869.86,), "hdelta": (4102.90,), "hgamma": (4341.69,),
    "oiii4363": (4364.44,), "heii": (4687.02,), "hbeta": (4862.69,), "oiii4959": (4960.30,),
    "oiii": (5008.24,), "hei": (5877.25,), "oi": (6302.05,), "nii6548": (6549.86,),
    "halpha": (6564.61,), "nii": (6585.27,), "sii": (6718.29,), "sii6731": (6732.68,),
}  # fmt: skip
"""Lines by name; those of one name are summed with equal parts."""
_AGES = np.array([2e7, 1e8, 2.9e8, 6.4e8, 1.0e9, 1.8e9, 3.5e9, 6e9, 1.1e10])
_A_V = (0.0, 0.4, 0.8, 1.4, 2.2)
_WIDTHS = np.array([70, 90, 110, 135, 165, 200, 250, 320, 420.0])
"""Velocity dispersions tried, the instrument's included, km/s."""
_OFFSETS = np.array([-120, -60, 0, 60, 120.0])
_PIXEL = SPEED_OF_LIGHT * np.log(10) * GRID.step


def measure_lines(sample: Sample) -> pd.DataFrame:
    """Return what the spectra show, one row a galaxy.

    Returns:
        For each of `MEASURED` `flux_*` (flux unit x Angstrom), its error `err_*`, `ew_*`
        (Angstrom, positive in emission); `sigma` (km/s, without the instrument), `offset` (km/s);
        `d4000` and `hdelta_a`, the latter of the spectrum without its emission lines; NaN where
        not seen.
    """
    rows = [_measure_one(sample, row) for row in range(len(sample))]
    frame = pd.DataFrame(rows)
    rest = sample.wave / (1 + sample.z[:, None])
    frame["d4000"] = measure(rest, sample.flux, sample.ivar)["d4000"]
    return frame


def _measure_one(sample: Sample, row: int) -> dict[str, float]:
    first = round((np.log10(sample.wave[0] / (1 + sample.z[row])) - GRID.start) / GRID.step)
    flux, ivar = sample.flux[row], sample.ivar[row]
    inside = slice(max(first, 0), min(first + len(flux), GRID.n_pixel))
    flux, ivar = (values[inside.start - first : inside.stop - first] for values in (flux, ivar))
    rest = sample.wave[inside.start - first : inside.stop - first] / (1 + sample.z[row])
    stars = _stars(flux, ivar, inside)
    result, lines = _lines(rest, flux - stars, ivar, stars, sample.z[row])
    clean = measure(rest, (flux - lines)[None], ivar[None])
    result["hdelta_a"] = float(clean["hdelta_a"][0])
    return result


@cache
def _populations() -> FloatArray:
    """Return populations on the template grid, smoothed to 150 km/s, (n_population, n_pixel)."""
    templates = load_templates()
    bins = np.searchsorted(OLD_EDGES, _AGES) - 1
    table = templates.old.coefficients[1:6][:, bins]
    spectra = table.reshape(-1, table.shape[-1]).astype(float) @ templates.old.basis
    x = np.arange(-8, 9) * _PIXEL / 150.0
    kernel = np.exp(-0.5 * x**2)
    smooth = np.array([np.convolve(s, kernel / kernel.sum(), mode="same") for s in spectra])
    return smooth / smooth.mean(axis=1, keepdims=True)


@cache
def _far_from_lines() -> BoolArray:
    """Return which template pixels no emission line reaches (700 km/s)."""
    waves = [line.wave for line in LINES if line.kind == "emission"]
    waves += [line for lines in MEASURED.values() for line in lines]
    distance = np.abs(np.log(GRID.wave[:, None] / np.array(waves))).min(axis=1)
    return (distance > 700 / SPEED_OF_LIGHT) & (GRID.wave > 3650) & (GRID.wave < 8500)


def _stars(flux: FloatArray, ivar: FloatArray, inside: slice) -> FloatArray:
    """Return the best sum of populations behind one of several screens of dust."""
    weight = np.where(_far_from_lines()[inside], np.sqrt(ivar), 0.0)
    basis = _populations()[:, inside]
    best, chi2 = np.zeros_like(flux), np.inf
    for a_v in _A_V:
        dimmed = basis * 10 ** (-0.4 * a_v * calzetti(GRID.wave[inside]))
        factor, residual = nnls((dimmed * weight).T[::2], (flux * weight)[::2])
        if residual < chi2:
            best, chi2 = factor @ dimmed, residual
    ratio = _smooth_ratio(flux, best, weight)
    return best * ratio


def _smooth_ratio(flux: FloatArray, model: FloatArray, weight: FloatArray) -> FloatArray:
    """Return a smooth curve that carries the model to the spectrum: errors of calibration."""
    x = np.linspace(-1, 1, len(flux))
    design = np.polynomial.legendre.legvander(x, 6) * (model * weight)[:, None]
    factor = np.linalg.lstsq(design, flux * weight, rcond=None)[0]
    return np.polynomial.legendre.legval(x, factor).clip(0.5, 2.0)


def _lines(
    rest: FloatArray, flux: FloatArray, ivar: FloatArray, stars: FloatArray, z: float
) -> tuple[dict[str, float], FloatArray]:
    """Return fluxes, errors and equivalent widths of the lines, and their spectrum."""
    near = ~_far_from_lines_at(rest) & (ivar > 0)
    if near.sum() < 50:
        return {}, np.zeros_like(flux)
    weight = np.sqrt(ivar[near])
    best, chi2 = None, np.inf
    for width in _WIDTHS:
        for offset in _OFFSETS:
            design = _profiles(rest[near], width, offset)
            normal = (design * weight) @ (design * weight).T + 1e-12 * np.eye(len(design))
            right = (design * weight) @ (flux[near] * weight)
            factor = np.linalg.solve(normal, right)
            gain = -factor @ right
            if gain < chi2:
                best, chi2 = (width, offset, factor, normal), gain
    assert best is not None
    width, offset, factor, normal = best
    errors = np.sqrt(np.diag(np.linalg.inv(normal)))
    result = {"offset": offset}
    resolution = MOCK_INSTRUMENTS["sdss"].resolution(6564.61 * (1 + z))
    result["sigma"] = float(np.sqrt(max(width**2 - resolution**2, 0.0)))
    for i, (name, waves) in enumerate(MEASURED.items()):
        pixel = int(np.searchsorted(rest, waves[0])).__index__()
        seen = 10 < pixel < len(rest) - 10 and (ivar[pixel - 3 : pixel + 4] > 0).sum() > 4
        result[f"flux_{name}"] = factor[i] if seen else np.nan
        result[f"err_{name}"] = errors[i] if seen else np.nan
        result[f"ew_{name}"] = factor[i] / stars[pixel] if seen and stars[pixel] > 0 else np.nan
    return result, factor @ _profiles(rest, width, offset)


def _far_from_lines_at(rest: FloatArray) -> BoolArray:
    waves = np.array([line for lines in MEASURED.values() for line in lines])
    return np.abs(np.log(rest[:, None] / waves)).min(axis=1) > 1200 / SPEED_OF_LIGHT


def _profiles(rest: FloatArray, width: float, offset: float) -> FloatArray:
    """Return a Gaussian of unit flux for each of `MEASURED`, (n_line, n_pixel)."""
    profiles = np.zeros((len(MEASURED), len(rest)))
    for profile, waves in zip(profiles, MEASURED.values(), strict=True):
        for wave in waves:  # each carries its part of a flux of 1
            centre = wave * (1 + offset / SPEED_OF_LIGHT)
            sigma = wave * width / SPEED_OF_LIGHT
            part = 1 / (len(waves) * np.sqrt(2 * np.pi) * sigma)
            profile += part * np.exp(-0.5 * ((rest - centre) / sigma) ** 2)
    return profiles
