"""Whether emission lines have two peaks: a dip between them, seen in all lines at one velocity."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.arrays import FloatArray
from data.constants import SPEED_OF_LIGHT
from data.lines.emission import find_line
from data.spectra import Spectra

LINES = tuple(
    find_line(name).wave for name in ("Hβ", "[O III] 4959", "[O III] 5007", "Hα", "[N II] 6583")
)
"""Rest wavelengths, Angstrom: strong, and single when resolved by 600 km/s."""
HALF_SEPARATIONS = (140.0, 210.0, 280.0, 350.0)
CENTRES = (-140.0, -70.0, 0.0, 70.0, 140.0)
"""Trials: half the distance of the peaks, and the dip's velocity, km/s."""
EDGE = (560.0, 830.0)
"""Where the continuum beside a line is measured, km/s on both sides."""
MIN_SIGNIFICANCE = 2.0
"""A peak must stand this far, in sigma, above the continuum."""
PIXEL_ERROR = 0.02
"""Error of a pixel beyond its noise, relative to its flux: absorption under the line."""


class DoublePeaks(NamedTuple):
    """The best trial of each object, arrays of shape (n_galaxy,).

    Attributes:
        significance: Of the dip, in sigma; 0 where no line has two peaks.
        separation: Distance of the peaks, km/s; NaN where there is no dip.
    """

    significance: FloatArray
    separation: FloatArray


def find_double_peaks(spectra: Spectra) -> DoublePeaks:
    """Look for lines whose middle is lower than both sides.

    For a trial, each line gives its dip d = min(blue, red) - middle and its emission
    e = min(blue, red) - continuum, of flux smoothed by 1-2-1. Lines in emission are added up with
    the weights of a template proportional to e: sum(e d / v) / sqrt(sum(e^2 / v)), v the variance
    of d.

    Args:
        spectra: Observed spectra.
    """
    significance, separation = np.zeros(len(spectra)), np.full(len(spectra), np.nan)
    profile = _Profile(spectra)
    continuum = profile.continuum()
    for centre, half in product(CENTRES, HALF_SEPARATIONS):
        dip = _dip(profile, continuum, centre, half)
        better = dip > significance
        significance = np.where(better, dip, significance)
        separation = np.where(better, 2 * half, separation)
    return DoublePeaks(significance, separation)


def _dip(profile: _Profile, continuum: FloatArray, centre: float, half: float) -> FloatArray:
    """Return the significance of one trial, shape (n_galaxy,)."""
    blue, blue_variance = profile.at(centre - half)
    red, red_variance = profile.at(centre + half)
    middle, middle_variance = profile.at(centre)
    peak, peak_variance = np.minimum(blue, red), np.maximum(blue_variance, red_variance)
    variance = peak_variance + middle_variance
    emission = peak - continuum
    with np.errstate(invalid="ignore"):
        use = np.isfinite(variance) & (emission > MIN_SIGNIFICANCE * np.sqrt(peak_variance))
    weight = np.where(use, emission, 0) / np.where(use, variance, 1)
    total = (weight * np.where(use, peak - middle, 0)).sum(axis=1)
    norm = (weight * np.where(use, emission, 0)).sum(axis=1)
    return np.where(norm > 0, total / np.sqrt(np.where(norm > 0, norm, 1)), 0)


class _Profile:
    """Flux around each line, by velocity: nearest pixels, smoothed."""

    def __init__(self, spectra: Spectra) -> None:
        self._spectra = spectra
        good = spectra.ivar > 0
        flux = np.where(good, spectra.flux, 0).astype(np.float64)
        variance = np.where(good, 1 / np.where(good, spectra.ivar, 1), np.inf)
        self._flux, self._variance = flux, variance + (PIXEL_ERROR * flux) ** 2

    def at(self, velocity: float) -> tuple[FloatArray, FloatArray]:
        """Return smoothed flux and variance (infinite where masked), shape (n_galaxy, n_line)."""
        pixel, inside = self._pixels(velocity)
        flux, variance = 0.0, 0.0
        for step, share in ((-1, 0.25), (0, 0.5), (1, 0.25)):
            near = (pixel + step).clip(0, self._flux.shape[1] - 1)
            flux = flux + share * np.take_along_axis(self._flux, near, axis=1)
            variance = variance + share**2 * np.take_along_axis(self._variance, near, axis=1)
        return np.asarray(flux), np.where(inside, variance, np.inf)

    def continuum(self) -> FloatArray:
        """Return the median flux beside each line, +inf where there is none."""
        sides = []
        for velocity in np.linspace(*EDGE, 5):
            for side in (-velocity, velocity):
                pixel, inside = self._pixels(float(side))
                flux = np.take_along_axis(self._flux, pixel, axis=1)
                seen = np.isfinite(np.take_along_axis(self._variance, pixel, axis=1)) & inside
                sides.append(np.where(seen, flux, np.nan))
        values = np.sort(np.stack(sides), axis=0)  # NaN last
        count = np.isfinite(values).sum(axis=0)
        middle = np.take_along_axis(values, (count // 2).clip(0, len(values) - 1)[None], axis=0)[0]
        return np.where(count >= 3, middle, np.inf)

    def _pixels(self, velocity: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        wave = np.outer(1 + self._spectra.z, LINES) * (1 + velocity / SPEED_OF_LIGHT)
        pixel = np.rint(self._spectra.grid.pixel(wave)).astype(np.int64)
        last = self._flux.shape[1] - 1
        return pixel.clip(0, last), (pixel >= 0) & (pixel <= last)
