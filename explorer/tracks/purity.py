"""How many objects at either end of a track deserve the name that the end has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.arrays import FloatArray, IndexArray
from explorer.state.dataset import Dataset
from explorer.tracks.presets import End
from model.tracks.knots import bins_between


def name_ends(
    dataset: Dataset, ends: tuple[End, End], values: FloatArray, edges: Sequence[float]
) -> str:
    """Return what the first and the last bin of a track hold, in words.

    Args:
        dataset: The atlas.
        ends: What the two are called.
        values: What is binned, NaN for objects that are left out, shape (n_object,).
        edges: Of the bins, percentiles.
    """
    if not np.isfinite(values).any():
        return ""
    bins = bins_between(values, np.nanpercentile(values, edges))
    said = []
    for where, end, rows in zip(("First bin", "last bin"), ends, (bins[0], bins[-1]), strict=True):
        share, n = purity(dataset, end, rows)
        said.append(
            f"{where}: {100 * share:.0f} % {end.label} (of {n:,} measured)"
            if n
            else f"{where}: none measured to be {end.label}"
        )
    return "; ".join(said) + "."


def purity(dataset: Dataset, end: End, rows: IndexArray) -> tuple[float, int]:
    """Return the share of objects that deserve an end's name, as their spectra tell.

    Args:
        dataset: The atlas.
        end: The end.
        rows: Its objects.

    Returns:
        The share, NaN where nothing was measured, and the number measured.
    """
    if end.classes:
        found = dataset.catalog["line_class_data"].iloc[rows].fillna("").to_numpy(object)
        found = found[found != ""]
        named = np.isin(found.astype(str), end.classes)
    else:
        measured = dataset.numeric(end.column)[rows]
        named = measured[np.isfinite(measured)] > end.above
    return (float(named.mean()) if len(named) else float("nan")), len(named)
