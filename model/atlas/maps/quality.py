"""How well maps keep neighbours together: trustworthiness and neighbour preservation.

Trustworthiness (Venna & Kaski 2006, Neural Networks 19, 889, equation 1) is 1 less the mean rank,
beyond k, of map neighbours that are none in latent space, so that 1 is perfect and 0.5 chance;
preservation is the share of the k nearest in latent space that are among the k nearest on the map.
Both are of a sample of the objects, among all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from data.arrays import FloatArray, IndexArray

N_NEIGHBOUR = 15
"""UMAP's number of neighbours."""
BLOCK = 2**15
"""Objects whose distances are taken at a time: they fit into a processor's cache."""
N_OBJECT = 500
"""Objects that are looked at."""


@dataclass(frozen=True, kw_only=True)
class MapQuality:
    """Of one map.

    Attributes:
        trustworthiness: Mean over the objects looked at.
        trustworthiness_error: Its standard error.
        neighbours_kept: Share of latent neighbours that are neighbours on the map.
        n_object: Objects looked at.
    """

    trustworthiness: float
    trustworthiness_error: float
    neighbours_kept: float
    n_object: int

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values, to four digits."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


def map_quality(
    latents: FloatArray, maps: Mapping[str, FloatArray], among: IndexArray, *, seed: int
) -> dict[str, MapQuality]:
    """Measure maps.

    Args:
        latents: Of all objects, shape (n_galaxy, n_latent).
        maps: Places of all objects on each map, shape (n_galaxy, 2), by name.
        among: Rows from which the objects looked at are drawn.
        seed: Of the draw.

    Returns:
        The quality of each map, by name; empty if there are too few objects to tell.
    """
    n_galaxy, k = len(latents), N_NEIGHBOUR
    if n_galaxy < 3 * k or not len(among):
        return {}
    rng = np.random.default_rng(seed)
    rows = among[rng.permutation(len(among))[:N_OBJECT]]
    limit = _squared(latents, rows, _nearest(latents, rows, k)).max(axis=1)
    own = {
        name: _squared(latents, rows, _nearest(places, rows, k)) for name, places in maps.items()
    }
    far = {name: np.where(own[name] > limit[:, None], own[name], -1.0) for name in maps}
    nearer = _count_nearer(latents, rows, np.hstack([far[name] for name in maps]))
    ranks = dict(zip(maps, np.split(nearer, len(maps), axis=1), strict=True))
    kept = {name: (far[name] < 0).sum(axis=1) for name in maps}
    beyond = {
        name: np.where(far[name] < 0, 0, ranks[name] + 1 - k).sum(axis=1).astype(float)
        for name in maps
    }
    scale = 2 / (k * (2 * n_galaxy - 3 * k - 1))
    return {
        name: MapQuality(
            trustworthiness=float(1 - scale * beyond[name].mean()),
            trustworthiness_error=float(scale * beyond[name].std() / np.sqrt(len(rows))),
            neighbours_kept=float(kept[name].mean() / k),
            n_object=len(rows),
        )
        for name in maps
    }


def _squared(latents: FloatArray, rows: IndexArray, others: IndexArray) -> FloatArray:
    """Return squared latent distances of some objects to k others each, shape (n_row, k)."""
    total = np.zeros(others.shape, dtype=latents.dtype)
    for column in latents.T:
        total += np.square(column[others] - column[rows][:, None])
    return total


def _count_nearer(latents: FloatArray, rows: IndexArray, limits: FloatArray) -> IndexArray:
    """Return how many others are nearer to some objects than each squared distance.

    Args:
        latents: Of all objects, shape (n_galaxy, n_latent).
        rows: Some of them, shape (n_row,).
        limits: Shape (n_row, n_limit).

    Returns:
        Shape (n_row, n_limit); 0 for limits below 0.
    """
    count, largest = np.zeros(limits.shape, dtype=np.int64), limits.max(axis=1)
    for start in range(0, len(latents), BLOCK):
        block = np.ascontiguousarray(latents[start : start + BLOCK].T)
        for place, row in enumerate(rows):
            if largest[place] < 0:
                continue
            total = np.zeros(block.shape[1], dtype=latents.dtype)
            for column, centre in zip(block, latents[row], strict=True):
                total += np.square(column - centre)
            inside = total[total < largest[place]]
            count[place] += (inside[:, None] < limits[place]).sum(axis=0)
    own = limits > 0  # an object is at distance 0 of itself
    return count - own


def _nearest(places: FloatArray, rows: IndexArray, k: int) -> IndexArray:
    """Return the k nearest others on a map of some objects, shape (n_row, k)."""
    found: Any = KDTree(places.astype(np.float64)).query(places[rows].astype(np.float64), k=k + 1)
    near = np.asarray(found[1])
    others = near != rows[:, None]
    others[others.all(axis=1), -1] = False  # many at one place: the object itself is not among them
    return near[others].reshape(len(rows), k)
