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
    near = {name: _nearest(places, rows, k) for name, places in maps.items()}
    beyond = {name: np.zeros(len(rows)) for name in maps}
    kept = {name: np.zeros(len(rows)) for name in maps}
    for place, row in enumerate(rows):
        distance = np.square(latents - latents[row]).sum(axis=1)
        distance[row] = np.inf
        ordered = np.sort(np.partition(distance, k - 1)[:k])
        for name, found in near.items():
            own = distance[found[place]]
            far = own[own > ordered[-1]]
            kept[name][place] = k - len(far)
            beyond[name][place] = sum(np.count_nonzero(distance < value) + 1 - k for value in far)
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


def _nearest(places: FloatArray, rows: IndexArray, k: int) -> IndexArray:
    """Return the k nearest others on a map of some objects, shape (n_row, k)."""
    found: Any = KDTree(places.astype(np.float64)).query(places[rows].astype(np.float64), k=k + 1)
    near = np.asarray(found[1])
    others = near != rows[:, None]
    others[others.all(axis=1), -1] = False  # many at one place: the object itself is not among them
    return near[others].reshape(len(rows), k)
