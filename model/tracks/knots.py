"""Knots of a track: where they lie along a path, and how many objects lie around them."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from data.arrays import FloatArray, IndexArray, IntArray

ENOUGH = 5
"""A knot with fewer objects around it is an extrapolation."""


def even_knots(path: FloatArray, n_knot: int) -> FloatArray:
    """Return points equally spaced along a path, both ends included.

    Args:
        path: Corners, in order, shape (n_point, n_dimension).
        n_knot: Points wanted, 2 at least.

    Raises:
        ValueError: The path has no length.
    """
    if path.ndim != 2 or len(path) < 2 or not np.isfinite(path).all() or n_knot < 2:
        raise ValueError(
            f"a path needs two finite points or more and two knots, got {path.shape}, {n_knot}"
        )
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    if along[-1] <= 0:
        raise ValueError("a path must have a length; draw from one point to another")
    wanted = np.linspace(0, along[-1], n_knot)
    return np.stack([np.interp(wanted, along, column) for column in path.T], axis=1)


def bins_between(values: FloatArray, edges: FloatArray) -> list[IndexArray]:
    """Return the rows in each bin of a quantity, increasing; each row is in one bin at most.

    A bin holds its lower edge and not its upper one; the last holds both, as in `np.histogram`.
    Where edges are equal, the bin between them is empty, unless it is the last.

    Args:
        values: The quantity, NaN for rows in no bin, shape (n_galaxy,).
        edges: Of the bins, not decreasing, shape (n_bin + 1,).
    """
    n_bin = len(edges) - 1
    bins = np.searchsorted(edges, values, side="right") - 1
    bins[values == edges[-1]] = n_bin - 1
    return [np.flatnonzero(bins == number) for number in range(n_bin)]


def count_support(tree: KDTree, points: FloatArray) -> IntArray:
    """Count the objects around each point, as far as its nearest objects have theirs.

    The radius is twice the distance at which the nearest objects themselves (median of them)
    have enough others: narrow in dense parts, wide in sparse ones, so that a gap shows in both.
    """
    enough = min(ENOUGH, tree.n - 1)
    near = np.asarray(tree.query(points, enough)[1]).reshape(len(points), -1)
    usual = np.asarray(tree.query(np.asarray(tree.data)[near.ravel()], enough + 1)[0])[:, -1]
    radius = 2 * np.median(usual.reshape(near.shape), axis=1)
    return np.asarray(tree.query_ball_point(points, radius, return_length=True), dtype=np.int64)
