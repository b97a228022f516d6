"""The map: a datashaded plane of the latent space, with what is selected marked on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.events import MouseLeave, RangesUpdate, Reset, SelectionGeometry, Tap
from bokeh.models import (
    BoxSelectTool,
    ColorBar,
    ColumnDataSource,
    CustomJS,
    FixedTicker,
    FreehandDrawTool,
    Label,
    LassoSelectTool,
    Legend,
    LegendItem,
    LinearColorMapper,
    PanTool,
    PolyDrawTool,
    Range1d,
    ResetTool,
    WheelZoomTool,
)
from numpy.typing import NDArray

from explorer.background import Latest
from explorer.colour import OKABE_ITO, OTHER, PALETTES, Scale, class_colours
from explorer.dataset import DENSITY, LATENTS, Plane
from explorer.map_image import MapImage, MapRequest, draw_map
from explorer.raster import Viewport
from explorer.state import ExplorerState
from explorer.theme import ink, inner_size, new_figure, paint

TOLERANCE = 12.0
"""How far from an object a click may land, pixels."""
PADDING = 0.04
"""Empty margin around the objects, part of the width."""
MAX_STRETCH = 1.6
"""How far the scales of the two axes of an embedding may differ, to fill the figure."""
KEY_SIZE = len(OKABE_ITO) + 1

_POINTER_JS = """
const now = performance.now();
pointer._next = {x: [cb_obj.x], y: [cb_obj.y]};
if (pointer._timer == null) {
  pointer._timer = setTimeout(() => {
    pointer._timer = null;
    pointer.data = pointer._next;
  }, 50);
}
"""


class MapView(pn.viewable.Viewer):
    """The map of all objects; click, hover, box, lasso and drawing write to the state."""

    def __init__(self, state: ExplorerState) -> None:
        """Make the figure; it is drawn when the browser says how large it is."""
        super().__init__()
        self._state = state
        self._drawing = Latest()
        self._hovering = Latest()
        self.figure = new_figure(
            name="map",
            x_range=Range1d(start=0, end=1),
            y_range=Range1d(start=0, end=1),
            tools=[],
            lod_threshold=None,
        )
        self.image = ColumnDataSource(
            {name: [] for name in ("image", "x", "y", "dw", "dh")}, name="map image"
        )
        self.figure.image_rgba("image", "x", "y", "dw", "dh", source=self.image)
        self._home: tuple[float, float, float, float] | None = None
        self._add_marks()
        self._add_tools()
        self._add_key()
        self._listen()
        self._go_home()
        self._repaint()

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the figure as a pane."""
        return pn.pane.Bokeh(self.figure, sizing_mode="stretch_both", margin=0)

    # What is on the figure.

    def _add_marks(self) -> None:
        empty = {"x": [], "y": []}
        self.marks = {
            name: ColumnDataSource(dict(empty), name=f"map {name}")
            for name in (
                "region",
                "path",
                "knots",
                "highlight",
                "neighbours",
                "selected",
                "hovered",
            )
        }
        fig, marks = self.figure, self.marks
        self._inks: list[tuple[Any, str, str]] = []  # glyph, property, name of the ink

        def rings(name: str, *, size: int, width: float, colour: str, marker: str) -> None:
            for line_width, role in ((width + 2.5, "halo"), (width, colour)):
                glyph = fig.scatter(
                    "x", "y", source=marks[name], size=size, fill_color=None, marker=marker,
                    line_width=line_width, line_alpha=0.9,
                ).glyph  # fmt: skip
                self._inks.append((glyph, "line_color", role))

        def outline(name: str, *, width: float, dash: str, colour: str) -> None:
            for line_width, role in ((width + 2.5, "halo"), (width, colour)):
                glyph = fig.line(
                    "x", "y", source=marks[name], line_width=line_width, line_dash=dash,
                ).glyph  # fmt: skip
                self._inks.append((glyph, "line_color", role))

        outline("region", width=1.5, dash="dashed", colour="accent")
        outline("path", width=2.0, dash="solid", colour="model")
        rings("knots", size=9, width=2.0, colour="model", marker="circle")
        rings("highlight", size=9, width=1.5, colour="highlight", marker="circle")
        rings("neighbours", size=10, width=1.5, colour="accent", marker="square")
        rings("hovered", size=12, width=1.0, colour="accent", marker="circle")
        rings("selected", size=18, width=2.0, colour="accent", marker="circle")
        self.label = Label(
            name="map hover",
            x=0, y=0, text="", visible=False, text_font_size="11px", padding=5, border_radius=3,
            text_line_height=1.3, level="overlay",
        )  # fmt: skip
        fig.add_layout(self.label)

    def _add_tools(self) -> None:
        fig = self.figure
        self._draft = fig.multi_line(
            "xs", "ys", source=ColumnDataSource({"xs": [], "ys": []}), line_width=2.5
        )
        self._inks.append((self._draft.glyph, "line_color", "model"))
        self._pan, self._wheel = PanTool(), WheelZoomTool(zoom_on_axis=False)
        self._box = BoxSelectTool(persistent=False, continuous=False)
        self._lasso = LassoSelectTool(persistent=False, continuous=False)
        self._freehand = FreehandDrawTool(renderers=[self._draft], num_objects=1)
        self._knots = PolyDrawTool(renderers=[self._draft], num_objects=1)
        fig.add_tools(
            self._pan, self._wheel, self._box, self._lasso, self._freehand, self._knots, ResetTool()
        )
        fig.toolbar_location = "right"
        fig.toolbar.update(active_drag=self._pan, active_scroll=self._wheel, active_tap=None)

    def _add_key(self) -> None:
        self._mapper = LinearColorMapper(palette=PALETTES["viridis"], low=0.0, high=1.0)
        self._ticker = FixedTicker(ticks=[])
        self.colour_bar = ColorBar(
            color_mapper=self._mapper, ticker=self._ticker, orientation="horizontal",
            location="bottom_right", width=200, height=9, padding=14, margin=4, title_standoff=4,
            title_text_font_style="normal", title_text_font_size="11px",
            major_label_text_font_size="10px", major_tick_line_color=None, border_line_color=None,
            background_fill_alpha=0.75,
        )  # fmt: skip
        self.figure.add_layout(self.colour_bar)
        self._swatches = [
            self.figure.scatter("x", "y", source=ColumnDataSource({"x": [], "y": []}), size=9)
            for _ in range(KEY_SIZE)
        ]
        self.key = Legend(
            items=[], location="bottom_right", label_text_font_size="11px", spacing=1, padding=6,
            glyph_height=14, glyph_width=14, label_height=14, label_standoff=4,
        )  # fmt: skip
        self.figure.add_layout(self.key)

    # What happens.

    def _listen(self) -> None:
        fig, state = self.figure, self._state
        fig.on_change("inner_width", self._on_resize)
        fig.on_change("inner_height", self._on_resize)
        fig.on_event(RangesUpdate, self._on_ranges)
        fig.on_event(Reset, lambda _event: self._go_home())
        fig.on_event(Tap, self._on_tap)
        fig.on_event(SelectionGeometry, self._on_geometry)
        fig.on_event(MouseLeave, lambda _event: state.param.update(hovered=None))
        self.pointer = ColumnDataSource({"x": [], "y": []})
        self.pointer.on_change("data", self._on_pointer)
        fig.js_on_event("mousemove", CustomJS(args={"pointer": self.pointer}, code=_POINTER_JS))
        self._draft.data_source.on_change("data", self._on_draft)
        looks = ["colour", "colour_scale", "clip", "palette", "shown", "subset"]
        state.param.watch(lambda *_: self._request(), looks)
        state.param.watch(lambda *_: self._go_home(), ["embedding", "latent_x", "latent_y"])
        state.param.watch(lambda *_: self._repaint(), ["dark"])
        state.param.watch(lambda *_: self._mark_selected(), ["selected", "mark_neighbours"])
        state.param.watch(lambda *_: self._mark_hovered(), ["hovered"])
        state.param.watch(lambda *_: self._mark_others(), ["highlight", "region", "path", "knots"])
        state.param.watch(lambda *_: self._arm(), ["drawing"])

    def _on_resize(self, _name: str, old: int, new: int) -> None:
        if old != new and inner_size(self.figure) is not None:
            self._go_home() if self.image.data["image"] == [] else self._request()

    def _on_ranges(self, event: RangesUpdate) -> None:
        self._state.view = (event.x0, event.x1, event.y0, event.y1)
        self._request()

    def _on_tap(self, event: Tap) -> None:
        if self._state.drawing == "off" and event.x is not None and event.y is not None:
            row = self.nearest(event.x, event.y)
            if row is not None:
                self._state.selected = row

    def _on_pointer(self, _name: str, _old: object, new: dict[str, list[float]]) -> None:
        x, y = new["x"][0], new["y"][0]
        self._hovering.submit(
            lambda: self.nearest(x, y), lambda row: self._state.param.update(hovered=row)
        )

    def _on_geometry(self, event: SelectionGeometry) -> None:
        shape = event.geometry
        if shape.get("type") == "rect":
            x = [shape["x0"], shape["x1"], shape["x1"], shape["x0"]]
            y = [shape["y0"], shape["y0"], shape["y1"], shape["y1"]]
        elif shape.get("type") == "poly":
            x, y = list(shape["x"]), list(shape["y"])
        else:
            return
        if event.final and len(x) >= 3:
            self._state.region = {"plane": self._state.plane.key, "x": x, "y": y}

    def _on_draft(self, _name: str, _old: object, new: dict[str, list[Any]]) -> None:
        if len(new["xs"]) and len(new["xs"][-1]) >= 2:
            path = np.column_stack([new["xs"][-1], new["ys"][-1]]).astype(float)
            self._state.param.update(path=path, path_plane=self._state.plane.key)

    # What follows from the state.

    def nearest(self, x: float, y: float) -> int | None:
        """Return the row of the object drawn nearest to a point, within `TOLERANCE` pixels."""
        size = inner_size(self.figure)
        view = self._view()
        if size is None:
            return None
        scale_x, scale_y = size[0] / (view[1] - view[0]), size[1] / (view[3] - view[2])
        return nearest_object(
            self._state.plane, x=x, y=y, scale_x=scale_x, scale_y=scale_y, shown=self._state.shown
        )

    def _view(self) -> tuple[float, float, float, float]:
        x, y = self.figure.x_range, self.figure.y_range
        return float(x.start), float(x.end), float(y.start), float(y.end)  # type: ignore[union-attr]

    def _go_home(self) -> None:
        """Show the whole plane."""
        plane, size = self._state.plane, inner_size(self.figure)
        x0, x1, y0, y1 = home_view(
            plane, aspect=None if self._state.embedding == LATENTS or size is None
            else size[0] / size[1],
        )  # fmt: skip
        self.figure.x_range.update(start=x0, end=x1)
        self.figure.y_range.update(start=y0, end=y1)
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = plane.x_label, plane.y_label
        has_unit = self._state.embedding == LATENTS
        for part in (*self.figure.axis, *self.figure.grid):
            part.visible = has_unit
        self._state.view = None
        self._mark_selected()
        self._mark_hovered()
        self._mark_others()
        self._request()

    def _request(self) -> None:
        """Ask for a new image."""
        shown = self.on_screen()
        if shown is not None:
            dataset = self._state.dataset
            self._drawing.submit(lambda: draw_map(dataset, *shown), self.display)

    def on_screen(self) -> tuple[MapRequest, Viewport] | None:
        """Return what the map shows now; None before it is on a screen."""
        size, state = inner_size(self.figure), self._state
        if size is None:
            return None
        x0, x1, y0, y1 = self._view()
        viewport = Viewport(x0=x0, x1=x1, y0=y0, y1=y1, width=size[0], height=size[1])
        request = MapRequest(
            plane=state.plane,
            colour=state.colour,
            colour_scale=state.colour_scale,
            clip=state.clip,
            palette=state.palette,
            shown=state.shown,
            subset=state.subset,
            dark=state.dark,
        )
        return request, viewport

    def display(self, image: MapImage) -> None:
        """Put an image on the figure."""
        view = image.viewport
        self.image.data = {
            "image": [image.pixels], "x": [view.x0], "y": [view.y0],
            "dw": [view.x1 - view.x0], "dh": [view.y1 - view.y0],
        }  # fmt: skip
        self._show_key(image.scale)

    def _show_key(self, scale: Scale | None) -> None:
        state = self._state
        self.colour_bar.visible = scale is not None
        self.key.visible = scale is None
        if scale is None:
            self._show_classes()
            return
        ticks = np.linspace(0.0, 1.0, 5)
        values = [format_value(value) for value in scale.value(ticks)]
        self._mapper.palette = list(PALETTES[state.palette])
        self._ticker.ticks = [float(tick) for tick in ticks]
        self.colour_bar.major_label_overrides = dict(
            zip([float(t) for t in ticks], values, strict=True)
        )
        title = (
            "objects per pixel" if state.colour == DENSITY else state.dataset.label(state.colour)
        )
        self.colour_bar.title = title

    def _show_classes(self) -> None:
        state = self._state
        classes = state.dataset.classes(state.colour)
        mask = state.subset if state.subset is not None else state.shown
        codes = classes.codes if mask is None else classes.codes[mask]
        counts = np.bincount(codes + 1, minlength=len(classes.names) + 1)
        named = min(len(classes.names), len(OKABE_ITO))
        rows = [
            (name, int(counts[rank + 1]), class_colours(classes.names)[rank])
            for rank, name in enumerate(classes.names[:named])
        ]
        rest = int(counts[0] + counts[1 + named :].sum())
        if rest:
            rows.append(("others, none", rest, OTHER))
        for swatch, (_name, _count, colour) in zip(self._swatches, rows, strict=False):
            swatch.glyph.update(fill_color=colour, line_color=colour)
        self.key.items = [
            LegendItem(label=f"{name[:28]}  {count:,}", renderers=[swatch])
            for swatch, (name, count, _colour) in zip(self._swatches, rows, strict=False)
        ]

    def _mark(self, name: str, rows: list[int] | NDArray[np.int64]) -> None:
        plane = self._state.plane
        self.marks[name].data = {"x": plane.x[rows], "y": plane.y[rows]}

    def _mark_selected(self) -> None:
        state = self._state
        row = state.selected
        self._mark("selected", [] if row is None else [row])
        wanted = row is not None and state.mark_neighbours
        self._mark("neighbours", state.neighbours(row) if wanted and row is not None else [])
        if row is not None:
            self._bring_into_view(row)

    def _bring_into_view(self, row: int) -> None:
        x, y = float(self._state.plane.x[row]), float(self._state.plane.y[row])
        x0, x1, y0, y1 = self._view()
        if np.isfinite(x) and np.isfinite(y) and not (x0 <= x <= x1 and y0 <= y <= y1):
            half_x, half_y = (x1 - x0) / 2, (y1 - y0) / 2
            self.figure.x_range.update(start=x - half_x, end=x + half_x)
            self.figure.y_range.update(start=y - half_y, end=y + half_y)
            self._state.view = self._view()
            self._request()

    def _mark_hovered(self) -> None:
        state, row = self._state, self._state.hovered
        self._mark("hovered", [] if row is None else [row])
        self.label.visible = row is not None
        if row is None:
            return
        x, y = float(state.plane.x[row]), float(state.plane.y[row])
        x0, x1, y0, y1 = self._view()
        left, low = x < (x0 + x1) / 2, y < (y0 + y1) / 2
        self.label.update(
            x=x, y=y, text=hover_text(state, row), x_offset=12 if left else -12,
            y_offset=12 if low else -12, anchor=("bottom" if low else "top") + "_"
            + ("left" if left else "right"),
        )  # fmt: skip

    def _mark_others(self) -> None:
        state, key = self._state, self._state.plane.key
        self._mark("highlight", state.highlight)
        region = state.region
        if region is not None and region["plane"] == key:
            x, y = list(region["x"]), list(region["y"])
            self.marks["region"].data = {"x": [*x, x[0]], "y": [*y, y[0]]}
        else:
            self.marks["region"].data = {"x": [], "y": []}
        for name, points in (("path", state.path), ("knots", state.knots)):
            here = points is not None and state.path_plane == key
            columns = points.T if points is not None and here else np.empty((2, 0))
            self.marks[name].data = {"x": columns[0], "y": columns[1]}

    def _arm(self) -> None:
        tool = {"freehand": self._freehand, "knots": self._knots}.get(
            self._state.drawing, self._pan
        )
        self._draft.data_source.data = {"xs": [], "ys": []}
        self.figure.toolbar.active_drag = tool if tool is not self._knots else self._pan
        self.figure.toolbar.active_tap = tool if tool is self._knots else None

    def _repaint(self) -> None:
        dark = self._state.dark
        colours = ink(dark)
        paint(self.figure, dark=dark)
        for glyph, name, role in self._inks:
            setattr(glyph, name, getattr(colours, role))
        self.label.update(
            text_color=colours.text, background_fill_color=colours.paper,
            background_fill_alpha=0.88, border_line_color=colours.faint,
        )  # fmt: skip
        self.colour_bar.update(
            title_text_color=colours.text, major_label_text_color=colours.text,
            background_fill_color=colours.paper,
        )  # fmt: skip
        self._request()


