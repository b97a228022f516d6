"""Where things are on the map: the view that shows all, the object nearest to the pointer."""

from __future__ import annotations

import numpy as np

from data.arrays import BoolArray
from explorer.state.plane import Plane
from model.latent_axes import bulk

TOLERANCE = 12.0
"""How far from an object a click may land, pixels."""
PADDING = 0.04
"""Empty margin around the objects, part of the width."""
MAX_STRETCH = 1.6
"""How far the scales of the two axes of an embedding may differ, to fill the figure."""


BULK = (0.1, 99.9)
"""Percentiles that a plane of long tails shows at least..."""
REACH = 6.0
"""...unless they are more than so many times as far from the median as 68 % of the objects."""


def home_view(
    plane: Plane, *, aspect: float | None, tails: bool = True
) -> tuple[float, float, float, float]:
    """Return x0, x1, y0, y1 that show all objects, or their bulk.

    Args:
        plane: The plane.
        tails: Whether the objects far from all others are shown too.
        aspect: Width over height of the figure, to keep the scales of the axes within
            `MAX_STRETCH` of each other; None to fill it.
    """
    known = plane.known
    if not known.any():
        return 0.0, 1.0, 0.0, 1.0
    ends = []
    for values in (plane.x, plane.y) if known.all() else (plane.x[known], plane.y[known]):
        low, high = float(values.min()), float(values.max())
        if not tails:
            low, high = (float(end) for end in bulk(values, percentiles=BULK, reach=REACH))
        pad = PADDING * (high - low) or 1.0
        ends += [low - pad, high + pad]
    x0, x1, y0, y1 = ends
    if aspect is not None:
        tallest, widest = aspect / MAX_STRETCH, aspect * MAX_STRETCH
        width, height = max(x1 - x0, (y1 - y0) * tallest), max(y1 - y0, (x1 - x0) / widest)
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        x0, x1, y0, y1 = x - width / 2, x + width / 2, y - height / 2, y + height / 2
    return x0, x1, y0, y1


def nearest_object(
    plane: Plane, *, x: float, y: float, scale_x: float, scale_y: float, shown: BoolArray | None
) -> int | None:
    """Return the row of the object nearest on screen, within `TOLERANCE` pixels, or None.

    Args:
        plane: The plane.
        x: Point asked about, plane coordinates.
        y: Same.
        scale_x: Pixels per unit of x.
        scale_y: Pixels per unit of y.
        shown: Mask of objects drawn; None = all.
    """
    for reach in (TOLERANCE / 6, TOLERANCE):  # where many are, the nearest is near
        x_reach, y_reach = reach / scale_x, reach / scale_y
        rows = plane.index.near(x - x_reach, x + x_reach, y - y_reach, y + y_reach)
        if shown is not None:
            rows = rows[shown[rows]]
        distance = np.hypot((plane.x[rows] - x) * scale_x, (plane.y[rows] - y) * scale_y)
        near = np.flatnonzero(distance <= reach)
        if len(near):
            closest = near[distance[near] == distance[near].min()]
            return int(rows[closest].min())
    return None


def centred(
    view: tuple[float, float, float, float], x: float, y: float
) -> tuple[float, float, float, float] | None:
    """Return a view (x0, x1, y0, y1) moved so that a point is its middle; None if it shows it."""
    x0, x1, y0, y1 = view
    if not (np.isfinite(x) and np.isfinite(y)) or (x0 <= x <= x1 and y0 <= y <= y1):
        return None
    half_x, half_y = (x1 - x0) / 2, (y1 - y0) / 2
    return x - half_x, x + half_x, y - half_y, y + half_y
