"""Which objects a map is fitted to, where there are too many for all of them."""

from __future__ import annotations

import numpy as np

from data.arrays import FloatArray, IndexArray
from model.latent_axes import leaf_order


def spread_sample(latents: FloatArray, n_sample: int, *, seed: int) -> IndexArray:
    """Choose objects evenly over the latent space, as dense as the objects are.

    Objects in the order of the leaves of a k-d tree are cut into runs of equal number, compact
    cells of latent space; one of each is drawn. Rare corners are neither missed nor crowded, as
    they may be in a random sample.

    Args:
        latents: Shape (n_galaxy, n_latent).
        n_sample: How many.
        seed: Of the draws.

    Returns:
        Their rows, increasing, shape (n_sample,); all rows where there are no more.
    """
    n_galaxy = len(latents)
    if n_galaxy <= n_sample:
        return np.arange(n_galaxy)
    order = leaf_order(latents.astype(np.float64))
    edges = np.linspace(0, n_galaxy, n_sample + 1).astype(np.int64)
    drawn = np.random.default_rng(seed).integers(edges[:-1], edges[1:])
    return np.sort(order[drawn])
