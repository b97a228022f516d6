"""Where objects are in some space, for searches of the nearest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from data.arrays import BoolArray, FloatArray, IndexArray

MOST_PLACES = 2_000_000
"""Objects in a tree at most: one of 40 million takes 5 GB and minutes to build."""


class Places(NamedTuple):
    """A k-d tree of places.

    Attributes:
        tree: It.
        rows: Row of the object at each place of the tree.
    """

    tree: KDTree
    rows: IndexArray

    @classmethod
    def of(cls, points: FloatArray, *, known: BoolArray | None = None) -> Places:
        """Index places; of more than `MOST_PLACES` an even sample, which has all their regions.

        Args:
            points: Shape (n_galaxy, n_dimension).
            known: Objects that have a place; None = all.
        """
        rows = np.arange(len(points)) if known is None else np.flatnonzero(known)
        rows = rows[:: -(-len(rows) // MOST_PLACES) or 1]
        return cls(KDTree(points[rows]), rows)

    def nearest(self, points: FloatArray, k: int) -> IndexArray:
        """Return the rows of the `k` nearest objects (fewer if there are not so many) of points.

        Args:
            points: Shape (n_point, n_dimension).
            k: How many.

        Returns:
            Shape (n_point, k), the nearest first.
        """
        ranks = np.arange(1, min(k, self.tree.n) + 1)
        return self.rows[np.asarray(self.tree.query(points, k=ranks)[1])]
