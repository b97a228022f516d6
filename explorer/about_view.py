"""What the atlas and its model are."""

from __future__ import annotations

from html import escape

import panel as pn

from explorer.state import ExplorerState


class AboutView(pn.viewable.Viewer):
    """The model card of the atlas."""

    def __init__(self, state: ExplorerState) -> None:
        """Describe the atlas of this session."""
        super().__init__()
        self._state = state

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the card."""
        dataset = self._state.dataset
        rows = [("atlas", dataset.name), ("objects", f"{len(dataset):,}")]
        rows += [("model", dataset.atlas.model.kind)]
        cells = "".join(f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in rows)
        return pn.pane.HTML(f"<table>{cells}</table>", sizing_mode="stretch_width")
