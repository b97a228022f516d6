"""The strongest peaks and dips that a reconstruction leaves, and which lines they may be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from data.arrays import BoolArray, FloatArray
from data.constants import SPEED_OF_LIGHT
from data.lines import sky as sky_lines
from data.lines.emission import LINES, WEAK_LINES, SpectralLine
from data.spectra import Spectra

WIDTH = 5
"""Pixels over which the residual is averaged: a narrow line."""
MODEL_ERROR = 0.03
"""Error of a model in a narrow feature beyond the noise, relative to its flux."""
APART = 12
"""Pixels between two peaks at least."""
LINE_REACH = 350.0
"""A peak this near a line, km/s, may be that line."""
WING_REACH = 1500.0
"""A peak this near a strong emission line, km/s, may be its wing."""


@dataclass(frozen=True)
class Peak:
    """One peak (positive) or dip (negative) of a residual.

    Attributes:
        wave: Observed wavelength, Angstrom.
        significance: Height over its error, with sign.
        line: Name of the line at the object's redshift; empty if there is none.
        wing: Name of the strong line whose wing it may be; empty if it is a line itself.
        sky: True near a strong line of the night sky.
    """

    wave: float
    significance: float
    line: str
    sky: bool
    wing: str = ""


def find_peaks(
    spectra: Spectra, flux: FloatArray, covered: BoolArray, *, most: int = 6, least: float = 7.0
) -> list[list[Peak]]:
    """Return the strongest peaks of each residual, strongest first.

    Args:
        spectra: Observed spectra.
        flux: Model flux on the same grid, shape (n_galaxy, n_pixel).
        covered: True where the model reaches, same shape.
        most: Peaks of one object.
        least: Significance of a peak at least.
    """
    used = covered & (spectra.ivar > 0)
    variance = np.where(used, 1 / np.where(used, spectra.ivar, 1), 0) + (MODEL_ERROR * flux) ** 2
    total = uniform_filter1d(np.where(used, spectra.flux - flux, 0.0), WIDTH, axis=1)
    error = np.sqrt(uniform_filter1d(np.where(used, variance, 0.0), WIDTH, axis=1) / WIDTH)
    whole = uniform_filter1d(used.astype(float), WIDTH, axis=1) > 0.7
    significance = np.where(whole, total / np.where(error > 0, error, np.inf), 0.0)
    near_sky = sky_lines.mask(spectra.grid)
    return [
        [
            _peak(float(spectra.wave[at]), float(row[at]), z=z, sky=bool(near_sky[at]))
            for at in _strongest(row, most, least)
        ]
        for row, z in zip(significance, spectra.z.tolist(), strict=True)
    ]  # fmt: skip


def _strongest(significance: FloatArray, most: int, least: float) -> list[int]:
    """Return the pixels of the strongest peaks that are apart from each other."""
    height = np.abs(significance)
    chosen: list[int] = []
    for at in np.argsort(-height)[: 40 * most].tolist():
        if height[at] < least or len(chosen) == most:
            break
        if all(abs(at - other) > APART for other in chosen):
            chosen.append(at)
    return chosen


def _peak(wave: float, significance: float, *, z: float, sky: bool) -> Peak:
    rest = wave / (1 + z)
    line = _nearest(rest, (*LINES, *WEAK_LINES), LINE_REACH)
    strong = [item for item in LINES if item.major and item.kind == "emission"]
    wing = "" if line else _nearest(rest, strong, WING_REACH)
    return Peak(wave, significance, line, sky, wing)


def _nearest(wave: float, lines: Iterable[SpectralLine], reach: float) -> str:
    """Return the name of the nearest line, empty if it is farther than `reach`, km/s."""
    nearest = min(lines, key=lambda line: abs(line.wave - wave))
    velocity = abs(nearest.wave - wave) / nearest.wave * SPEED_OF_LIGHT
    return nearest.name if velocity < reach else ""
