"""Numbers of a catalogue that stand for a missing one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from data.arrays import BoolArray, FloatArray

SENTINELS = (-99.0, -99.9, -99.99, -999.0, -999.9, -9999.0, -99999.0)
"""What tables write where they have no value, if it stands apart from all other values."""
HUGE = 1e20
"""Numbers from here on stand for none, if they stand apart from all others."""
LARGE_UNIT, FEW = 1e14, 0.1
"""Where fewer than this share of the numbers are smaller, the unit is one of such numbers."""
APART = 3.0
"""A sentinel is so many times as low as the lowest other value, or lower."""


def no_value(values: FloatArray) -> BoolArray:
    """Return which numbers stand for a missing one, shape (n,).

    Those of `HUGE` size, unless many are (luminosities in erg/s), and the sentinels (-99,
    -9999 ...) below which nothing lies and that stand apart from all others: -99 is no mass, but a
    velocity among others.
    """
    finite = np.isfinite(values)
    wrong = finite & (np.abs(values) >= HUGE)
    if wrong.any() and _of_large_unit(values[finite]):
        wrong[:] = False
    for sentinel in sorted(SENTINELS):
        hit = np.isclose(values, sentinel, rtol=1e-6) & ~wrong
        others = values[finite & ~wrong & ~hit]
        lowest = others.min() if others.size else 0.0
        if hit.any() and lowest > sentinel / APART:
            wrong |= hit
    return wrong


def _of_large_unit(values: FloatArray) -> bool:
    """Return whether numbers are in a unit in which `HUGE` ones are usual."""
    sizes = np.abs(values[(values != 0) & ~np.isin(values, SENTINELS)])
    return np.unique(sizes).size > 1 and bool((sizes < LARGE_UNIT).mean() < FEW)


def numbers(column: Any) -> FloatArray:  # noqa: ANN401 - a column of a table
    """Return a column as numbers, NaN where it holds none."""
    values: Any = pd.to_numeric(column, errors="coerce")
    return np.asarray(values.to_numpy(dtype=float, na_value=np.nan))


def measured(values: FloatArray) -> FloatArray:
    """Return the numbers that are values."""
    return values[np.isfinite(values) & ~no_value(values)]
