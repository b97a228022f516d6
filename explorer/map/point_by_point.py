"""Drawing a path on the map point by point: a click adds one, a double-click ends the path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from data.arrays import FloatArray


class PointByPoint:
    """The points clicked so far, shown as a line."""

    def __init__(self, source: Any, on_path: Callable[[FloatArray], None]) -> None:  # noqa: ANN401
        """Start without points.

        Args:
            source: Data source (`xs`, `ys`) of the line.
            on_path: Called with the points of a finished path, shape (n_point, 2).
        """
        self._source, self._on_path = source, on_path
        self._points: list[tuple[float, float]] = []

    def add(self, x: float, y: float) -> None:
        """Add a point; each click of a double-click tells of the same one."""
        if not self._points or (x, y) != self._points[-1]:
            self._points.append((x, y))
            self._show()

    def end(self) -> None:
        """Hand over the path, if it has two points at least."""
        points, self._points = self._points, []
        if len(points) >= 2:
            self._on_path(np.array(points))
        self._show()

    def discard(self) -> None:
        """Forget the points."""
        self._points = []
        self._show()

    def _show(self) -> None:
        # A line needs two points; with round ends one that has no length is a dot.
        points = self._points * 2 if len(self._points) == 1 else self._points
        x, y = ([[point[axis] for point in points]] if points else [] for axis in (0, 1))
        self._source.data = {"xs": x, "ys": y}
