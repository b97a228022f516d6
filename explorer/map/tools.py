"""What the mouse does on the map: tools of its toolbar, and news of pointer and ranges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bokeh.models import (
    BoxSelectTool,
    ColumnDataSource,
    CustomJS,
    FreehandDrawTool,
    LassoSelectTool,
    PanTool,
    ResetTool,
    WheelZoomTool,
)

_POINTER_JS = """
if (pointer._buttons == null) {
  const follow = (event) => { pointer._buttons = event.buttons; };
  window.addEventListener('pointermove', follow, true);
  pointer._buttons = 0;
}
if (pointer._buttons > 0) return;  // dragging, not looking
pointer._next = {x: [cb_obj.x], y: [cb_obj.y]};
if (pointer._timer == null) {
  pointer._timer = setTimeout(() => {
    pointer._timer = null;
    pointer.data = pointer._next;
  }, 50);
}
"""
_RANGES_JS = """
const send = () => {
  ranges._timer = setTimeout(() => {
    ranges._timer = null;
    if (ranges._late) { ranges._late = false; send(); }
  }, 60);
  const {x_range, y_range} = plot;
  ranges.data = {x: [x_range.start, x_range.end], y: [y_range.start, y_range.end]};
};
if (ranges._timer == null) { ranges._timer = 0; queueMicrotask(send); }
else ranges._late = true;
"""
"""Bokeh itself tells of a zoom half a second after it, of a pan when it ends."""
Listener = Callable[[str, Any, Any], None]
"""Hears of a changed property: its name, the old value, the new one."""


class MapTools:
    """The tools of a map's figure.

    Attributes:
        draft: What is being drawn; `xs`, `ys` of its data source.
    """

    def __init__(self, figure: Any) -> None:  # noqa: ANN401 - Bokeh's figure
        """Add the tools; dragging moves the map."""
        self._figure = figure
        self.draft = figure.multi_line(
            "xs", "ys", source=ColumnDataSource({"xs": [], "ys": []}), line_width=2.5,
            line_cap="round", level="overlay",
        )  # fmt: skip
        drafts: list[Any] = [self.draft]
        self._pan = PanTool()
        self._freehand = FreehandDrawTool(renderers=drafts, num_objects=1, visible=False)
        wheel = WheelZoomTool(zoom_on_axis=False)
        lasso = LassoSelectTool(persistent=False, continuous=False)
        box = BoxSelectTool(persistent=False, continuous=False)
        figure.add_tools(self._pan, wheel, box, lasso, self._freehand, ResetTool())
        figure.toolbar.update(active_drag=self._pan, active_scroll=wheel, active_tap=None)

    def arm(self, drawing: str) -> None:
        """Let dragging on the map draw (`freehand`), or move it again (`knots`, `off`)."""
        self.draft.data_source.data = {"xs": [], "ys": []}
        self._figure.toolbar.active_drag = self._freehand if drawing == "freehand" else self._pan

    def on_pointer(self, listener: Listener) -> ColumnDataSource:
        """Tell a listener where the pointer is (`x`, `y` of the data), while nothing is dragged."""
        pointer = ColumnDataSource({"x": [], "y": []})
        pointer.on_change("data", listener)
        script = CustomJS(args={"pointer": pointer}, code=_POINTER_JS)
        self._figure.js_on_event("mousemove", script)
        return pointer

    def on_moving(self, listener: Listener) -> ColumnDataSource:
        """Tell a listener the ranges (`x`, `y` of the data) while they change."""
        ranges = ColumnDataSource({"x": [], "y": []})
        ranges.on_change("data", listener)
        follow = CustomJS(args={"ranges": ranges, "plot": self._figure}, code=_RANGES_JS)
        for axis in (self._figure.x_range, self._figure.y_range):
            for end in ("start", "end"):
                axis.js_on_change(end, follow)
        return ranges
