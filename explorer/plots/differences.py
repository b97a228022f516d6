"""What makes these different from those: the columns in which two groups of objects differ."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

from data.arrays import BoolArray, FloatArray
from explorer.state.dataset import Dataset

MOST_COMPARED = 20_000
"""Objects of a group that are compared; more tell no more."""


@dataclass(frozen=True)
class ColumnDifference:
    """How a column differs between two groups.

    Attributes:
        column: Its name.
        first: Median of the first group.
        second: Median of the second.
        distance: Largest distance of the cumulative distributions (Kolmogorov and Smirnov), 0 for
            the same, 1 where no value of one group lies among the other's.
    """

    column: str
    first: float
    second: float
    distance: float


def differences(dataset: Dataset, first: BoolArray, second: BoolArray) -> list[ColumnDifference]:
    """Compare two groups in every column of numbers, the most different first.

    Columns of which a group has fewer than 5 values, and positions on maps, are left out.
    """
    ends = [_sample(np.flatnonzero(mask)) for mask in (first, second)]
    found = []
    for column in dataset.numeric_columns:
        values = [dataset.numeric(column)[rows] for rows in ends]
        one, two = (np.sort(item[np.isfinite(item)]) for item in values)
        if min(len(one), len(two)) >= 5:
            distance = largest_distance(one, two)
            found.append(
                ColumnDifference(column, float(np.median(one)), float(np.median(two)), distance)
            )
    return sorted(found, key=lambda item: -item.distance)


def largest_distance(first: FloatArray, second: FloatArray) -> float:
    """Return the Kolmogorov-Smirnov distance of two samples, each sorted."""
    values = np.concatenate([first, second])
    below = [np.searchsorted(item, values, side="right") / len(item) for item in (first, second)]
    return float(np.max(np.abs(below[0] - below[1])))


def differences_html(
    dataset: Dataset, found: list[ColumnDifference], names: tuple[str, str], *, most: int = 15
) -> str:
    """Return a table of the columns that differ most."""
    rows = "".join(
        f"<tr><th>{escape(dataset.label(item.column))}</th><td>{item.first:.4g}</td>"
        f"<td>{item.second:.4g}</td><td>{item.distance:.2f}</td></tr>"
        for item in found[:most]
    )
    head = "".join(
        f"<th>{escape(text)}</th>"
        for text in ("column", f"median, {names[0]}", f"median, {names[1]}", "distance")
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _sample(rows: np.ndarray) -> np.ndarray:
    """Return rows drawn evenly, at most `MOST_COMPARED`."""
    return rows[:: max(1, -(-len(rows) // MOST_COMPARED))]
