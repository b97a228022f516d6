"""Directions in latent space: principal axes, and combinations of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial import KDTree
from scipy.special import ndtri

from data.arrays import BoolArray, FloatArray, IndexArray

LEAF = 32
"""Points of a leaf of a k-d tree."""


def middle(latents: FloatArray) -> FloatArray:
    """Return the median of each latent: their tails are long, and no galaxy is like their mean."""
    return np.median(latents, axis=0).astype(float)


def spread(latents: FloatArray) -> FloatArray:
    """Return half the distance of the 16th and the 84th percentile of each latent, never 0.

    It is the standard deviation of a normal distribution, but long tails do not stretch it.
    """
    low, high = np.percentile(latents, [16, 84], axis=0)
    half = (high - low) / 2
    return np.where(half > 0, half, np.maximum(latents.std(axis=0, dtype=float), 1e-12))


def bulk(values: FloatArray, *, percentiles: tuple[float, float], reach: float) -> FloatArray:
    """Return the ends of the bulk of values: percentiles, but not far out in a long tail.

    Args:
        values: Shape (n,) or (n, n_column); NaN is left out.
        percentiles: Lower and upper percentile.
        reach: No end lies farther from the median than so many distances from there to the
            16th or the 84th percentile on its side.

    Returns:
        Lower and upper ends, shape (2,) or (2, n_column).
    """
    low, left, centre, right, high = np.nanpercentile(
        values, [percentiles[0], 16, 50, 84, percentiles[1]], axis=0
    )
    lower = np.where(left < centre, np.maximum(low, centre - reach * (centre - left)), low)
    upper = np.where(right > centre, np.minimum(high, centre + reach * (right - centre)), high)
    return np.stack([lower, upper])


def principal_axes(latents: FloatArray) -> FloatArray:
    """Return the unit axes of the latents' variance, largest first, shape (n_latent, n_latent).

    Each points towards its largest component, so that runs agree.

    Example:
        >>> principal_axes(np.array([[0.0, 0.0], [1.0, 10.0], [2.0, 20.0]])).round(2)
        array([[ 0.1,  1. ],
               [ 1. , -0.1]])
    """
    centred = np.asarray(latents, dtype=float) - latents.mean(axis=0, dtype=float)
    axes = np.linalg.eigh(centred.T @ centred / len(centred))[1].T[::-1]
    largest = np.abs(axes).argmax(axis=1)
    return axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]


def turned(latents: FloatArray) -> FloatArray:
    """Return latents along their principal axes, float64, for a k-d tree.

    Latents are strongly correlated: along these axes the cells of a tree are compacter.
    """
    points = np.asarray(latents, dtype=np.float64)
    return np.ascontiguousarray((points - points.mean(axis=0)) @ principal_axes(points).T)


def leaf_order(points: FloatArray) -> IndexArray:
    """Return rows in the order of the leaves of a k-d tree: those near each other in runs."""
    return np.asarray(KDTree(points, leafsize=LEAF).indices)


def combine(latents: FloatArray, weights: Mapping[int, float], *, rotated: bool) -> FloatArray:
    """Return a linear combination of latents, or of principal axes if `rotated`, shape (n,).

    Portillo+2020's tracks follow PC1 ({0: 1}), PC3 + PC4 ({2: 1, 3: 1}), PC5 - PC6 ({4: 1, 5: -1}),
    PC2 ({1: 1}).
    """
    n_latent = latents.shape[1]
    if not weights or not all(0 <= index < n_latent for index in weights):
        raise ValueError(f"weights must name latents 0..{n_latent - 1}, got {dict(weights)}")
    axes = principal_axes(latents) if rotated else np.eye(n_latent)
    direction = sum(factor * axes[index] for index, factor in weights.items())
    return (latents - latents.mean(axis=0)) @ np.asarray(direction)


def rising_along(latents: FloatArray, values: FloatArray, keep: BoolArray) -> FloatArray:
    """Return the position of objects in the direction of latent space in which a quantity rises.

    The direction is that of a least-squares fit of the quantity by the latents, each value replaced
    by the normal score of its rank, so that no long tail decides.

    Args:
        latents: Shape (n_galaxy, n_latent).
        values: The quantity, NaN where unknown, shape (n_galaxy,).
        keep: Objects to fit; shape (n_galaxy,).

    Returns:
        Shape (n_galaxy,), in normal scores; NaN for objects that are not kept.

    Raises:
        ValueError: Too few objects are kept and known.
    """
    known = keep & np.isfinite(values)
    n_known, n_latent = int(known.sum()), latents.shape[1]
    if n_known < n_latent + 2:
        raise ValueError(
            f"a direction of {n_latent} latents needs {n_latent + 2} objects with a value, got "
            f"{n_known}; widen the classes or the filters"
        )
    from scipy.stats import rankdata  # takes half a second

    scores = ndtri((rankdata(values[known]) - 0.5) / n_known)
    centred = latents - latents[known].mean(axis=0, dtype=float)
    direction = np.linalg.lstsq(centred[known], scores)[0]
    return np.where(keep, centred @ direction, np.nan)
