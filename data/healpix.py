"""HEALPix, the equal-area pixels of the sky that HATS and the Multimodal Universe partition by.

Formulas of Gorski et al. (2005, ApJ 622, 759), nested numbering. Kept here because the packages
that have them bring compiled libraries for this one function; a test compares it with theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from data.arrays import FloatArray, IndexArray

FINEST = 29
"""Highest order whose pixel numbers fit into 64 bits: pixels of 0.4 milliarcsec."""
FINEST_SPLIT = 12
"""Highest order of a partition: 52 arcsec wide."""


class Partition(NamedTuple):
    """A pixel and the rows that lie in it, of a list sorted by pixel number."""

    order: int
    pixel: int
    start: int
    stop: int


def pixel_numbers(ra: FloatArray, dec: FloatArray, *, order: int = FINEST) -> IndexArray:
    """Return the nested number of the pixel that each position lies in.

    Args:
        ra: Right ascension, degrees, shape (n,).
        dec: Declination, degrees, same shape.
        order: The sphere has 12 * 4**order pixels.

    Returns:
        int64, shape (n,).

    Example:
        >>> pixel_numbers(np.array([45.0, 0.0]), np.array([60.0, -89.0]), order=0)
        array([0, 8])
    """
    ra, dec = np.asarray(ra, dtype=np.float64) % 360, np.radians(np.asarray(dec, np.float64))
    n_side, sine, turn = 1 << order, np.sin(dec), (ra / 90) % 4  # in quarters of a turn
    rising, falling = n_side * (0.5 + turn), n_side * 0.75 * sine
    up, down = (np.floor(rising + sign * falling).astype(np.int64) for sign in (-1, 1))
    of_up, of_down = up >> order, down >> order
    face = np.where(of_up == of_down, of_up | 4, np.where(of_up < of_down, of_up, of_down + 8))
    x, y = down & (n_side - 1), n_side - (up & (n_side - 1)) - 1
    polar = np.abs(sine) > 2 / 3
    if polar.any():
        north = sine[polar] >= 0
        quarter = np.minimum(turn[polar].astype(np.int64), 3)
        part = turn[polar] - quarter
        # n_side * sqrt(3 (1 - |sine|)), without cancellation at the poles
        scale = n_side * np.cos(dec[polar]) / np.sqrt((1 + np.abs(sine[polar])) / 3)
        right, left = (
            np.minimum((share * scale).astype(np.int64), n_side - 1) for share in (part, 1 - part)
        )
        face[polar] = quarter + np.where(north, 0, 8)
        x[polar] = np.where(north, n_side - left - 1, right)
        y[polar] = np.where(north, n_side - right - 1, left)
    return (face << (2 * order)) + _spread(x) + (_spread(y) << 1)


def partitions(numbers: IndexArray, *, most: int) -> Iterator[Partition]:
    """Yield the pixels that split a list into pieces of at most `most` rows, in its order.

    Args:
        numbers: Pixel numbers of order `FINEST`, sorted, shape (n,).
        most: Rows of one partition; at order `FINEST_SPLIT` there may be more.
    """
    todo = [(0, pixel) for pixel in reversed(range(12))]
    while todo:
        order, pixel = todo.pop()
        start, stop = np.searchsorted(numbers, [first_number(order, pixel + at) for at in (0, 1)])
        if stop - start > most and order < FINEST_SPLIT:
            todo += [(order + 1, 4 * pixel + child) for child in (3, 2, 1, 0)]
        elif stop > start:
            yield Partition(order, pixel, int(start), int(stop))


def first_number(order: int, pixel: int) -> int:
    """Return the first pixel of order `FINEST` inside another pixel."""
    return pixel << (2 * (FINEST - order))


def _spread(values: IndexArray) -> IndexArray:
    """Return integers below 2**29 with a zero bit after each of their bits."""
    spread = values.copy()
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333), (1, 0x5555555555555555),
    ):  # fmt: skip
        spread = (spread | (spread << shift)) & mask
    return spread