def home_view(plane: Plane, *, aspect: float | None) -> tuple[float, float, float, float]:
    """Return x0, x1, y0, y1 that show all objects.

    Args:
        plane: The plane.
        aspect: Width over height of the figure, to keep the scales of the axes within
            `MAX_STRETCH` of each other; None to fill it.
    """
    rows = plane.rows
    if len(rows) == 0:
        return 0.0, 1.0, 0.0, 1.0
    ends = []
    for values in (plane.x[rows], plane.y[rows]):
        low, high = float(values.min()), float(values.max())
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
    plane: Plane,
    *,
    x: float,
    y: float,
    scale_x: float,
    scale_y: float,
    shown: NDArray[np.bool_] | None,
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
    if len(plane.rows) == 0:
        return None
    reach = TOLERANCE / min(scale_x, scale_y)
    near, far = sorted((scale_x, scale_y))
    n_asked = 16
    while True:
        n_asked = min(n_asked, len(plane.rows))
        distances, found = plane.tree.query(
            [x, y], k=np.arange(1, n_asked + 1), distance_upper_bound=reach
        )
        inside = np.isfinite(distances)
        rows = plane.rows[found[inside]]
        on_screen = np.hypot((plane.x[rows] - x) * scale_x, (plane.y[rows] - y) * scale_y)
        if shown is not None:
            on_screen = np.where(shown[rows], on_screen, np.inf)
        best = int(np.argmin(on_screen)) if len(rows) else -1
        complete = not inside.all() or n_asked == len(plane.rows)
        # Whatever was not returned lies at least `distances[-1] * near` pixels away.
        if best >= 0 and (complete or on_screen[best] <= distances[-1] * near):
            return int(rows[best]) if on_screen[best] <= TOLERANCE else None
        if complete:
            return None
        n_asked *= 4


def hover_text(state: ExplorerState, row: int) -> str:
    """Return the facts shown beside the pointer, as plain text."""
    dataset = state.dataset
    lines = [str(dataset.ids[row])]
    columns = ["z", "class", "subclass", "snr"]
    columns += [] if state.colour in (*columns, DENSITY) else [state.colour]
    for column in columns:
        if column in dataset.numeric_columns:
            value = float(dataset.numeric(column)[row])
            text = format_value(value) if np.isfinite(value) else "none"
        elif column in dataset.class_columns:
            text = str(dataset.catalog[column].iloc[row])[:40]
        else:
            continue
        if text.strip():
            lines.append(f"{dataset.label(column)}  {text}")
    return "\n".join(lines)


def format_value(value: float) -> str:
    """Return a number with about four digits, with a true minus sign."""
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")
