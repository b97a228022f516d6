"""The search box of the header."""

from __future__ import annotations

import panel as pn
import panel_material_ui as pmui

from explorer.controls.search import Found, find
from explorer.server.latest import Latest
from explorer.state.state import ExplorerState


class SearchBox(pn.viewable.Viewer):
    """Selects what it finds; several objects are marked on the map."""

    def __init__(self, state: ExplorerState) -> None:
        """Make the box."""
        super().__init__()
        self._state = state
        self._searching = Latest()
        self.box = pmui.TextInput(
            placeholder="object id, plate-mjd-fiber, targetid, or ra dec [radius]", label="",
            size="small", width=330, margin=(0, 8), max_length=200, align="center",
        )  # fmt: skip
        self.box.param.watch(lambda event: self.search(event.new), "value")

    def search(self, text: str) -> None:
        """Look for what was typed."""
        if text.strip():
            dataset = self._state.dataset
            self._searching.submit(lambda: find(dataset, text), self._show)

    def _show(self, found: Found) -> None:
        if found.rows:
            several = len(found.rows) > 1
            self._state.param.update(
                selected=found.rows[0],
                highlight=found.rows if several else [],
                highlight_label=found.message if several else "",
            )
        notify = pn.state.notifications
        if notify is not None:
            (notify.info if found.rows else notify.warning)(found.message, duration=5000)

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the box."""
        return self.box
