"""Put a spectrum that lies on pixels of its own onto the grid of a survey.

A new pixel holds the mean flux density of the wavelengths that it covers: old pixels count by how
much of it they overlap. Flux is conserved exactly and variances are propagated; a new pixel that
any bad old pixel reaches into, or that the old ones do not fill, is bad itself. Where wavelengths
jump, pixels are lacking: a pixel is as wide there as its neighbours on the other side.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from data.arrays import BoolArray, FloatArray, IndexArray
from data.grid import WaveGrid
from data.ingest.raw_spectrum import RawSpectrum

COARSE = 1.5
"""Old pixels wider than so many new ones are told: their neighbours in the new grid are alike."""
FULL = 1 - 1e-6
"""Share of a new pixel that old ones must fill."""
HOLE, LARGE_HOLE = 1.5, 2.5
"""Steps of wavelength so many times the usual around them jump over pixels that are not there."""
MOST_HOLES = 0.05
"""Share of steps; more of them below `LARGE_HOLE` are what rounded wavelengths look like."""
AROUND = 11
"""Steps that tell what is usual."""


def pixel_edges(centres: FloatArray) -> FloatArray:
    """Return the edges of pixels, midway between their centres, shape (n + 1,).

    Args:
        centres: Increasing, shape (n,), n at least 2.
    """
    middle = (centres[1:] + centres[:-1]) / 2
    first, last = 2 * centres[0] - middle[0], 2 * centres[-1] - middle[-1]
    return np.concatenate([[first], middle, [last]])


def holes(wave: FloatArray) -> IndexArray:
    """Return the pixels after which others are lacking: gaps of detectors, rows that were deleted.

    Args:
        wave: Increasing, shape (n,), n at least 2.
    """
    return _holes(*_steps(wave))


def _steps(wave: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the steps of wavelengths, and the usual one around each."""
    steps = np.diff(wave)
    return steps, median_filter(steps, size=AROUND, mode="nearest")


def _holes(steps: FloatArray, usual: FloatArray) -> IndexArray:
    ratio = steps / usual
    found = ratio > HOLE
    if found.sum() > MOST_HOLES * len(steps):
        found = ratio > LARGE_HOLE
    return np.flatnonzero(found)


def rebin(
    edges: FloatArray, flux: FloatArray, variance: FloatArray, good: BoolArray, new: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Average flux densities over new pixels.

    The edges of both grids together cut the wavelengths into pieces that lie in one old and in one
    new pixel each; the sums over the pieces of a new pixel are exact.

    Args:
        edges: Edges of the old pixels, increasing, Angstrom, shape (n + 1,).
        flux: Flux density, shape (n,); what is not good may be anything.
        variance: Variance of `flux`, shape (n,).
        good: Which pixels are measured, shape (n,).
        new: Edges of the new pixels, increasing, Angstrom, shape (m + 1,).

    Returns:
        Flux density and its variance, 0 where bad, and which pixels are good, shape (m,).
    """
    n_new = len(new) - 1
    cuts = np.union1d(edges, new)
    middle, width = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts)
    old = np.searchsorted(edges, middle) - 1
    target = np.searchsorted(new, middle) - 1
    inside = (old >= 0) & (old < len(flux)) & (target >= 0) & (target < n_new)
    old, target, width = old[inside], target[inside], width[inside]
    width = np.where(good[old], width, 0.0)

    def total(values: FloatArray) -> FloatArray:
        return np.bincount(target, values, minlength=n_new).astype(float)

    whole = np.diff(new)
    full = total(width) >= FULL * whole
    values, variances = np.where(good, flux, 0.0), np.where(good, variance, 0.0)
    mean = np.where(full, total(width * values[old]) / whole, 0.0)
    spread = np.where(full, total(width**2 * variances[old]) / whole**2, 0.0)
    return mean, spread, full


@np.errstate(all="ignore")  # what overflows is not finite, and gets no weight
def resampled(raw: RawSpectrum, grid: WaveGrid) -> RawSpectrum:
    """Return a spectrum on a grid; as it is if it has no wavelengths of its own.

    Raises:
        ValueError: None of it lies on the grid.
    """
    if raw.wave is None:
        return raw
    wave = grid.wave
    if raw.wave[-1] < wave[0] or raw.wave[0] > wave[-1]:
        raise ValueError(
            f"outside coverage: {raw.wave[0]:.0f}-{raw.wave[-1]:.0f} A, "
            f"the grid is {wave[0]:.0f}-{wave[-1]:.0f} A"
        )
    good = np.isfinite(raw.flux) & np.isfinite(raw.ivar) & (raw.ivar > 0) & ~raw.masked
    variance = np.divide(1.0, raw.ivar, out=np.zeros(len(good)), where=good)
    uniform = grid.start + grid.step * (np.arange(grid.n_pixel + 1) - 0.5)
    new = 10.0**uniform if grid.scale == "log" else uniform
    edges, (values, variance, good), n_hole = _with_holes(raw.wave, raw.flux, variance, good)
    flux, spread, full = rebin(edges, values, variance, good, new)
    used = full & (spread > 0)
    ratio = np.interp(raw.wave[1:], wave[1:], np.diff(wave))
    coarse = float(np.median(np.diff(raw.wave) / ratio)) > COARSE
    return replace(
        raw,
        wave=None,
        pixel=np.arange(grid.n_pixel),
        flux=flux,
        ivar=np.divide(1.0, spread, out=np.zeros(len(spread)), where=used),
        masked=~used,
        remarks=raw.remarks
        + ("coarser than the grid: neighbouring pixels are alike",) * coarse
        + ("pixels are lacking between others: left out there",) * (n_hole > 0),
    )


def _with_holes(
    wave: FloatArray, *arrays: NDArray[Any]
) -> tuple[FloatArray, list[NDArray[Any]], int]:
    """Return edges of pixels, and arrays, with a pixel of value 0 in each hole; how many holes."""
    edges, (steps, usual) = pixel_edges(wave), _steps(wave)
    before = _holes(steps, usual)
    half = usual[before] / 2
    edges[before + 1] = wave[before + 1] - half
    edges = np.insert(edges, before + 1, wave[before] + half)
    return edges, [np.insert(values, before + 1, 0) for values in arrays], len(before)
