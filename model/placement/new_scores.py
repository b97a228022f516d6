"""Scores of the latents of a new object, which is in neither graph nor flow of the atlas."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial import KDTree

from data.arrays import FloatArray, IntArray
from model.atlas.atlas import Atlas
from model.atlas.scores import LOF_NEIGHBOURS


def latent_scores(atlas: Atlas, tree: KDTree, latents: FloatArray) -> dict[str, float]:
    """Return the scores of the atlas that rest on latents.

    Args:
        atlas: The atlas.
        tree: k-d tree of its latents.
        latents: Of the new object, shape (1, n_latent).
    """
    row = {"neg_log_p": float(-atlas.flow.log_p(latents)[0])}
    row["lof"] = local_outlier_factor(atlas, tree, latents)
    return row


def local_outlier_factor(atlas: Atlas, tree: KDTree, latents: FloatArray) -> float:
    """Return the local outlier factor of a new object (Breunig+2000)."""
    k = min(LOF_NEIGHBOURS, atlas.neighbours.k)
    graph = atlas.neighbours.first(k)
    found: Any = tree.query(latents.astype(np.float64), k=k)
    near, rows = found
    farthest = graph.distances[:, -1].astype(np.float64)

    def density(distances: FloatArray, reached: IntArray) -> FloatArray:
        reach = np.maximum(farthest[reached], distances.astype(np.float64)).mean(axis=-1)
        return 1 / np.maximum(reach, np.finfo(np.float64).tiny)

    around = density(graph.distances[rows[0]], graph.indices[rows[0]])
    return float(around.mean() / density(near, rows)[0])
