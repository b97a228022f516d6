"""A corner plot of the latents or their principal axes; the pair clicked becomes the map's."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, FixedTicker, Range1d

from data.arrays import FloatArray
from explorer.components.wrapping import wrapping
from explorer.map.image import MapRequest
from explorer.plots.corner_image import GAP, Corner, draw_corner, pairs_of
from explorer.server.latest import Latest
from explorer.server.messages import together
from explorer.spectrum.feature_table import number
from explorer.state.guest import Guest
from explorer.state.plane import AXES, LATENTS
from explorer.state.planes import axes_of
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.text import SMALL, line
from explorer.theme.theme import inner_size, new_figure


class CornerView(pn.viewable.Viewer):
    """Colours, filters and selection are those of the map; the object and the track are marked."""

    def __init__(self, state: ExplorerState) -> None:
        """Make the figure; it is drawn when its tab is open."""
        super().__init__()
        self._state = state
        self._drawing = Latest()
        self._inks = Inks(state)
        self.corner: Corner | None = None
        self._shown = ""  # kind of that
        self.kind = pmui.RadioButtonGroup.from_param(
            state.param.corner, label="", options={"latents": LATENTS, "principal axes": AXES},
            **SMALL,
        )  # fmt: skip
        self.words = line("")
        self.figure: Any = new_figure(
            name="corner", x_range=Range1d(start=0, end=1), y_range=Range1d(start=0, end=1),
            tools=[], min_height=320,
        )  # fmt: skip
        self.sources: dict[str, Any] = {
            name: ColumnDataSource({column: [] for column in columns}, name=f"corner {name}")
            for name, columns in {
                "image": ("image", "x", "y", "dw", "dh"), "frames": ("left", "bottom"),
                "curves": ("xs", "ys", "colour"), "map": ("left", "bottom"),
                "track": ("xs", "ys"), "selected": ("x", "y"),
            }.items()
        }  # fmt: skip
        self._add_glyphs()
        self._tickers = [FixedTicker(ticks=[]), FixedTicker(ticks=[])]
        self.figure.xaxis.ticker, self.figure.yaxis.ticker = self._tickers
        self.figure.yaxis.major_label_orientation = "vertical"
        self.figure.xgrid.visible = self.figure.ygrid.visible = False
        for side in ("inner_width", "inner_height"):
            self.figure.on_change(side, self._on_resize)
        self.figure.on_event(Tap, self._on_tap)
        self._inks.paint(self.figure)
        marks = ["guest", "track_latents", "embedding", "latent_x", "latent_y"]
        state.param.watch(lambda *_: self.mark(), marks)

    def _add_glyphs(self) -> None:
        fig, sources, side = self.figure, self.sources, 1 - 2 * GAP
        fig.image_rgba("image", "x", "y", "dw", "dh", source=sources["image"])
        fig.multi_line("xs", "ys", source=sources["curves"], line_color="colour", line_width=1.3)
        for name, role, width in (("frames", "faint", 0.7), ("map", "accent", 2.0)):
            frame = fig.block(
                "left", "bottom", side, side, source=sources[name], fill_alpha=0, line_width=width
            )
            self._inks.add(frame, line_color=role)
        for width, role in ((4.0, "halo"), (1.8, "model")):
            track = fig.multi_line("xs", "ys", source=sources["track"], line_width=width)
            self._inks.add(track, line_color=role)
        for width, role in ((4.5, "halo"), (2.0, "accent")):
            ring = fig.scatter(
                "x", "y", source=sources["selected"], size=9, fill_alpha=0, line_width=width
            )
            self._inks.add(ring, line_color=role)

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the choice above the figure."""
        return pn.Column(
            wrapping(self.kind, self.words),
            pn.pane.Bokeh(self.figure, sizing_mode="stretch_both", margin=0),
            sizing_mode="stretch_both", margin=0,
        )  # fmt: skip

    def follow(self) -> None:
        """Show the objects, colours and axes of the state."""
        size, state = inner_size(self.figure), self._state
        if size is None:
            return
        dataset, kind = state.dataset, state.corner
        request = MapRequest(
            plane=state.plane, colour=state.colour, colour_scale=state.colour_scale,
            clip=state.clip, palette=state.palette, shown=state.shown, subset=state.subset,
            dark=state.dark,
        )  # fmt: skip
        self._drawing.submit(lambda: (kind, draw_corner(dataset, request, kind, size)), self._show)

    def _show(self, made: tuple[str, Corner]) -> None:
        kind, self.corner = made
        corner, n_axis = self.corner, len(self.corner.names)
        self.sources["image"].data = {
            "image": [corner.pixels], "x": [0], "y": [0], "dw": [n_axis], "dh": [n_axis]
        }  # fmt: skip
        self.sources["curves"].data = corner.curves
        cells = [*pairs_of(n_axis), *((number, number) for number in range(n_axis))]
        self.sources["frames"].data = self._frames(cells)
        self.figure.x_range.end = self.figure.y_range.end = n_axis
        self._name_axes(corner)
        n_latent = self._state.dataset.atlas.model.n_latent
        first = f" The first {n_axis} of {n_latent} are shown." if n_axis < n_latent else ""
        some = corner.n_drawn < len(self._state.rows())
        self.words.object = (
            "Click a pair to make it the map. Colours, filters and selection are those of the "
            f"map.{first}" + (f" {corner.n_drawn:,} objects, drawn evenly." if some else "")
        )
        self._shown = kind
        self.mark()

    def _name_axes(self, corner: Corner) -> None:
        n_axis = len(corner.names)
        ends = zip(corner.names, corner.low, corner.high, strict=True)
        names = [f"{name}\n{number(low, digits=2)} to {number(high, digits=2)}"
                 for name, low, high in ends]  # fmt: skip
        places = [at + 0.5 for at in range(n_axis)]
        orders = (places, places[::-1])
        axes = (self.figure.xaxis, self.figure.yaxis)
        for axis, ticker, order in zip(axes, self._tickers, orders, strict=True):
            ticker.ticks = order
            axis.major_label_overrides = dict(zip(order, names, strict=True))

    @staticmethod
    def _frames(cells: list[tuple[int, int]]) -> dict[str, list[float]]:
        n_axis = 1 + max((row for _column, row in cells), default=0)
        return {
            "left": [column + GAP for column, _row in cells],
            "bottom": [n_axis - 1 - row + GAP for _column, row in cells],
        }

    def mark(self) -> None:
        """Mark the object inspected, the track, and the pair that is the map."""
        corner, state = self.corner, self._state
        if corner is None or state.corner != self._shown:
            return
        n_axis = len(corner.names)
        chosen, track = self._latents_of(state.chosen), state.track_latents
        x, y = corner.places(self._coordinates(chosen))
        self.sources["selected"].data = {"x": x.ravel(), "y": y.ravel()}
        points = np.empty((0, n_axis)) if track is None else track
        xs, ys = corner.places(self._coordinates(points))
        self.sources["track"].data = {"xs": list(xs), "ys": list(ys)}
        pair = sorted((state.latent_x, state.latent_y))
        here = state.embedding == state.corner and pair[0] < pair[1] < n_axis
        self.sources["map"].data = {
            "left": [pair[0] + GAP] if here else [],
            "bottom": [n_axis - 1 - pair[1] + GAP] if here else [],
        }

    def _latents_of(self, chosen: int | Guest | None) -> FloatArray:
        latents = self._state.dataset.atlas.latents
        if isinstance(chosen, Guest):
            return chosen.placed.latents[None]
        return latents[[]] if chosen is None else latents[[chosen]]

    def _coordinates(self, latents: FloatArray) -> FloatArray:
        """Return where latents lie along the axes shown, shape (n_point, n_latent)."""
        if self._state.corner == LATENTS:
            return latents
        origin, axes = axes_of(self._state.dataset)
        return (latents - origin) @ axes.T

    def _on_resize(self, _name: str, old: object, new: object) -> None:
        if old != new and self._state.tab == "Plots" and self._state.plot == "corner":
            self.follow()

    def _on_tap(self, event: Any) -> None:  # noqa: ANN401 - Bokeh's event
        if self.corner is None or event.x is None or event.y is None:
            return
        column, row = int(event.x), len(self.corner.names) - 1 - int(event.y)
        if 0 <= column < row < len(self.corner.names):
            with together():
                self._state.param.update(
                    embedding=self._state.corner, latent_x=column, latent_y=row
                )
