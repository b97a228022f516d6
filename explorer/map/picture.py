"""The image on the map: drawn off the event loop, the first one kept for new sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bokeh.models import ColumnDataSource

from explorer.map.image import MapImage, MapRequest, draw_map, initial_images
from explorer.map.key import MapKey, members
from explorer.map.raster import Viewport
from explorer.server.latest import Latest
from explorer.server.messages import together
from explorer.state.dataset import DENSITY
from explorer.state.plane import Plane
from explorer.state.state import ExplorerState
from explorer.theme.colour import readable_palette
from explorer.theme.theme import ink, inner_size

View = tuple[float, float, float, float]
"""Limits of the map: x0, x1, y0, y1."""
N_INITIAL = 4
"""Initial images kept for new sessions, 2 to 8 MB each."""


class MapPicture:
    """Draws the image that the state asks for, and shows what its colours mean.

    Attributes:
        source: The image on the figure.
        key: Colour bar or class key; None on a plane of one's own.
    """

    def __init__(
        self,
        state: ExplorerState,
        figure: Any,  # noqa: ANN401 - Bokeh's figure
        *,
        plane: Callable[[], Plane] | None = None,
        name: str = "map image",
    ) -> None:
        """Put an empty image on a figure.

        Args:
            state: The session.
            figure: Where to draw.
            plane: Returns what to show; None = what the map shows, with a key below.
            name: Of the image's data source.
        """
        self._state, self._figure = state, figure
        self._plane = plane or (lambda: state.plane)
        self._drawing = Latest()
        self.source: Any = ColumnDataSource(
            {part: [] for part in ("image", "x", "y", "dw", "dh")}, name=name
        )
        figure.image_rgba("image", "x", "y", "dw", "dh", source=self.source)
        self.key = MapKey(figure) if plane is None else None
        if self.key is not None:
            self.key.on_class(self._show_only)
        self._asked: tuple[str, Viewport] | None = None
        self._opening: tuple[str, Viewport] | None = None
        self._drawn: MapImage | None = None

    def on_screen(self, view: View) -> tuple[MapRequest, Viewport] | None:
        """Return what the map shows within some limits; None before it is on a screen."""
        size, state = inner_size(self._figure), self._state
        if size is None:
            return None
        x0, x1, y0, y1 = view
        viewport = Viewport(x0=x0, x1=x1, y0=y0, y1=y1, width=size[0], height=size[1])
        request = MapRequest(
            plane=self._plane(), colour=state.colour, colour_scale=state.colour_scale,
            clip=state.clip, palette=state.palette, shown=state.shown, subset=state.subset,
            dark=state.dark,
        )  # fmt: skip
        return request, viewport

    def draw(self, view: View, *, again: bool = True) -> None:
        """Ask for the image within some limits.

        Args:
            view: The limits.
            again: Also if these limits were asked for last.
        """
        asked = self.on_screen(view)
        key = None if asked is None else (self._plane().key, asked[1])
        if not again and key in (None, self._asked):
            return
        self._opening = None
        if asked is not None:
            dataset = self._state.dataset
            self._asked = key
            self._drawing.submit(lambda: draw_map(dataset, *asked), self.display)

    def display(self, image: MapImage) -> None:
        """Put an image on the figure, and what its colours mean."""
        view, state = image.viewport, self._state
        self._drawn = image
        self.source.data = {
            "image": [image.pixels], "x": [view.x0], "y": [view.y0],
            "dw": [view.x1 - view.x0], "dh": [view.y1 - view.y0],
        }  # fmt: skip
        if self.key is None:
            return
        if image.scale is not None:
            label = state.dataset.label(state.colour)
            title = "objects per pixel" if state.colour == DENSITY else label
            colours = readable_palette(state.palette, dark=state.dark, paper=ink(state.dark).paper)
            self.key.show_scale(image.scale, title=title, palette=colours)
        elif state.colour in state.dataset.class_columns:
            mask = state.subset if state.subset is not None else state.shown
            self.key.show_classes(state.dataset.classes(state.colour), mask)

    def _show_only(self, number: int) -> None:
        """Let only one class of the key pass, or all again if it is the only one."""
        state = self._state
        wanted = members(state.dataset.classes(state.colour), number)
        others = {name: it for name, it in state.filters.items() if name != state.colour}
        again = state.filters.get(state.colour) == wanted
        with together():
            state.filters = others if again else {**others, state.colour: wanted}

    def initial(self) -> MapImage | None:
        """Return the last session's initial image if nothing is filtered or zoomed here."""
        return initial_images(self._state.dataset).get(self._looks()) if self._is_whole() else None

    def open(self, image: MapImage) -> None:
        """Show an initial image before the figure is on a screen."""
        self._asked = self._opening = (self._plane().key, image.viewport)
        self.display(image)

    def opened(self, view: View) -> bool:
        """Return whether the image of `open` is what belongs within some limits."""
        asked = self.on_screen(view)
        return asked is not None and self._opening == (self._plane().key, asked[1])

    def leave(self) -> None:
        """Keep the image for the next session, if nothing is filtered or zoomed."""
        known = initial_images(self._state.dataset)
        if self._drawn is not None and self._is_whole():
            known[self._looks()] = self._drawn
            while len(known) > N_INITIAL:
                del known[next(iter(known))]

    def _looks(self) -> tuple[object, ...]:
        state = self._state
        return (
            self._plane().key, state.colour, state.colour_scale, state.clip, state.palette,
            state.dark,
        )  # fmt: skip

    def _is_whole(self) -> bool:
        state = self._state
        everything = state.view is None and state.shown is None and state.subset is None
        return everything and state.colour not in state.dataset.added  # of this session only
