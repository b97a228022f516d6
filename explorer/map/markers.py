"""Follows the state on the map: marks what is selected, hovered, highlighted and drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.arrays import IndexArray
from data.columns import SUMMARY
from explorer.map.geometry import TOLERANCE
from explorer.map.key import format_value
from explorer.map.marks import MapMarks
from explorer.state.guest import Guest, place_on
from explorer.state.state import ExplorerState
from explorer.theme.colour import PIN_COLOURS


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
        """Mark the selected object, its neighbours if asked for, and what the user brought."""
        state = self._state
        place = place_of(state)
        self._marks.put("selected", *(np.array(place).reshape(-1, 2).T))
        wanted = state.mark_neighbours or state.guest is not None
        self._mark("neighbours", state.near() if wanted else [])
        places = [guest.position(state.plane) for guest in state.guests]
        self._marks.put("guests", *np.array(places).reshape(-1, 2).T)

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
        pins = state.pinned_rows()
        self._mark("pins", pins, PIN_COLOURS[: len(pins)])
        region = state.region
        here = region is not None and region.get("plane") == key
        x, y = (list(region["x"]), list(region["y"])) if region and here else ([], [])
        self._marks.put("region", np.array(x + x[:1]), np.array(y + y[:1]))
        path = state.path
        here = path is not None and path.plane == key
        for name, points in (("path", path.vertices if path else None), ("knots", state.knots)):
            points = points if here and points is not None else np.empty((0, 2))
            self._marks.put(name, points[:, 0], points[:, 1])

    def _mark(self, name: str, rows: list[int] | IndexArray, colours: Sequence[str] = ()) -> None:
        plane = self._state.plane
        self._marks.put(name, plane.x[rows], plane.y[rows], colours=colours)


def place_of(state: ExplorerState) -> tuple[float, float] | tuple[()]:
    """Return where what is inspected lies on the plane shown; empty without it."""
    return () if state.chosen is None else place_on(state.plane, state.chosen)


def guest_at(
    state: ExplorerState, x: float, y: float, *, scale_x: float, scale_y: float
) -> Guest | None:
    """Return what the user brought and is marked nearest to a point, within `TOLERANCE` pixels.

    Args:
        state: The session.
        x: Point asked about, plane coordinates.
        y: Same.
        scale_x: Pixels per unit of x.
        scale_y: Pixels per unit of y.
    """
    best, nearest = None, TOLERANCE
    for guest in state.guests:
        at_x, at_y = guest.position(state.plane)
        distance = float(np.hypot((at_x - x) * scale_x, (at_y - y) * scale_y))
        if distance <= nearest:
            best, nearest = guest, distance
    return best


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
