"""How well neighbours tell a property: known objects are left out one by one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from data.arrays import FloatArray, IntArray
from model.splits import evenly

N_NEIGHBOUR = (8, 16, 32)
"""Numbers of neighbours tried."""
CENTRAL = (0.15865, 0.84135)
COVERED = 0.6827
"""Share of the objects that an interval holds: that of one standard deviation."""
MOST_LEFT_OUT = 5000
"""Known objects left out, one by one, to calibrate the intervals."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What leaving out known objects one by one says.

    Attributes:
        n_known: Objects with a known value.
        n_neighbour: Neighbours that do best.
        stretch: Factor by which the neighbours' spread is stretched.
        scatter: 1.4826 times the median absolute error.
        explained: Share of the variance that the estimates explain (R^2).
        coverage: Share of every second object inside its interval, stretched by the others'.
    """

    n_known: int
    n_neighbour: int
    stretch: float
    scatter: float
    explained: float
    coverage: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self)


def calibrate(tree: KDTree, values: FloatArray, floor: float, variance: float) -> Calibration:
    """Leave out known objects one by one; `variance` is that of the property itself."""
    rows = evenly(np.arange(len(values)), MOST_LEFT_OUT)
    around = values[others(tree, tree.data[rows], max(N_NEIGHBOUR))]
    truth, best = values[rows], None
    for k in N_NEIGHBOUR:
        value, spread = median_and_spread(around[:, :k], floor)
        error = truth - value
        if best is None or np.abs(error).mean() < np.abs(best[1]).mean():
            best = k, error, np.abs(error) / spread
    assert best is not None
    k, error, stretched = best
    half = np.quantile(stretched[::2], COVERED)
    return Calibration(
        n_known=len(values),
        n_neighbour=k,
        stretch=float(np.quantile(stretched, COVERED)),
        scatter=float(1.4826 * np.median(np.abs(error))),
        explained=float(1 - np.mean(error**2) / variance),
        coverage=float(np.mean(stretched[1::2] <= half)),
    )


def median_and_spread(around: FloatArray, floor: float) -> tuple[FloatArray, FloatArray]:
    """Return median of neighbours' values and half the width of their central 68.3 %."""
    low, value, high = np.quantile(around, (CENTRAL[0], 0.5, CENTRAL[1]), axis=1)
    return value, np.maximum((high - low) / 2, floor)


def others(tree: KDTree, points: FloatArray, k: int) -> IntArray:
    """Return the `k` nearest objects of each point, without the point itself, shape (n, k).

    An object at distance 0 is the object itself, or its copy.
    """
    found: Any = tree.query(points, k=k + 1, workers=-1)
    near, rows = found
    own = near[:, 0] == 0
    return np.where(own[:, None], rows[:, 1:], rows[:, :-1])
