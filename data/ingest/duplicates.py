"""Repeat observations of one object: same identifier, or the same place on the sky."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from data.arrays import IndexArray
from data.ingest.external_catalog import RADIUS, chord, unit_vectors


def object_groups(catalog: pd.DataFrame, *, radius: float = RADIUS) -> IndexArray:
    """Return the number of the object that each row observes.

    Args:
        catalog: Has `object_id`, `ra`, `dec` (degrees). Unknown positions join nothing: NaN,
            values outside the sky (-9999), and the placeholder 0, 0.
        radius: Positions closer than this are one object, arcsec.

    Returns:
        Group of each row, shape (n_row,); rows of one group are linked by identifier or position.
    """
    n_row = len(catalog)
    by_id = pd.factorize(catalog["object_id"])[0]
    first = np.zeros(by_id.max() + 1, dtype=np.int64)
    first[by_id[::-1]] = np.arange(n_row)[::-1]
    links = [np.stack([np.arange(n_row), first[by_id]])]
    ra, dec = catalog["ra"].to_numpy(float), catalog["dec"].to_numpy(float)
    placeholder = (ra == 0) & (dec == 0)
    rows = np.flatnonzero((np.abs(dec) <= 90) & (ra >= 0) & (ra <= 360) & ~placeholder)
    if rows.size:
        tree = KDTree(unit_vectors(ra[rows], dec[rows]))
        links.append(rows[tree.query_pairs(chord(radius), output_type="ndarray")].reshape(-1, 2).T)
    one, other = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(n_row, n_row))
    return connected_components(graph, directed=False)[1]


def best_of_group(groups: IndexArray, snr: NDArray[np.float64]) -> IndexArray:
    """Return, for each row, the row of its group with the best S/N (the first of equals)."""
    rows = np.arange(len(groups))
    order = np.lexsort((rows, -snr, groups))
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    best = np.empty(int(groups.max()) + 1, dtype=np.int64)
    best[groups[order][starts]] = order[starts]
    return best[groups]
