"""Scores of the latents alone: how lonely an object is among the others."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from data.arrays import FloatArray
from model.atlas.neighbours import Neighbours, find_neighbours

LOF_NEIGHBOURS = 20
"""Neighbours of the local outlier factor: scikit-learn's default, as in Portillo+2020."""
ROWS_AT_ONCE = 65_536


def neighbour_distance(neighbours: Neighbours) -> FloatArray:
    """Return the distance to the farthest neighbour of a graph, float32, shape (n_galaxy,)."""
    return neighbours.distances[:, -1].astype(np.float32)


def conditions(z: FloatArray, snr: FloatArray) -> FloatArray:
    """Return what a density conditional on redshift and S/N is given, (n_galaxy, 2).

    An unknown S/N is 0.
    """
    return np.column_stack([z, np.nan_to_num(snr)])


def local_outlier_factor(latents: FloatArray, neighbours: Neighbours) -> FloatArray:
    """Return the local outlier factor of Breunig+2000, from a graph already at hand.

    Exact copies of a spectrum count as one object (the paper's k-distinct-distance), since
    more than k copies would otherwise have infinite density.

    Args:
        latents: Shape (n_galaxy, n_latent).
        neighbours: Their graph; its `k` is the factor's.

    Returns:
        float32, shape (n_galaxy,).
    """
    if neighbours.distances.min() > 0:
        return _factor(neighbours)
    distinct, copy_of = np.unique(latents, axis=0, return_inverse=True)
    if len(distinct) < 3:
        return np.ones(len(latents), dtype=np.float32)
    graph = find_neighbours(distinct, k=min(neighbours.k, len(distinct) - 1))
    return _factor(graph)[copy_of.ravel()]


def outlier_factor_of_new(
    new: FloatArray, latents: FloatArray, neighbours: Neighbours, tree: KDTree | None = None
) -> FloatArray:
    """Return the local outlier factor of objects that are not in the graph, one by one.

    Args:
        new: Their latents, shape (n_new, n_latent).
        latents: Of the objects in the graph, shape (n_galaxy, n_latent).
        neighbours: Their graph; its `k` is the factor's.
        tree: k-d tree of `latents`, if one is at hand.

    Returns:
        float32, shape (n_new,).
    """
    tree = KDTree(np.asarray(latents, dtype=np.float64)) if tree is None else tree
    near, rows = tree.query(np.asarray(new, dtype=np.float64), k=neighbours.k)
    near, rows = np.reshape(near, (len(new), -1)), np.reshape(rows, (len(new), -1))
    around = Neighbours(neighbours.indices[rows].reshape(-1, neighbours.k),
                        neighbours.distances[rows].reshape(-1, neighbours.k))  # fmt: skip
    farthest = neighbours.distances[:, -1].astype(np.float64)
    density = _density(around.distances, farthest[around.indices]).reshape(rows.shape)
    own = _density(near, farthest[rows])
    return (density.mean(axis=1) / own).astype(np.float32)


def _factor(neighbours: Neighbours) -> FloatArray:
    farthest = neighbours.distances[:, -1].astype(np.float64)
    blocks = [
        slice(start, start + ROWS_AT_ONCE) for start in range(0, len(neighbours), ROWS_AT_ONCE)
    ]
    density = np.concatenate([
        _density(neighbours.distances[rows], farthest[neighbours.indices[rows]]) for rows in blocks
    ])  # fmt: skip
    return np.concatenate([
        (density[neighbours.indices[rows]].mean(axis=1) / density[rows]).astype(np.float32)
        for rows in blocks
    ])  # fmt: skip


def _density(distances: FloatArray, farthest: FloatArray) -> FloatArray:
    """Return local reachability densities (Breunig+2000, definition 6).

    Args:
        distances: To each neighbour, shape (n, k).
        farthest: Distance of each neighbour to its own k-th, same shape.
    """
    reach = np.maximum(farthest, distances.astype(np.float64)).mean(axis=1)
    return 1.0 / np.maximum(reach, np.finfo(np.float64).tiny)
