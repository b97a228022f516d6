"""Rebin spectra to rest-frame pixels so that flux is conserved, with variance.

Flux density is taken as constant within a pixel; a target pixel gets the mean of the source pixels
it overlaps, weighted by the overlap and leaving masked ones out. Neighbouring target pixels share
source pixels, so their errors are correlated; that is left out (as in Nicolaou+2025, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.arrays import BoolArray, FloatArray, IndexArray
from data.grid import WaveGrid

LEAST_SEEN = 0.5
"""Share of a target pixel that unmasked source pixels must cover for it to count as observed."""


@dataclass(frozen=True)
class Overlaps:
    """Which source pixels a target pixel overlaps, and by how much.

    Attributes:
        pixel: Source pixels, shape (n_galaxy, n_overlap, n_rest).
        share: Overlap as a share of the target pixel, 0 where there is none, same shape.
    """

    pixel: IndexArray
    share: FloatArray


def overlaps(z: FloatArray, *, grid: WaveGrid, rest_grid: WaveGrid) -> Overlaps:
    """Return how rest-frame pixels lie over the observed ones.

    Args:
        z: Redshifts, shape (n_galaxy,).
        grid: Observed-frame grid.
        rest_grid: Rest-frame grid.
    """
    edge = rest_grid.edges * (1 + np.asarray(z, dtype=float))[:, None]
    position = grid.pixel(edge) + 0.5  # 0 = lower edge of the first pixel
    low, high = position[:, :-1], position[:, 1:]
    first = np.floor(low)
    n_overlap = int(np.ceil((high - first).max(initial=1)))
    pixel = first[:, None] + np.arange(n_overlap)[:, None]
    inside = np.minimum(high[:, None], pixel + 1) - np.maximum(low[:, None], pixel)
    known = (pixel >= 0) & (pixel < grid.n_pixel)
    pixel = pixel.clip(0, grid.n_pixel - 1).astype(np.int64)
    share = inside.clip(min=0) * np.diff(grid.edges)[pixel] / np.diff(edge)[:, None]
    return Overlaps(pixel=pixel, share=np.where(known, share, 0).astype(np.float32))


def rebin(
    flux: FloatArray, ivar: FloatArray, over: Overlaps
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Rebin flux density and its inverse variance.

    Args:
        flux: Shape (n_galaxy, n_pixel).
        ivar: 0 where masked, same shape.
        over: From `overlaps`.

    Returns:
        Flux density (0 where not observed), inverse variance (likewise), and whether the pixel
        counts as observed (see `LEAST_SEEN`); each of shape (n_galaxy, n_rest).
    """
    total, variance, seen = (np.zeros(over.share.shape[::2], np.float32) for _ in range(3))
    rows = np.arange(len(flux))[:, None]
    for number in range(over.share.shape[1]):
        pixel, share = over.pixel[:, number], over.share[:, number]
        weight = ivar[rows, pixel]
        used = np.where(weight > 0, share, 0)
        seen += used
        total += used * np.where(used > 0, flux[rows, pixel], 0)
        variance += used**2 / np.where(used > 0, weight, 1)
    observed = seen >= LEAST_SEEN
    safe = np.where(observed, seen, 1)
    rebinned = np.where(observed, total / safe, 0)
    inverse = np.where(observed, safe**2 / np.where(observed, variance, 1), 0)
    return rebinned.astype(np.float32), inverse.astype(np.float32), observed
