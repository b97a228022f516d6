"""The outline of a box or lasso drawn on a figure, with few vertices: the address holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely

FINE = 1e-3
"""How far a lasso may lie from what was drawn, parts of its size; more if it would be too long."""
MOST_VERTICES = 100
N_DIGIT = 5
"""Digits kept of a lasso, beyond those of its size."""


def outline(shape: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """Return the corners of a box or lasso as Bokeh tells of it; none of another shape.

    A lasso has hundreds of vertices: those that matter are kept, since the address holds them.
    """
    if shape.get("type") == "rect":
        x0, x1, y0, y1 = (float(shape[name]) for name in ("x0", "x1", "y0", "y1"))
        return [x0, x1, x1, x0], [y0, y0, y1, y1]
    if shape.get("type") == "poly":
        return _simplified(list(shape["x"]), list(shape["y"]))
    return [], []


def _simplified(x: list[float], y: list[float]) -> tuple[list[float], list[float]]:
    """Return a polygon with at most `MOST_VERTICES`, rounded (Ramer, Douglas and Peucker)."""
    corners = np.column_stack([x, y]).astype(float)
    low, size = corners.min(axis=0), np.ptp(corners, axis=0)
    if not (np.isfinite(size) & (size > 0)).all():
        return x, y
    ring = shapely.LineString((np.vstack([corners, corners[:1]]) - low) / size)
    kept, tolerance = ring.simplify(FINE, preserve_topology=False), FINE
    while len(kept.coords) > MOST_VERTICES + 1:
        tolerance *= 2
        kept = ring.simplify(tolerance, preserve_topology=False)
    if len(kept.coords) < 4:
        return x, y
    digits = N_DIGIT - np.floor(np.log10(size)).astype(int)
    simple = low + size * np.array(kept.coords)[:-1]
    across, upwards = (
        [round(value, n_digit) for value in axis]
        for axis, n_digit in zip(simple.T.tolist(), digits.tolist(), strict=True)
    )
    return across, upwards
