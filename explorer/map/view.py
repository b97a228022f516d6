"""The map: a datashaded plane of the latent space, with what is selected marked on it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import panel as pn
from bokeh.events import DoubleTap, MouseLeave, RangesUpdate, Reset, SelectionGeometry, Tap
from bokeh.models import Range1d

from data.arrays import FloatArray
from explorer.map.geometry import centred, home_view, nearest_object
from explorer.map.image import MapRequest
from explorer.map.markers import MapMarkers, guest_at, place_of
from explorer.map.marks import MapMarks
from explorer.map.outline import outline
from explorer.map.picture import MapPicture, View
from explorer.map.point_by_point import PointByPoint
from explorer.map.raster import Viewport
from explorer.map.tools import MapTools
from explorer.server.latest import Latest
from explorer.server.messages import together
from explorer.state.path import Path
from explorer.state.plane import AXES, LATENTS
from explorer.state.state import ExplorerState
from explorer.theme.theme import ink, inner_size, new_figure, paint


class MapView(pn.viewable.Viewer):
    """The map of all objects; click, hover, box, lasso and drawing write to the state."""

    def __init__(self, state: ExplorerState) -> None:
        """Make the figure; it is drawn when the browser says how large it is, or by `open`."""
        super().__init__()
        self._state = state
        self._indexing = Latest()
        self.figure = new_figure(
            name="map", x_range=Range1d(start=0, end=1), y_range=Range1d(start=0, end=1), tools=[],
            toolbar_location="right",
        )  # fmt: skip
        self.picture = MapPicture(state, self.figure)
        self.image = self.picture.source
        self.marks = MapMarks(self.figure)
        self._markers = MapMarkers(state, self.marks)
        assert self.picture.key is not None
        self.key = self.picture.key
        self._limits: View = (0.0, 1.0, 0.0, 1.0)
        self._tools = MapTools(self.figure)
        self._points = PointByPoint(self._tools.draft.data_source, self._draw_path)
        self._listen()
        self._change_plane()
        self._repaint()

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the figure as a pane."""
        return pn.pane.Bokeh(self.figure, sizing_mode="stretch_both", margin=0)

    def _listen(self) -> None:
        fig, state = self.figure, self._state
        fig.on_change("inner_width", self._on_resize)
        fig.on_change("inner_height", self._on_resize)
        fig.on_event(RangesUpdate, self._on_ranges)
        self.ranges = self._tools.on_moving(self._on_moving)
        fig.on_event(Reset, lambda _event: self._go_home())
        fig.on_event(Tap, self._on_tap)
        fig.on_event(DoubleTap, self._on_double_tap)
        fig.on_event(SelectionGeometry, self._on_geometry)
        fig.on_event(MouseLeave, lambda _event: state.param.update(hovered=None))
        self.pointer = self._tools.on_pointer(self._on_pointer)
        self._tools.draft.data_source.on_change("data", self._on_draft)
        looks = ["colour", "colour_scale", "clip", "palette", "shown", "subset"]
        plane = ["embedding", "latent_x", "latent_y"]
        marked = ["selected", "guest", "guests", "mark_neighbours", "n_neighbours"]
        others = ["highlight", "pins", "region", "path", "knots"]
        for names, react in (
            (looks, self.redraw),
            (plane, self._change_plane),
            (["added"], self._follow_added),
            (["view"], self._follow_view),
            (["dark"], self._repaint),
            (marked, self._markers.mark_selected),
            (["selected", "guest"], self._bring_into_view),
            (["hovered"], lambda: self._markers.mark_hovered(self._limits)),
            (others, self._markers.mark_others),
            (["drawing"], self._arm),
        ):
            state.param.watch(lambda *_, react=react: react(), names)

    # What the user does.

    def _on_resize(self, _name: str, old: object, new: object) -> None:
        if old != new and inner_size(self.figure) is not None:
            self._go_home() if self._state.view is None else self.redraw()

    def _on_moving(self, _name: str, _old: object, new: Any) -> None:  # noqa: ANN401
        shown = (*new["x"], *new["y"])
        if shown != self._limits:
            self._limits = shown
            self.redraw()

    def _on_ranges(self, event: Any) -> None:  # noqa: ANN401 - Bokeh's event
        self._limits = (event.x0, event.x1, event.y0, event.y1)
        self._state.view = self._limits

    def _on_tap(self, event: Any) -> None:  # noqa: ANN401
        if event.x is None or event.y is None or self._state.drawing == "freehand":
            return
        if self._state.drawing == "knots":
            self._points.add(event.x, event.y)
            return
        scale_x, scale_y = self._scales()
        guest = guest_at(self._state, event.x, event.y, scale_x=scale_x, scale_y=scale_y)
        if guest is not None:
            with together():
                self._state.choose(guest)
            return
        find = self.finder(event.x, event.y)
        if self._state.plane.indexed:
            self._select(find())
        else:  # the first click may come before the index is there
            self._indexing.submit(find, self._select)

    def _on_double_tap(self, _event: object) -> None:
        if self._state.drawing == "knots":
            self._points.end()

    def _arm(self) -> None:
        self._points.discard()
        self._tools.arm(self._state.drawing)

    def _select(self, row: int | None) -> None:
        if row is not None:
            with together():
                self._state.selected = row

    def _on_pointer(self, _name: str, _old: object, new: Any) -> None:  # noqa: ANN401
        if self._state.plane.indexed:
            with together():
                self._state.hovered = self.finder(new["x"][0], new["y"][0])()

    def _on_geometry(self, event: Any) -> None:  # noqa: ANN401
        x, y = outline(event.geometry or {})
        if event.final and len(x) >= 3:
            with together():
                self._state.region = {"plane": self._state.plane.key, "x": x, "y": y}

    def _on_draft(self, _name: str, _old: object, new: Any) -> None:  # noqa: ANN401
        freehand = self._state.drawing == "freehand"
        if freehand and len(new["xs"]) and len(new["xs"][-1]) >= 2:
            self._draw_path(np.column_stack([new["xs"][-1], new["ys"][-1]]).astype(float))

    def _draw_path(self, vertices: FloatArray) -> None:
        with together():
            self._state.path = Path(vertices, self._state.plane.key, "drawn")

    # What follows from the state.

    def finder(self, x: float, y: float) -> Callable[[], int | None]:
        """Return what finds the object drawn nearest to a point, within a few pixels."""
        scale_x, scale_y = self._scales()
        return partial(
            nearest_object, self._state.plane, x=x, y=y, scale_x=scale_x, scale_y=scale_y,
            shown=self._state.shown,
        )  # fmt: skip

    def _scales(self) -> tuple[float, float]:
        """Return the pixels per unit of each axis."""
        width, height = inner_size(self.figure) or (1, 1)
        x0, x1, y0, y1 = self._limits
        return width / (x1 - x0), height / (y1 - y0)

    def _set_view(self, view: View) -> None:
        if view != self._limits:
            self._limits = view
            self.figure.x_range.update(start=view[0], end=view[1])
            self.figure.y_range.update(start=view[2], end=view[3])
        self.picture.draw(view, again=False)

    def _follow_added(self) -> None:
        if self._state.colour in self._state.dataset.added:
            self.redraw()

    def _follow_view(self) -> None:
        self._go_home() if self._state.view is None else self._set_view(self._state.view)

    def _go_home(self) -> None:
        """Show the whole plane; of latents the bulk, whose tails would leave it a few pixels."""
        if self._state.view is not None:
            self._state.view = None  # comes back here
            return
        size = inner_size(self.figure)
        aspect, of_latents = None, self._state.embedding in (LATENTS, AXES)
        if size is not None and not of_latents:
            aspect = size[0] / size[1]
        self._set_view(home_view(self._state.plane, aspect=aspect, tails=not of_latents))

    def _change_plane(self) -> None:
        plane = self._state.plane
        self._indexing.submit(lambda: plane.index, lambda _index: None)
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = plane.x_label, plane.y_label
        has_unit = self._state.embedding in (LATENTS, AXES)
        for part in (*self.figure.axis, *self.figure.grid):
            part.visible = has_unit
        self._state.hovered = None
        self._points.discard()
        self._markers.mark_selected()
        self._markers.mark_others()
        self._go_home()

    def open(self) -> None:
        """Show the last session's initial image if nothing is filtered or zoomed."""
        image = self.picture.initial()
        if image is not None:
            view = image.viewport
            self._set_view((view.x0, view.x1, view.y0, view.y1))
            self.picture.open(image)

    @property
    def opened(self) -> bool:
        """Whether the image of `open` is what the map should show now."""
        return self.picture.opened(self._limits)

    def leave(self) -> None:
        """Keep the image for the next session, if nothing is filtered or zoomed."""
        self.picture.leave()

    def redraw(self) -> None:
        """Ask for a new image."""
        self.picture.draw(self._limits)

    def on_screen(self) -> tuple[MapRequest, Viewport] | None:
        """Return what the map shows now; None before it is on a screen."""
        return self.picture.on_screen(self._limits)

    def _bring_into_view(self) -> None:
        """Move the map to the selected object, if it lies outside."""
        place = place_of(self._state)
        view = centred(self._limits, *place) if place else None
        if view is not None:
            self._state.view = view

    def _repaint(self) -> None:
        dark = self._state.dark
        paint(self.figure, dark=dark)
        self.marks.paint(dark=dark)
        self.key.paint(dark=dark)
        self._tools.draft.glyph.line_color = ink(dark).model
        self.redraw()
