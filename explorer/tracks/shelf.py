"""Saved tracks: name, save, open again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from explorer.components.wrapping import wrapping
from explorer.server.notices import report
from explorer.state.state import ExplorerState
from explorer.theme.text import SMALL, line
from explorer.tracks.store import TrackStore
from model.tracks.track import Track

SAVED = "saved"
"""Stands for the recipe, in the state and the URL, of a track that was opened from a file."""


class TrackShelf(pn.viewable.Viewer):
    """A name, a button that saves, a list that opens."""

    def __init__(
        self,
        state: ExplorerState,
        current: Callable[[str], Track | None],
        on_open: Callable[[Callable[[], Track]], None],
    ) -> None:
        """List the saved tracks of the atlas.

        Args:
            state: The session.
            current: Returns the track shown, under the name given; None without one.
            on_open: Called with a function that loads a track; run that off the event loop.
        """
        super().__init__()
        self._state = state
        self._current, self._on_open = current, on_open
        self.store = TrackStore.of(state.dataset.atlas.path)
        self.title = pmui.TextInput(label="name", value="track", width=170, **SMALL)
        self.save = pmui.Button(label="save", variant="outlined", **SMALL)
        self.saved = pmui.Select(label="saved tracks", options=[], width=170, **SMALL)
        self.open = pmui.Button(label="open", variant="outlined", **SMALL)
        self.message = line(self.store.notice)
        self.save.on_click(lambda _event: self.keep())
        self.open.on_click(lambda _event: self.load())
        self.save.visible = self.title.visible = state.may_write
        self._list()

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the widgets in a row."""
        return pn.Column(
            wrapping(self.title, self.save, self.saved, self.open),
            *([self.message] if self.store.notice else []),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def keep(self) -> None:
        """Save the track shown under its name."""
        name = self.title.value.strip()
        track = self._current(name)
        try:
            if not self._state.may_write:
                raise ValueError("you may look only: whoever serves this page chooses who saves")
            if track is None:
                raise ValueError("there is no track yet; draw or make one")
            self.store.save(track)
        except (OSError, ValueError) as error:
            report(error)
            return
        self._list(name)
        if pn.state.notifications is not None:
            pn.state.notifications.success(f"saved {name}", duration=3000)

    def load(self) -> None:
        """Open the saved track chosen."""
        name = self.saved.value
        path = self.store.names().get(str(name))
        if path is None:
            report(ValueError("choose a saved track first"))
            return
        self.title.value = str(name)
        self._state.track = {"recipe": SAVED, "name": str(name)}
        self._on_open(lambda: Track.load(path))

    def follow(self, track: dict[str, Any]) -> None:
        """Open the track that the state names.

        Raises:
            ValueError: There is none of that name here.
        """
        name = str(track.get("name"))
        if name not in self.store.names():
            raise ValueError(f"no track is saved here as {name[:40]!r}")
        self._list(name)
        self.load()

    def _list(self, chosen: str | None = None) -> None:
        names = list(self.store.names())
        self.saved.options = names
        self.saved.value = chosen if chosen in names else (names[0] if names else None)
        self.saved.visible = self.open.visible = bool(names)
