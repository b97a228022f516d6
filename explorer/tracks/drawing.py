"""Drawing a track on the map: the widgets, and the track made of the path drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from explorer.components.wrapping import wrapping
from explorer.state.state import ExplorerState
from explorer.theme.text import PLAIN, SMALL, line
from explorer.tracks.result import track_maker
from model.tracks.track import Track

_HINTS = {
    "off": "Draw across the map: it is lifted to the latents and decoded.",
    "freehand": "Drag on the map from one region to another (Esc ends drawing).",
    "knots": "Click adds a point, double-click ends the path (Esc discards it).",
}


class DrawingTools(pn.viewable.Viewer):
    """Two toggles that say what dragging on the map draws, and a hint."""

    def __init__(self, state: ExplorerState) -> None:
        """Follow `state.drawing`."""
        super().__init__()
        self._state = state
        looks: dict[str, Any] = SMALL | {
            "variant": "outlined", "sx": PLAIN | {"padding": "5px 10px"},
        }  # fmt: skip
        self.freehand = pmui.Toggle(label="freehand", **looks)
        self.by_knots = pmui.Toggle(label="point by point", **looks)
        self.hint = line("", align="center")
        self._modes = {"freehand": self.freehand, "knots": self.by_knots}
        for mode, toggle in self._modes.items():
            toggle.param.watch(lambda event, mode=mode: self._choose(mode, event.new), "value")
        state.param.watch(lambda *_: self._follow(), "drawing")
        self._follow()

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the widgets in a row."""
        return wrapping(self.freehand, self.by_knots, self.hint)

    def _choose(self, mode: str, wanted: bool) -> None:
        if wanted:
            self._state.drawing = mode
        elif self._state.drawing == mode:
            self._state.drawing = "off"

    def _follow(self) -> None:
        for mode, toggle in self._modes.items():
            toggle.value = self._state.drawing == mode
        self.hint.object = _HINTS[self._state.drawing]


def drawn_track(state: ExplorerState) -> Callable[[], Track] | None:
    """Return what makes a track of the path on the map, or None where no path is on it."""
    dataset, path, plane, n_knot = state.dataset, state.path, state.plane, state.n_knot
    if path is None or path.plane != plane.key:
        return None

    def make() -> Track:
        return track_maker(dataset).drawn(
            path.vertices, plane.places, name="drawn", embedding=plane.key, n_knot=n_knot
        )

    return make
