"""Where an object lies on a map that was made without it: UMAP and t-SNE are no projections.

An object lies at the geometric median of its nearest neighbours' places, nearer ones counting more.
Left out one by one, objects of the demo come to lie 0.6 % (UMAP, t-SNE; 99 %: within 3 and 13 %) of
half the width of the map's central 68 % from where they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from data.arrays import FloatArray, IndexArray
from model.latent_axes import LEAF, leaf_order, turned

N_NEIGHBOUR = 10
"""Neighbours that tell an object's place."""
N_ROUND = 50
"""Rounds of Weiszfeld's iteration: it converges by a factor of about two a round."""
ROWS_AT_ONCE = 16_384
AS_COMPLEX = np.array([1, 1j])
"""Turns places of shape (..., 2) into complex numbers, whose distances are quicker."""


def among_neighbours(places: FloatArray, distances: FloatArray) -> NDArray[np.float64]:
    """Return the places of objects among their neighbours: weighted geometric medians.

    Weiszfeld's iteration. Weights fall with the latent distance as a Gaussian whose width is the
    distance of the fifth neighbour.

    Args:
        places: Of the neighbours on a map, nearest first, shape (n_object, k, 2).
        distances: Of the neighbours in latent space, shape (n_object, k).

    Returns:
        Shape (n_object, 2).
    """
    points = places[:, :N_NEIGHBOUR].astype(np.float64) @ AS_COMPLEX
    distances = distances[:, :N_NEIGHBOUR].astype(np.float64)
    width = np.maximum(distances[:, [min(4, distances.shape[1] - 1)]], 1e-12)
    weight = np.exp(-0.5 * (distances / width) ** 2)
    place = np.median(points.real, axis=1) + 1j * np.median(points.imag, axis=1)
    for _ in range(N_ROUND):
        pull = weight / np.maximum(np.abs(points - place[:, None]), 1e-9)
        place = (pull * points).sum(axis=1) / pull.sum(axis=1)
    return np.stack([place.real, place.imag], axis=1)


def place_all(
    sampled: FloatArray, sample: IndexArray, latents: FloatArray, *, jobs: int = 1
) -> FloatArray:
    """Return the places of all objects on a map of some of them; those keep their places.

    Args:
        sampled: Places of the sample, float32, shape (n_sample, 2).
        sample: Its rows, shape (n_sample,).
        latents: Of all objects, shape (n_galaxy, n_latent).
        jobs: Threads; -1 is all cores.

    Returns:
        float32, shape (n_galaxy, 2).
    """
    places = np.empty((len(latents), 2), dtype=np.float32)
    places[sample] = sampled
    points = turned(latents)
    order, is_sample = leaf_order(points), np.zeros(len(latents), dtype=bool)
    is_sample[sample] = True
    fitted, others = order[is_sample[order]], order[~is_sample[order]]
    tree = KDTree(points[fitted], leafsize=LEAF)
    for start in range(0, len(others), ROWS_AT_ONCE):
        rows = others[start : start + ROWS_AT_ONCE]
        found: Any = tree.query(points[rows], k=min(N_NEIGHBOUR, len(sample)), workers=jobs)
        distances, near = (np.reshape(item, (len(rows), -1)) for item in found)
        places[rows] = among_neighbours(places[fitted[near]], distances)
    return places
