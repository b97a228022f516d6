"""Strong emission lines by velocity: what is read around them, less the continuum beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.arrays import BoolArray, FloatArray
from data.constants import SPEED_OF_LIGHT
from data.lines.emission import find_line
from data.spectra import Spectra

STEP = 35.0
"""Distance of the velocities that are read, km/s: half a pixel of SDSS."""
SIDE_STEP = 70.0
LEAST_SIDE = 3
"""Values that tell the continuum on a side at least."""

Member = tuple[float, float]
"""Velocity from the middle of a complex, km/s, and relative flux of a line."""


@dataclass(frozen=True)
class Complex:
    """Lines that are read together, as they overlap.

    Attributes:
        wave: Rest wavelength of the middle, Angstrom.
        reach: Velocity on both sides up to which it is read, km/s.
        side: Where the continuum is measured, km/s on both sides.
        first: Lines with one common flux.
        second: Those with another one; may be none.
    """

    wave: float
    reach: float
    side: tuple[float, float]
    first: tuple[Member, ...]
    second: tuple[Member, ...] = ()


def velocities(reach: float) -> FloatArray:
    """Return the velocities at which a complex is read, km/s, shape (n_velocity,)."""
    return np.arange(-reach, reach + 1, STEP)


def _alone(name: str) -> Complex:
    return Complex(find_line(name).wave, 700.0, (750.0, 1100.0), ((0.0, 1.0),))


def _halpha() -> Complex:
    """Return H-alpha with [N II], whose lines have fluxes of 1 to 2.96 (Osterbrock & Ferland)."""
    wave = find_line("Hα").wave
    nitrogen = tuple(
        ((find_line(name).wave / wave - 1) * SPEED_OF_LIGHT, share)
        for name, share in (("[N II] 6583", 1.0), ("[N II] 6548", 1 / 2.96))
    )
    return Complex(wave, 1550.0, (1600.0, 2100.0), ((0.0, 1.0),), nitrogen)


COMPLEXES = (_alone("Hβ"), _alone("[O III] 4959"), _alone("[O III] 5007"), _halpha())
"""The strong lines; doublets nearer to each other than a pair of peaks are no use."""


def read_complex(
    spectra: Spectra, lines: Complex, relative_error: float
) -> tuple[FloatArray, FloatArray]:
    """Return flux above the continuum and its weight at the velocities of a complex.

    Args:
        spectra: Observed spectra.
        lines: Where to look.
        relative_error: Error beyond the noise, relative to the flux above the continuum.

    Returns:
        Both float32, shape (n_galaxy, n_velocity). The weights, 0 where masked, are less than the
        inverse variances by the velocities read per pixel, so that sums over them are chi2.
    """
    flux, variance = _at(spectra, lines.wave, velocities(lines.reach))
    continuum, known = _continuum(spectra, lines)
    above = flux - continuum
    seen = np.isfinite(variance) & known[:, None]
    total = np.where(seen, variance, 1) + (relative_error * above) ** 2
    share = STEP / _pixel_width(spectra, lines.wave)
    weight = np.where(seen, share[:, None] / total, 0)
    return np.where(seen, above, 0).astype(np.float32), weight.astype(np.float32)


def _at(spectra: Spectra, wave: float, velocity: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return flux between pixels, and the larger variance of the two (infinite where masked)."""
    observed = np.outer((1 + spectra.z) * wave, 1 + velocity / SPEED_OF_LIGHT)
    position = spectra.grid.pixel(observed)
    pixel = np.floor(position).astype(np.int64)
    last = spectra.grid.n_pixel - 1
    inside = (pixel >= 0) & (pixel < last)
    pixel = pixel.clip(0, last - 1)
    share = np.where(inside, position - pixel, 0)
    left, right = (np.take_along_axis(spectra.flux, pixel + step, axis=1) for step in (0, 1))
    ivar = np.minimum(*(np.take_along_axis(spectra.ivar, pixel + step, axis=1) for step in (0, 1)))
    good = inside & (ivar > 0)
    flux = (1 - share) * left + share * right
    return np.where(good, flux, 0), np.where(good, 1 / np.where(good, ivar, 1), np.inf)


def _continuum(spectra: Spectra, lines: Complex) -> tuple[FloatArray, BoolArray]:
    """Return a line through the medians of both sides, or the level of the one seen.

    Returns:
        Shape (n_galaxy, n_velocity), and which galaxies have any, shape (n_galaxy,).
    """
    beside = np.arange(lines.side[0], lines.side[1] + 1, SIDE_STEP)
    (blue, blue_seen), (red, red_seen) = (
        _median(*_at(spectra, lines.wave, sign * beside)) for sign in (-1, 1)
    )
    blue, red = np.where(blue_seen, blue, red), np.where(red_seen, red, blue)
    middle = sum(lines.side) / 2
    slope = (red - blue) / (2 * middle)
    line = 0.5 * (blue + red)[:, None] + slope[:, None] * velocities(lines.reach)
    return line, blue_seen | red_seen


def _median(flux: FloatArray, variance: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Return the median of the values seen, 0 where too few are, and where there are enough."""
    seen = np.isfinite(variance)
    count = seen.sum(axis=1)
    values = np.sort(np.where(seen, flux, np.inf), axis=1)
    enough = count >= LEAST_SIDE
    low, high = (
        np.take_along_axis(values, np.where(enough, at, 0)[:, None], axis=1)[:, 0]
        for at in ((count - 1) // 2, count // 2)
    )
    return 0.5 * np.where(enough, low + high, 0), enough


def _pixel_width(spectra: Spectra, wave: float) -> FloatArray:
    """Return the width of a pixel at a line, km/s, shape (n_galaxy,)."""
    at = spectra.grid.pixel(np.outer((1 + spectra.z) * wave, (1.0, 1 + STEP / SPEED_OF_LIGHT)))
    return STEP / (at[:, 1] - at[:, 0])
