"""Repeat observations: the best spectrum of each object is kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import IndexArray
from data.sky import SAME_OBJECT, object_groups


def best_of_object(catalog: pd.DataFrame) -> IndexArray:
    """Return, for each row, the row with the best S/N of the same object (the first of equals).

    Args:
        catalog: Has `object_id`, `ra`, `dec` (degrees) and `snr`.
    """
    ra, dec, snr = (catalog[name].to_numpy(float) for name in ("ra", "dec", "snr"))
    groups = object_groups(ra, dec, radius=SAME_OBJECT, ids=catalog["object_id"].to_numpy())
    return _best_of_group(groups, snr)


def _best_of_group(groups: IndexArray, snr: NDArray[np.float64]) -> IndexArray:
    rows = np.arange(len(groups))
    order = np.lexsort((rows, -snr, groups))
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    best = np.empty(int(groups.max()) + 1, dtype=np.int64)
    best[groups[order][starts]] = order[starts]
    return best[groups]
