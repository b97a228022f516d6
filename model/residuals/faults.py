"""Faults of the instrument or the reduction: steps between arms, sky left over, straight lines."""

from __future__ import annotations

import numpy as np

from data.arrays import BoolArray, FloatArray
from data.grid import INSTRUMENTS, WaveGrid
from data.lines import sky as sky_lines
from data.spectra import Spectra

JOINS = {"sdss": (6000.0,), "boss": (6000.0,), "desi": (5780.0, 7570.0)}
"""Where the arms of a spectrograph meet, Angstrom (Smee+2013, AJ 146, 32; DESI 2022)."""
JOIN_REACH = 100.0
"""The arms overlap; the step may lie this far, Angstrom, from the nominal join."""
SIDE = 300.0
"""Length of the spectrum on each side that tells the level, Angstrom."""
MODEL_ERROR = 0.01
"""Relative error of a model's level on a side, beyond the noise."""
STRETCH = 24
"""Pixels of a stretch that may be a straight line."""
SMOOTH = 0.05
"""A stretch is straight if its second differences have less than this of their variance."""


def arm_step(spectra: Spectra, flux: FloatArray, covered: BoolArray) -> tuple[FloatArray, ...]:
    """Look for a step of data over model where the arms meet.

    Straight lines are fitted to the ratio on both sides; the step is their difference at the join
    over its error.

    Args:
        spectra: Observed spectra.
        flux: Model flux on the same grid, shape (n_galaxy, n_pixel).
        covered: True where the model reaches, same shape.

    Returns:
        Significance (0 where it can not be measured, and for instruments whose arms are not
        known), relative step (red over blue, less 1), and wavelength, each of shape (n_galaxy,).
    """
    n = len(spectra)
    best, step, where = np.zeros(n), np.zeros(n), np.full(n, np.nan)
    used = covered & (spectra.ivar > 0) & (flux > 0)
    model = np.where(used, flux, 1.0).astype(np.float64)
    ratio = np.where(used, spectra.flux / model, 0.0)
    weight = np.where(used, spectra.ivar * model**2, 0.0)
    for join in _joins(spectra.grid):
        for at in np.arange(join - JOIN_REACH, join + JOIN_REACH + 1, 50.0):
            value, error = _step_at(spectra.wave, ratio, weight, float(at))
            significance = np.abs(value) / error
            better = significance > best
            best = np.where(better, significance, best)
            step, where = np.where(better, value, step), np.where(better, at, where)
    return best, step, where


def sky_residual(spectra: Spectra, flux: FloatArray, covered: BoolArray) -> FloatArray:
    """Return how much more chi2 a pixel has in sky lines than elsewhere, shape (n_galaxy,).

    The mean chi2 of used pixels near sky lines over that of all others, as log10; 0 for a spectrum
    with less than 20 such pixels. Masked sky lines do not count.
    """
    used = covered & (spectra.ivar > 0)
    chi2 = np.where(used, spectra.ivar * (spectra.flux - flux) ** 2, 0)
    near = sky_lines.mask(spectra.grid)
    inside, outside = used & near, used & ~near
    enough = (inside.sum(axis=1) >= 20) & (outside.sum(axis=1) >= 20)
    within = np.where(inside, chi2, 0).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    beyond = np.where(outside, chi2, 0).sum(axis=1) / np.maximum(outside.sum(axis=1), 1)
    ratio = within.clip(1e-6) / beyond.clip(1e-6)
    return np.where(enough, np.log10(ratio), 0.0).clip(0)


def straight_share(spectra: Spectra) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return how much of a spectrum is a straight line: interpolated where data are missing.

    Returns:
        Share of the stretches of used pixels, shape (n_galaxy,); first and last wavelength of
        straight stretches, Angstrom, NaN where there are none.
    """
    good = spectra.ivar > 0
    variance = np.where(good, 1 / np.where(good, spectra.ivar, 1), 0)
    bend = spectra.flux[:, :-2] - 2 * spectra.flux[:, 1:-1] + spectra.flux[:, 2:]
    expected = variance[:, :-2] + 4 * variance[:, 1:-1] + variance[:, 2:]
    whole = good[:, :-2] & good[:, 1:-1] & good[:, 2:]
    n_stretch = bend.shape[1] // STRETCH

    def total(values: FloatArray) -> FloatArray:
        cut = np.where(whole, values, 0)[:, : n_stretch * STRETCH]
        return cut.reshape(len(spectra), n_stretch, STRETCH).sum(axis=2)

    count = total(np.ones_like(bend, dtype=np.float64))
    square = total(bend.astype(np.float64) ** 2 / np.where(whole, expected, 1))
    known = count >= STRETCH // 2
    straight = known & (square < SMOOTH * count)
    share = straight.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    first = straight.argmax(axis=1) * STRETCH
    last = (n_stretch - straight[:, ::-1].argmax(axis=1)) * STRETCH
    some = straight.any(axis=1)
    wave = spectra.wave
    return (
        share,
        np.where(some, wave[first], np.nan),
        np.where(some, wave[last.clip(0, len(wave) - 1)], np.nan),
    )


def _joins(grid: WaveGrid) -> tuple[float, ...]:
    """Return the joins of the instrument whose grid this is."""
    for name, known in INSTRUMENTS.items():
        if grid.matches(known):
            return JOINS[name]
    return ()


def _step_at(
    wave: FloatArray, ratio: FloatArray, weight: FloatArray, at: float
) -> tuple[FloatArray, FloatArray]:
    """Return the step at a wavelength and its error (infinite without data), (n_galaxy,)."""
    levels, errors = [], []
    for side in ((wave > at - SIDE) & (wave < at), (wave >= at) & (wave < at + SIDE)):
        x, w, y = (wave[side] - at) / SIDE, weight[:, side], ratio[:, side]
        s0, s1, s2 = w.sum(axis=1), w @ x, w @ x**2
        t0, t1 = (w * y).sum(axis=1), (w * y) @ x
        determinant = s0 * s2 - s1**2
        safe = np.where(determinant > 1e-9 * s0**2, determinant, np.inf)
        levels.append((s2 * t0 - s1 * t1) / safe)
        known = np.isfinite(safe) & (s0 > 0)
        errors.append(np.where(known, np.sqrt(s2 / np.where(known, safe, 1)), np.inf))
    error = np.sqrt(errors[0] ** 2 + errors[1] ** 2 + 2 * MODEL_ERROR**2)
    blue = np.where(np.abs(levels[0]) > 0.05, levels[0], 1.0)
    return np.where(np.isfinite(error), (levels[1] - levels[0]) / blue, 0.0), error
