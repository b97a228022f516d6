"""Prepare a spectrum as read for storage: weights, grid, normalisation.

The steps of Melchior+2022, section 2: weight 0 where a mask is set or near a strong sky line, the
flux itself unchanged; then division by the median flux of rest-frame 5300-5850 Angstrom, or of
another range.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray, FloatArray, IndexArray
from data.grid import NORM_RANGE, WaveGrid
from data.lines import sky as sky_lines

MIN_IVAR = 1e-6
"""Inverse variances up to this part of the spectrum's middle one mean no measurement."""
MIN_PIXELS = 10
"""Fewer good pixels are no spectrum."""
MIN_NORM_SHARE = 0.1
"""Share of the pixels of the norm's range that must be unmasked."""


@dataclass(frozen=True)
class Prepared:
    """A spectrum ready to be stored.

    Attributes:
        flux: Flux over `norm`, finite, 0 where nothing was observed, float32, shape (n_pixel,).
        ivar: Inverse variance of `flux`, 0 where masked, float32, shape (n_pixel,).
        norm: Median flux of the rest-frame range, 1e-17 erg/s/cm2/A.
        snr: Median signal to noise of all pixels with ivar > 0, whatever their mask says, as
            SN_MEDIAN_ALL of SDSS: a spectrum does not gain by losing its noisy half.
        mask_fraction: Share of the grid's pixels with ivar 0.
    """

    flux: NDArray[np.float32]
    ivar: NDArray[np.float32]
    norm: float
    snr: float
    mask_fraction: float


def prepare(
    grid: WaveGrid,
    *,
    pixel: IndexArray,
    flux: FloatArray,
    ivar: FloatArray,
    masked: BoolArray,
    z: float,
    norm_range: tuple[float, float] | None = NORM_RANGE,
) -> Prepared:
    """Weight one spectrum, put it on the grid and normalise it.

    Args:
        grid: Observed-frame grid of the survey.
        pixel: Where the values belong in `grid`, increasing; those outside it are dropped.
        flux: Flux density, 1e-17 erg/s/cm2/A, shape (n,).
        ivar: Inverse variance of `flux`, shape (n,).
        masked: Where the file's own mask is set, shape (n,).
        z: Redshift.
        norm_range: Rest-frame wavelengths whose median flux is the norm, Angstrom; None leaves
            the flux as it is: the norm is 1.

    Raises:
        ValueError: The arrays do not belong together, or nothing can normalise the spectrum.
    """
    if not len(pixel) == len(flux) == len(ivar) == len(masked):
        raise ValueError(
            f"bad shape: wavelength, flux, ivar and mask must be equally long, "
            f"got {len(pixel)}, {len(flux)}, {len(ivar)} and {len(masked)}"
        )
    values, weights, flagged = _onto_grid(grid, pixel, flux, ivar, masked)
    values, weights = _weigh(values, weights)
    measured = weights > 0
    left_out = _sky(grid) | flagged
    n_good = np.count_nonzero(measured & ~flagged)
    if n_good < MIN_PIXELS:
        raise ValueError(
            f"all pixels masked: {np.count_nonzero(measured)} have flux and ivar, {n_good} of "
            "them unflagged"
        )
    snr = _median(values[measured] * np.sqrt(weights[measured]))
    np.copyto(weights, 0, where=left_out)
    norm = 1.0 if norm_range is None else _norm(grid, values, weights, z, norm_range)
    scaled, inverse = _scaled(values, weights, norm)
    return Prepared(
        flux=scaled,
        ivar=inverse,
        norm=norm,
        snr=snr,
        mask_fraction=(grid.n_pixel - np.count_nonzero(inverse)) / grid.n_pixel,
    )


def pixel_shift(own: WaveGrid, grid: WaveGrid, *, tolerance: float = 0.01) -> int | None:
    """Return how many pixels `own` lies beyond the start of `grid`; None if they do not match."""
    if own.scale != grid.scale or abs(own.step / grid.step - 1) > 1e-6:
        return None
    shift = (own.start - grid.start) / grid.step
    return round(shift) if abs(shift - round(shift)) < tolerance else None


