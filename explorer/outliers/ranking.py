"""The order in which outliers are walked: by one score, some left out, labelled ones last."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from data.arrays import BoolArray, FloatArray, IndexArray
from explorer.state.dataset import Dataset
from explorer.state.outlier_options import GOOD, OPTIONS, UNLABELLED, UNSATURATED
from model.atlas.cuts import STRONG_LINE, good_chi2, peak_column

LONGEST = 10_000
"""Objects of a list; nobody looks at more one by one, and each session holds its own."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Rows in the order they are looked at.

    Attributes:
        rows: Catalogue rows, shape (n,), at most `LONGEST`.
        values: What they are ranked by, shape (n,).
        n_ranked: Objects that could be listed.
        n_left_out: Objects that the options leave out, or that have no score.
        hidden: Option -> objects with a score that it leaves out.
    """

    rows: IndexArray
    values: FloatArray
    n_ranked: int
    n_left_out: int
    hidden: Mapping[str, int]

    def __len__(self) -> int:
        """Return the length of the list."""
        return len(self.rows)

    def position(self, row: int | None) -> int | None:
        """Return where an object stands, from 0, or None if it is not listed."""
        found = np.flatnonzero(self.rows == row)
        return int(found[0]) if len(found) else None


def available_options(dataset: Dataset) -> list[str]:
    """Return the options that the atlas has the columns for."""
    columns = dataset.catalog.columns
    there = {GOOD: "chi2_red" in columns, UNSATURATED: peak_column(columns) is not None}
    return [name for name in OPTIONS if there.get(name, True)]


def good_limits(dataset: Dataset) -> FloatArray:
    """Return the highest reduced chi2 of a good reconstruction at each object's S/N."""
    snr = dataset.numeric("snr") if "snr" in dataset.numeric_columns else None
    return dataset.keep(("good",), lambda: good_chi2(dataset.numeric("chi2_red"), snr))


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
    keep = scored = np.isfinite(values[among])
    hidden = {}
    for name, passed in _passed(dataset, among, options).items():
        hidden[name] = int((scored & ~passed).sum())
        keep = keep & passed
    rows = among[keep]
    keys = -values[rows] if highest_first else values[rows]
    late = np.isin(rows, list(labelled)) if UNLABELLED in options else np.zeros(len(rows), bool)
    order = np.lexsort((rows, keys, late))[:LONGEST]
    return Ranking(
        rows=rows[order], values=values[rows[order]], n_ranked=len(rows),
        n_left_out=len(among) - len(rows), hidden=hidden,
    )  # fmt: skip


def _passed(dataset: Dataset, among: IndexArray, options: Collection[str]) -> dict[str, BoolArray]:
    """Return which objects each option keeps, shape of `among`."""
    passed = {}
    if GOOD in options:
        passed[GOOD] = dataset.numeric("chi2_red")[among] <= good_limits(dataset)[among]
    peak = peak_column(dataset.catalog.columns)
    if UNSATURATED in options and peak is not None:
        passed[UNSATURATED] = ~(dataset.numeric(peak)[among] > STRONG_LINE)
    return passed
