"""The order in which outliers are walked: by one score, some left out, labelled ones last."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from data.arrays import FloatArray, IndexArray
from explorer.state.dataset import Dataset
from explorer.state.outlier_options import GOOD, OPTIONS, UNLABELLED, UNSATURATED

LONGEST = 10_000
"""Objects of a list; nobody looks at more one by one, and each session holds its own."""
GOOD_SHARE = 90.0
"""A reconstruction is good if its reduced chi2 is among this share (percent) of the lowest."""
SATURATION = 100.0
"""Peak flux over continuum above which line emitters are left out (Liang+2023, section 5.2)."""

_NEEDED = {GOOD: "chi2_red", UNSATURATED: "peak_flux"}


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Rows in the order they are looked at.

    Attributes:
        rows: Catalogue rows, shape (n,), at most `LONGEST`.
        values: What they are ranked by, shape (n,).
        n_ranked: Objects that could be listed.
        n_left_out: Objects that the options leave out, or that have no score.
    """

    rows: IndexArray
    values: FloatArray
    n_ranked: int
    n_left_out: int

    def __len__(self) -> int:
        """Return the length of the list."""
        return len(self.rows)

    def position(self, row: int | None) -> int | None:
        """Return where an object stands, from 0, or None if it is not listed."""
        found = np.flatnonzero(self.rows == row)
        return int(found[0]) if len(found) else None


def available_options(dataset: Dataset) -> list[str]:
    """Return the options that the atlas has the columns for."""
    return [name for name in OPTIONS if _NEEDED.get(name, "object_id") in dataset.catalog.columns]


def good_chi2(dataset: Dataset) -> float:
    """Return the highest reduced chi2 that counts as a good reconstruction."""
    values = dataset.numeric("chi2_red")
    return dataset.keep(
        ("good_chi2",), lambda: float(np.percentile(values[np.isfinite(values)], GOOD_SHARE))
    )


def rank(
    dataset: Dataset,
    values: FloatArray,
    *,
    among: IndexArray,
    highest_first: bool,
    options: Collection[str],
    labelled: Collection[int],
) -> Ranking:
    """Order objects.

    Args:
        dataset: The atlas.
        values: Score of every object, shape (n_object,); those with NaN are left out.
        among: Rows that may be listed.
        highest_first: Direction.
        options: Of `OPTIONS`.
        labelled: Rows that have a label.
    """
    keep = np.isfinite(values[among])
    if GOOD in options:
        keep &= dataset.numeric("chi2_red")[among] <= good_chi2(dataset)
    if UNSATURATED in options:
        keep &= ~(dataset.numeric("peak_flux")[among] > SATURATION)
    rows = among[keep]
    keys = -values[rows] if highest_first else values[rows]
    late = np.isin(rows, list(labelled)) if UNLABELLED in options else np.zeros(len(rows), bool)
    order = np.lexsort((rows, keys, late))[:LONGEST]
    return Ranking(
        rows=rows[order], values=values[rows[order]], n_ranked=len(rows),
        n_left_out=len(among) - len(rows),
    )  # fmt: skip
