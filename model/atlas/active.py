"""Re-ranks outliers by the grades people gave to some of them (Astronomaly, Protege).

    score = relearn(latents, raw, rows=labelled, grades=grades, seed=0)
    score = expected_improvement(latents, rows=labelled, grades=grades, seed=0)

The first rule is that of Lochner & Bassett (2021, Astronomy and Computing 36, 100481):
a random forest learns the grade from the latents, and the raw score is multiplied by
tanh(exp(alpha d) - 1 + artanh(f)), which follows the forest near labelled objects (d, the
distance to the nearest of them over its mean, is small) and leaves the raw score elsewhere.

The second is that of Protege (Lochner & Rudnick 2024, arXiv:2411.04188): a Gaussian process learns
the grade, and what may well improve on the best grade given comes first, whatever its raw score.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.spatial import KDTree
from scipy.special import ndtr

from data.arrays import FloatArray, IntArray

TOP_GRADE = 5.0
MIN_GRADE, LOWEST, SPAN = 0.1, 0.1, 0.85
"""Grades are clipped to 0.1 .. 5, and f runs from 0.1 to 0.95 (Astronomaly's defaults)."""
N_TREE = 200
ROWS_AT_ONCE = 16_384
ROOT_2PI = 2.5066282746310002


def relearn(
    latents: FloatArray,
    raw: FloatArray,
    *,
    rows: IntArray,
    grades: FloatArray,
    seed: int,
    alpha: float = 1.0,
    by_rank: bool = True,
) -> FloatArray:
    """Return scores that follow the labels near labelled objects and `raw` far from them.

    Only the latents are features, scaled to unit spread: neither a score nor an earlier result
    of this function feeds back. The raw score enters by its rank r among n, as 5 log(n/r)/log(n):
    one huge value does not make all others alike, and the top of the list stays spread out; or by
    its magnitude, scaled to 0..5, as in Astronomaly.

    Args:
        latents: Finite, shape (n_galaxy, n_latent).
        raw: Scores, higher is stranger, shape (n_galaxy,); NaN where there is none.
        rows: Labelled rows, shape (n_label,).
        grades: Their grades, 0 to 5, shape (n_label,).
        seed: Seed of the forest.
        alpha: How quickly the influence of labels falls with distance.
        by_rank: Let the raw score enter by its rank, else by its magnitude.

    Returns:
        Scores from 0 to 5, float32, NaN where `raw` is, shape (n_galaxy,).

    Raises:
        ValueError: The labels do not fit, or latents are not finite.
    """
    rows, grades = np.asarray(rows, dtype=np.int64), np.asarray(grades, dtype=float)
    _check(latents, raw, rows, grades)
    base = _ranked(raw) if by_rank else _scaled(raw)
    if len(rows) == 0:
        return base.astype(np.float32)
    features = _features(latents)
    grade = _predict(features, rows, grades, seed=seed).clip(MIN_GRADE, TOP_GRADE)
    distance, _ = KDTree(features[rows]).query(features, workers=-1)
    mean = float(distance.mean())
    reach = np.minimum(alpha * distance / mean, 10.0) if mean > 0 else np.zeros(len(features))
    trust = LOWEST + SPAN * grade / TOP_GRADE
    return (base * np.tanh(np.expm1(reach) + np.arctanh(trust))).astype(np.float32)


def expected_improvement(
    latents: FloatArray,
    *,
    rows: IntArray,
    grades: FloatArray,
    seed: int,
    trade_off: float = 0.5,
) -> FloatArray:
    """Return how much each object may be expected to improve on the best grade.

    With mean m and spread s of a Gaussian process (Matern and white kernels) and the best grade b,
    EI = (m - b - t) Phi(x) + s phi(x), x = (m - b - t) / s; a larger trade-off t explores more.

    Args:
        latents: Finite, shape (n_galaxy, n_latent).
        rows: Labelled rows, shape (n_label,), 2 at least; see `starting_set`.
        grades: Their grades, 0 to 5, shape (n_label,).
        seed: Of the search for the kernel's lengths.
        trade_off: t.

    Returns:
        Expected improvement, float32, shape (n_galaxy,).

    Raises:
        ValueError: The labels do not fit, or are too few.
    """
    # Scikit-learn takes a second to load: pages open without it.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    rows, grades = np.asarray(rows, dtype=np.int64), np.asarray(grades, dtype=float)
    _check(latents, np.zeros(len(latents)), rows, grades)
    if len(rows) < 2:
        raise ValueError(f"a Gaussian process needs at least 2 grades, got {len(rows)}")
    features = _features(latents)
    process = GaussianProcessRegressor(
        ConstantKernel() * Matern() + WhiteKernel(), normalize_y=True, n_restarts_optimizer=1,
        random_state=seed,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # few labels leave a length open
        process.fit(features[rows], grades)

    def improvement(block: FloatArray) -> FloatArray:
        mean, spread = process.predict(block, return_std=True)
        gain, spread = mean - grades.max() - trade_off, np.maximum(spread, 1e-9)
        return gain * ndtr(gain / spread) + spread * np.exp(-0.5 * (gain / spread) ** 2) / ROOT_2PI

    return _in_blocks(improvement, features).astype(np.float32)


def starting_set(latents: FloatArray, n: int = 10) -> IntArray:
    """Return rows spread evenly along the first principal axis, to be graded first (Protege).

    Args:
        latents: Shape (n_galaxy, n_latent).
        n: Rows wanted, at most n_galaxy.
    """
    features = _features(latents).astype(np.float64)
    features -= features.mean(axis=0)
    axis = np.linalg.eigh(features.T @ features)[1][:, -1]
    order = np.argsort(features @ axis, kind="stable")
    return order[np.linspace(0, len(order) - 1, min(n, len(order))).round().astype(np.int64)]


def _features(latents: FloatArray) -> FloatArray:
    """Return latents scaled to unit spread, float32."""
    spread = latents.std(axis=0, dtype=np.float64)
    return (latents / np.where(spread > 0, spread, 1.0)).astype(np.float32)


def _predict(features: FloatArray, rows: IntArray, grades: FloatArray, *, seed: int) -> FloatArray:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(N_TREE, random_state=seed, n_jobs=1)
    forest.fit(features[rows], grades)
    trees = [tree.tree_ for tree in forest.estimators_]

    def mean(block: FloatArray) -> FloatArray:
        # Not forest.predict, which changes the process's filters of warnings: not from threads.
        total = np.zeros(len(block))
        for tree in trees:
            total += tree.predict(block)[:, 0]
        return total / len(trees)

    return _in_blocks(mean, features)


def _in_blocks(predict: Callable[[FloatArray], FloatArray], features: FloatArray) -> FloatArray:
    """Predict block after block, on all cores; the result does not depend on their number."""
    blocks = [features[at : at + ROWS_AT_ONCE] for at in range(0, len(features), ROWS_AT_ONCE)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return np.concatenate(list(pool.map(predict, blocks)))


def _scaled(raw: FloatArray) -> FloatArray:
    """Return scores scaled linearly to 0..5, NaN for NaN."""
    known = np.isfinite(raw)
    scaled = np.full(len(raw), np.nan)
    if known.any():
        low, high = raw[known].min(), raw[known].max()
        scaled[known] = TOP_GRADE * (raw[known] - low) / max(high - low, 1e-30)
    return scaled


def _ranked(raw: FloatArray) -> FloatArray:
    """Return 5 for the highest score down to 0 for the lowest, equal values alike, NaN for NaN."""
    known = np.isfinite(raw)
    ranked = np.full(len(raw), np.nan)
    values = raw[known]
    above = len(values) - np.searchsorted(np.sort(values), values, side="right")
    scale = np.log(max(len(values), 2))
    ranked[known] = TOP_GRADE * (1.0 - np.log1p(above) / scale)
    return ranked


def _check(latents: FloatArray, raw: FloatArray, rows: IntArray, grades: FloatArray) -> None:
    if len(latents) != len(raw) or not np.isfinite(latents).all():
        raise ValueError(
            f"latents must be finite, one row for each of {len(raw)} scores, got {latents.shape}"
        )
    if rows.shape != grades.shape or len(np.unique(rows)) != len(rows):
        raise ValueError(
            f"each labelled row must be given once, with one grade; got {len(rows)} rows "
            f"({len(np.unique(rows))} different) and {len(grades)} grades"
        )
    if len(rows) and not (0 <= rows.min() and rows.max() < len(raw)):
        raise ValueError(f"rows must lie in 0..{len(raw) - 1}, got {rows.min()}..{rows.max()}")
    if not ((grades >= 0) & (grades <= TOP_GRADE)).all():
        raise ValueError(f"grades must lie in 0..5, got {grades.min()}..{grades.max()}")
