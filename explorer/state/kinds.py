"""Columns of a catalogue by kind: numbers, classes, identifiers; and their values for views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import FloatArray

MAX_CLASSES = 200
"""Of a text column with more values than this, the rarer ones are one class."""
OTHER_VALUES = "\N{BULLET} other values"
"""Name of that class."""
MOST_LOOKED_AT, SHORT = 2**21, 2**15
"""Rows that tell what a column of words is, and how many of them lie together."""
BLOCK = 2**20
"""Rows looked at at a time."""
EXACT_FLOAT32, EXACT_FLOAT64 = 2**24, 2**53
"""Whole numbers from here on lose digits as floating-point numbers."""


@dataclass(frozen=True)
class ColumnKinds:
    """Which columns of a catalogue are what, in its order.

    Attributes:
        numbers: Those of numbers with at least one finite value, identifiers apart.
        identifiers: Those of integers too large for floating point: names of things.
        classes: Those of words that are classes: some objects share a value, or there are few.
        left_out: Those of words that name single objects, and how many values each has.
    """

    numbers: list[str]
    identifiers: list[str]
    classes: list[str]
    left_out: dict[str, int]

    @classmethod
    def of(cls, catalog: pd.DataFrame) -> ColumnKinds:
        """Look at the columns of a catalogue."""
        numeric = pd.api.types.is_numeric_dtype
        columns = {str(name): values for name, values in catalog.items()}
        identifiers = [name for name, values in columns.items() if _is_identifier(values)]
        numbers = [
            name
            for name, values in columns.items()
            if numeric(values) and name not in identifiers and _has_number(values)
        ]
        words = {
            name: _some(values)
            for name, values in columns.items()
            if not numeric(values) and name != "object_id"
        }
        counts = {name: len(values.dropna().unique()) for name, values in words.items()}
        left_out = {
            name: int(columns[name].count())
            for name, count in counts.items()
            if count > MAX_CLASSES and count == words[name].count()
        }
        classes = [name for name, count in counts.items() if count and name not in left_out]
        return cls(numbers, identifiers, classes, left_out)


@dataclass(frozen=True)
class Classes:
    """A text column as codes, the most frequent value first.

    Attributes:
        names: The values, most frequent first; the last may be `OTHER_VALUES`.
        codes: Index into `names`, -1 where missing, int16, shape (n_object,).
        counts: Objects of each name.
        n_value: Different values.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int16]
    counts: tuple[int, ...]
    n_value: int

    @classmethod
    def of(cls, values: pd.Series) -> Classes:
        """Return a column of words as codes."""
        numbers, different = pd.factorize(values)  # what follows is of the few different ones
        text = pd.Series(different).astype("string").str.strip().replace("", pd.NA)
        each = pd.Series(np.bincount(numbers[numbers >= 0], minlength=len(text)))
        first = pd.Series(np.arange(len(text)))  # of equally frequent ones the first comes first
        all_counts = (
            pd.DataFrame({"n": each, "first": first})
            .groupby(text, sort=False)
            .agg({"n": "sum", "first": "min"})
            .sort_values(["n", "first"], ascending=[False, True])["n"]
        )
        names = [str(name) for name in all_counts.index[:MAX_CLASSES]]
        counts = [int(n) for n in all_counts.iloc[:MAX_CLASSES]]
        code = pd.Index(names, dtype="string").get_indexer(pd.Index(text))
        if len(all_counts) > MAX_CLASSES:
            code[(code < 0) & text.notna().to_numpy()] = len(names)
            names.append(OTHER_VALUES)
            counts.append(int(all_counts.iloc[MAX_CLASSES:].sum()))
        codes = np.append(code, -1).astype(np.int16)[numbers]  # the last is of missing ones
        return cls(tuple(names), codes, tuple(counts), len(all_counts))


def finite(values: pd.Series) -> FloatArray:
    """Return a column of numbers, NaN where missing or infinite, same shape.

    They are float32; float64 where integers (a night as 20210324) need it.
    """
    if values.dtype == np.float32 and not _has_infinity(values.to_numpy()):
        return values.to_numpy()  # of a large atlas: mapped, not in memory
    numbers = values.to_numpy(float, na_value=np.nan)
    whole = pd.api.types.is_integer_dtype(values)
    exact = whole and bool(np.any(np.abs(numbers) >= EXACT_FLOAT32))
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    return numbers if exact else numbers.astype(np.float32)


def _some(values: pd.Series) -> pd.Series:
    """Return at most `MOST_LOOKED_AT` values: blocks, evenly spaced, since a file is read so."""
    if len(values) <= MOST_LOOKED_AT:
        return values
    starts = np.linspace(0, len(values) - SHORT, MOST_LOOKED_AT // SHORT, dtype=int)
    return values.iloc[(starts[:, None] + np.arange(SHORT)).ravel()]


def _has_number(values: pd.Series) -> bool:
    """Return whether a column of numbers has a finite one; of most, the first rows tell."""
    blocks = (values.iloc[at : at + BLOCK] for at in range(0, len(values), BLOCK))
    return any(np.isfinite(some.to_numpy(float, na_value=np.nan)).any() for some in blocks)


def _has_infinity(values: FloatArray) -> bool:
    return any(np.isinf(values[at : at + BLOCK]).any() for at in range(0, len(values), BLOCK))


def _is_identifier(values: pd.Series) -> bool:
    return pd.api.types.is_integer_dtype(values) and bool(
        (values.dropna().abs() >= EXACT_FLOAT64).any()
    )
