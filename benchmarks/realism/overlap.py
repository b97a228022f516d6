"""The common area of two distributions: how alike they are, from 0 to 1."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import norm

from benchmarks.realism.published import Relation
from data.arrays import FloatArray


def overlap(first: FloatArray, second: FloatArray, n_bin: int = 6) -> float:
    """Return the common area of two samples' histograms, over equally filled bins of the first."""
    first, second = first[np.isfinite(first)], second[np.isfinite(second)]
    if not len(first) or not len(second):
        return float("nan")
    edges = np.quantile(first, np.linspace(0, 1, n_bin + 1))
    edges[[0, -1]] = -np.inf, np.inf
    shares = [np.histogram(values, edges)[0] / len(values) for values in (first, second)]
    return float(np.minimum(*shares).sum())


def overlap_expected(n: int, n_bin: int = 6) -> float:
    """Return the mean overlap of `n` draws with the distribution they are drawn from."""
    counts = np.random.default_rng(0).multinomial(n, np.full(n_bin, 1 / n_bin), 4000) / n
    return float(np.minimum(counts, 1 / n_bin).sum(axis=1).mean())


def overlap_relation(relation: Relation, log_mass: FloatArray, value: FloatArray) -> float:
    """Return the common area with a relation: mean over four ranges of mass, equally filled.

    In each, the residuals from the relation are compared with a Gaussian of its scatter, in bins
    of a third of it.
    """
    kept = np.isfinite(value) & (log_mass > relation.masses[0]) & (log_mass < relation.masses[1])
    residual = (value - relation.value(log_mass))[kept] / relation.scatter
    edges = np.concatenate([[-np.inf], np.arange(-3, 3.01, 1 / 3), [np.inf]])
    wanted = np.diff(norm.cdf(edges))
    order = np.argsort(log_mass[kept])
    areas = [
        np.minimum(np.histogram(residual[part], edges)[0] / len(part), wanted).sum()
        for part in np.array_split(order, 4)
    ]
    return float(np.mean(areas))


def overlap_density(sample: FloatArray, x: FloatArray, density: FloatArray) -> float:
    """Return the common area of a sample with a density at `x`, over 20 equally filled bins."""
    cumulative = np.concatenate([[0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(x))])
    edges = np.interp(np.linspace(0, 1, 21), cumulative / cumulative[-1], x)
    edges[[0, -1]] = -np.inf, np.inf
    return float(np.minimum(np.histogram(sample, edges)[0] / len(sample), 1 / 20).sum())


def overlap_shares(shares: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return the common part of two mixtures of classes."""
    return sum(min(share, other.get(name, 0.0)) for name, share in shares.items())