def _onto_grid(
    grid: WaveGrid,
    pixel: IndexArray,
    flux: FloatArray,
    ivar: FloatArray,
    masked: BoolArray,
) -> tuple[NDArray[Any], NDArray[Any], BoolArray]:
    """Return flux, ivar (float64) and mask on the grid; 0, 0, True where the file has no pixel."""
    inside = (pixel >= 0) & (pixel < grid.n_pixel)
    if not inside.any():
        raise ValueError(
            f"outside coverage: no pixel lies in {grid.wave[0]:.0f}-{grid.wave[-1]:.0f} A"
        )
    values, weights = np.zeros(grid.n_pixel), np.zeros(grid.n_pixel)
    flagged = np.ones(grid.n_pixel, dtype=bool)
    place, source = pixel[inside], inside
    if place[-1] - place[0] == len(place) - 1:  # no gaps: slices are copied quicker
        first = int(np.argmax(inside))
        source = slice(first, first + len(place))
        place = slice(int(place[0]), int(place[-1]) + 1)
    values[place] = flux[source]
    weights[place] = ivar[source]
    flagged[place] = masked[source]
    return values, weights, flagged


def _weigh(values: NDArray[Any], weights: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Zero the flux that is not finite, and the weight of what is no measurement."""
    finite = np.isfinite(values)
    good = finite & np.isfinite(weights) & (weights > 0)
    if good.any():
        good &= weights > MIN_IVAR * _median(weights[good])
    return np.where(finite, values, 0.0), np.where(good, weights, 0.0)


def _scaled(
    values: NDArray[Any], weights: NDArray[Any], norm: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return normalised flux and ivar; both 0 where either overflows float32."""
    with np.errstate(over="ignore"):
        scaled = (values / norm).astype(np.float32)
        inverse = (weights * norm**2).astype(np.float32)
    bad = ~(np.isfinite(scaled) & np.isfinite(inverse))
    scaled[bad], inverse[bad] = 0, 0
    return scaled, inverse


def _median(values: NDArray[Any]) -> float:
    """Return the median of finite numbers: np.median without its search for NaN."""
    middle = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, middle)[middle])
    ordered = np.partition(values, middle)
    return float((ordered[:middle].max() + ordered[middle]) / 2)


@cache
def _sky(grid: WaveGrid) -> BoolArray:
    return sky_lines.mask(grid)


def norm_redshifts(grid: WaveGrid, norm_range: tuple[float, float]) -> tuple[float, float]:
    """Return the lowest and highest redshift at which a grid shows enough of the norm's range."""
    low, high = norm_range
    needed = MIN_NORM_SHARE * (high - low)
    return float(grid.wave[0]) / (high - needed) - 1, float(grid.wave[-1]) / (low + needed) - 1


def _norm(
    grid: WaveGrid,
    values: NDArray[Any],
    weights: NDArray[Any],
    z: float,
    norm_range: tuple[float, float],
) -> float:
    low, high = (edge * (1 + z) for edge in norm_range)
    first, last = np.searchsorted(grid.wave, (low, high))
    window = slice(first, last)
    good = weights[window] > 0
    expected = float(grid.pixel(high) - grid.pixel(low))
    n_good = np.count_nonzero(good)
    if n_good < MIN_NORM_SHARE * expected:
        raise ValueError(
            f"norm range not covered: rest {norm_range[0]:.0f}-{norm_range[1]:.0f} A falls on "
            f"{low:.0f}-{high:.0f} A, where {n_good} of {expected:.0f} pixels are unmasked"
        )
    norm = _median(values[window][good])
    if not norm > 0:
        raise ValueError(f"norm not positive: median flux of {low:.0f}-{high:.0f} A is {norm:.4g}")
    return norm
