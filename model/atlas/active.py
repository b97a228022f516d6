"""Re-ranks outliers by the grades a person gave to some of them (Astronomaly).

    score = relearn(latents, raw, rows=labelled, grades=grades, seed=0)

The rule is that of Lochner & Bassett (2021, Astronomy and Computing 36, 100481):
a random forest learns the grade from the latents, and the raw score is multiplied by
tanh(exp(alpha d) - 1 + artanh(f)), which follows the forest near labelled objects (d, the
distance to the nearest of them over its mean, is small) and leaves the raw score elsewhere.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree
from sklearn.ensemble import RandomForestRegressor

from data.arrays import FloatArray, IntArray

TOP_GRADE = 5.0
MIN_GRADE, LOWEST, SPAN = 0.1, 0.1, 0.85
"""Grades are clipped to 0.1 .. 5, and f runs from 0.1 to 0.95 (Astronomaly's defaults)."""
N_TREE = 200
ROWS_AT_ONCE = 65_536


def relearn(
    latents: FloatArray,
    raw: FloatArray,
    *,
    rows: IntArray,
    grades: FloatArray,
    seed: int,
    alpha: float = 1.0,
) -> FloatArray:
    """Return scores that follow the labels near labelled objects and `raw` far from them.

    Only the latents are features, scaled to unit spread: neither a score nor an earlier result
    of this function feeds back. The raw score enters by its rank r among n, as 5 log(n/r)/log(n):
    one huge value does not make all others alike, and the top of the list stays spread out.

    Args:
        latents: Finite, shape (n_galaxy, n_latent).
        raw: Scores, higher is stranger, shape (n_galaxy,); NaN where there is none.
        rows: Labelled rows, shape (n_label,).
        grades: Their grades, 0 to 5, shape (n_label,).
        seed: Seed of the forest.
        alpha: How quickly the influence of labels falls with distance.

    Returns:
        Scores from 0 to 5, float32, NaN where `raw` is, shape (n_galaxy,).

    Raises:
        ValueError: The labels do not fit, or latents are not finite.
    """
    rows, grades = np.asarray(rows, dtype=np.int64), np.asarray(grades, dtype=float)
    _check(latents, raw, rows, grades)
    base = _ranked(raw)
    if len(rows) == 0:
        return base.astype(np.float32)
    spread = latents.std(axis=0, dtype=np.float64)
    features = (latents / np.where(spread > 0, spread, 1.0)).astype(np.float32)
    grade = _predict(features, rows, grades, seed=seed).clip(MIN_GRADE, TOP_GRADE)
    distance, _ = KDTree(features[rows]).query(features)
    mean = float(distance.mean())
    reach = np.minimum(alpha * distance / mean, 10.0) if mean > 0 else np.zeros(len(features))
    trust = LOWEST + SPAN * grade / TOP_GRADE
    return (base * np.tanh(np.expm1(reach) + np.arctanh(trust))).astype(np.float32)


def _predict(features: FloatArray, rows: IntArray, grades: FloatArray, *, seed: int) -> FloatArray:
    forest = RandomForestRegressor(N_TREE, random_state=seed, n_jobs=1)
    forest.fit(features[rows], grades)
    blocks = range(0, len(features), ROWS_AT_ONCE)
    return np.concatenate([forest.predict(features[at : at + ROWS_AT_ONCE]) for at in blocks])


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
