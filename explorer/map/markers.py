"""Follows the state on the map: marks what is selected, hovered, highlighted and drawn."""

from __future__ import annotations

import numpy as np

from data.arrays import IndexArray
from data.columns import SUMMARY
from explorer.map.key import format_value
from explorer.map.marks import MapMarks
from explorer.state.state import ExplorerState


class MapMarkers:
    """Puts the marks of a map where the state says."""

    def __init__(self, state: ExplorerState, marks: MapMarks) -> None:
        """Start without a mark.

        Args:
            state: The session.
            marks: On the map's figure.
        """
        self._state, self._marks = state, marks

    def mark_selected(self) -> None:
        """Mark the selected object, and its neighbours if they are asked for."""
        state, row = self._state, self._state.selected
        self._mark("selected", [] if row is None else [row])
        near = state.neighbours(row) if row is not None and state.mark_neighbours else []
        self._mark("neighbours", near)

    def mark_hovered(self, view: tuple[float, float, float, float]) -> None:
        """Mark the object under the pointer and tell its facts, inside the view."""
        state, row = self._state, self._state.hovered
        self._mark("hovered", [] if row is None else [row])
        if row is None:
            self._marks.label.visible = False
            return
        x, y = float(state.plane.x[row]), float(state.plane.y[row])
        self._marks.tell(hover_text(state, row), x=x, y=y, view=view)

    def mark_others(self) -> None:
        """Mark highlighted objects, the box or lasso, and the track."""
        state, key = self._state, self._state.plane.key
        self._mark("highlight", state.highlight)
        region = state.region
        here = region is not None and region["plane"] == key
        x, y = (list(region["x"]), list(region["y"])) if region and here else ([], [])
        self._marks.put("region", np.array(x + x[:1]), np.array(y + y[:1]))
        path = state.path
        here = path is not None and path.plane == key
        for name, points in (("path", path.vertices if path else None), ("knots", state.knots)):
            points = points if here and points is not None else np.empty((0, 2))
            self._marks.put(name, points[:, 0], points[:, 1])

    def _mark(self, name: str, rows: list[int] | IndexArray) -> None:
        plane = self._state.plane
        self._marks.put(name, plane.x[rows], plane.y[rows])


def hover_text(state: ExplorerState, row: int) -> str:
    """Return the facts shown beside the pointer, as plain text."""
    dataset = state.dataset
    lines = [str(dataset.ids[row])]
    for column in dict.fromkeys([*SUMMARY, state.colour]):
        if column in dataset.numeric_columns:
            value = float(dataset.numeric(column)[row])
            text = format_value(value) if np.isfinite(value) else "none"
        elif column in dataset.class_columns:
            cell = dataset.catalog[column].iloc[row]
            text = cell[:40] if isinstance(cell, str) else ""
        else:
            continue
        if text.strip():
            lines.append(f"{dataset.label(column)}  {text}")
    return "\n".join(lines)
