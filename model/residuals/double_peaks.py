"""Whether emission lines have two components: a matched test over all strong lines jointly.

The lines of a galaxy share one profile. Two sets of trial profiles are fitted to all of them at
once, each line with a flux of its own: one Gaussian, with and without a broader wing, and two
Gaussians apart. What counts is how much better the best pair fits than the best single line.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from data.arrays import FloatArray
from data.spectra import Spectra
from model.residuals.line_profiles import (
    COMPLEXES,
    Complex,
    Member,
    read_complex,
    velocities,
)

CENTRES = tuple(np.linspace(-210.0, 210.0, 7))
"""Trial velocities of a line, km/s, for pairs and single lines."""
SINGLE_SIGMAS = tuple(np.geomspace(60.0, 400.0, 12))
WINGS = tuple(product((0.15, 0.35), (-100.0, 0.0, 100.0)))
"""Part of a single line's flux in its wing, and the wing's velocity, km/s."""
WING_WIDTH = 2.5
"""Dispersion of a wing over that of its line."""
HALF_SEPARATIONS = (130.0, 165.0, 200.0, 240.0, 290.0)
PAIR_SIGMAS = (55.0, 75.0, 100.0, 135.0, 180.0)
"""Dispersions of both lines of a pair, km/s; at most half their distance is tried."""
RATIOS = (0.5, 0.8, 1.25, 2.0)
"""Red line of a pair over the blue one."""
PROFILE_ERROR = 0.03
"""Error of a pixel beyond its noise, relative to the line's flux there: no line is a Gaussian."""


class DoublePeaks(NamedTuple):
    """The best pair of each object, arrays of shape (n_galaxy,).

    Attributes:
        significance: sqrt(chi2 of the best single line - chi2 of the best pair), in sigma; 0 where
            a single line fits as well.
        separation: Distance of the pair, km/s; NaN where a single line fits as well.
    """

    significance: FloatArray
    separation: FloatArray


def find_double_peaks(spectra: Spectra) -> DoublePeaks:
    """Look for lines that two components fit better than one.

    Args:
        spectra: Observed spectra.
    """
    n_single, trials = len(_singles()), _pairs()
    explained = np.sum([_explained(spectra, item) for item in COMPLEXES], axis=0)
    single, pair = explained[:, :n_single], explained[:, n_single:]
    gain = pair.max(axis=1) - single.max(axis=1)
    best = trials[pair.argmax(axis=1)]
    apart = best[:, 1, 1] - best[:, 0, 1]
    return DoublePeaks(np.sqrt(np.maximum(gain, 0.0)), np.where(gain > 0, apart, np.nan))


def _singles() -> FloatArray:
    """Return the trial profiles with one peak, shape (n_single, 2, 3): parts, and of each its
    height, velocity and dispersion, km/s."""
    trials = []
    for centre, sigma in product(CENTRES, SINGLE_SIGMAS):
        trials.append(((1.0, centre, sigma), (0.0, centre, sigma)))
        for part, offset in WINGS:
            wing = (part / WING_WIDTH, centre + offset, WING_WIDTH * sigma)
            trials.append(((1.0 - part, centre, sigma), wing))
    return np.array(trials)


def _pairs() -> FloatArray:
    """Return the trial profiles of two lines, shape (n_pair, 2, 3)."""
    trials = product(CENTRES, HALF_SEPARATIONS, PAIR_SIGMAS, RATIOS)
    return np.array([
        ((1.0, centre - half, sigma), (ratio, centre + half, sigma))
        for centre, half, sigma, ratio in trials
        if half >= sigma
    ])  # fmt: skip


@cache
def _templates(reach: float, members: tuple[Member, ...]) -> FloatArray:
    """Return all trial profiles of some lines, float32, shape (n_velocity, n_trial)."""
    trials = np.concatenate([_singles(), _pairs()])
    height, centre, sigma = (trials[:, :, at] for at in range(3))  # (n_trial, 2)
    shape = np.zeros((len(velocities(reach)), len(trials)))
    for offset, share in members:
        distance = velocities(reach)[:, None, None] - offset - centre
        shape += share * (height * np.exp(-0.5 * (distance / sigma) ** 2)).sum(axis=2)
    return shape.astype(np.float32)


def _explained(spectra: Spectra, lines: Complex) -> FloatArray:
    """Return the chi2 that each trial explains in a complex, shape (n_galaxy, n_trial).

    Of each galaxy alone, in arrays of always the same shape: see `model.placement.placer`.
    """
    flux, weight = read_complex(spectra, lines, PROFILE_ERROR)
    first = _templates(lines.reach, lines.first)
    sums = np.stack([weight * flux, weight], axis=1)  # (n_galaxy, 2, n_velocity)
    a = (sums[:, :1] @ first)[:, 0]
    aa = (sums[:, 1:] @ (first * first))[:, 0]
    alone = _of_one(a, aa)
    if not lines.second:
        return alone
    second = _templates(lines.reach, lines.second)
    b, bb, ab = (
        (sums[:, at : at + 1] @ table)[:, 0]
        for at, table in ((0, second), (1, second * second), (1, first * second))
    )
    x, y, det = a * bb - b * ab, b * aa - a * ab, aa * bb - ab * ab
    apart = (x > 0) & (y > 0) & (det > 1e-5 * aa * bb)  # both fluxes positive, and told apart
    both = (a * x + b * y) / np.where(apart, det, 1)
    return np.where(apart, both, np.maximum(alone, _of_one(b, bb)))


def _of_one(a: FloatArray, aa: FloatArray) -> FloatArray:
    """Return the chi2 explained by a template of positive flux, from its two sums."""
    seen = aa > 1e-6
    return np.where(seen, np.maximum(a, 0) ** 2 / np.where(seen, aa, 1), 0)
