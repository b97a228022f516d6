"""The explorer in a notebook: `Explorer(atlas)` as the last line of a cell."""

from __future__ import annotations

from pathlib import Path

import panel as pn

from explorer.map import raster
from explorer.session import Session
from explorer.state.dataset import Dataset
from explorer.state.state import ExplorerState
from model.atlas.atlas import Atlas


class Explorer(pn.viewable.Viewer):
    """Controls, map and tabs beside each other.

    Attributes:
        state: What is looked at; read it to use a selection, write it to steer the view.

    Example:
        explorer = Explorer("ATLAS")
        explorer                                  # shows it
        explorer.state.rows()                     # the objects selected on the map
        explorer.state.selected = 17
    """

    def __init__(self, atlas: Atlas | Path | str, *, height: int = 820) -> None:
        """Open an atlas.

        Args:
            atlas: An opened atlas, or its folder.
            height: Height of the cell's output, pixels.

        Raises:
            ValueError: The folder is no atlas, or one that can not be read.
        """
        super().__init__()
        if pn.state.curdoc is None:
            pn.extension("tabulator", notifications=True)
        raster.warm_up()
        dataset = Dataset(atlas if isinstance(atlas, Atlas) else Atlas(atlas))
        self._session = Session(dataset)
        self._session.start()
        self._height = height
        self.state: ExplorerState = self._session.state

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the views in a row."""
        session = self._session
        return pn.Row(
            pn.Column(session.controls, width=220, height=self._height, scroll="y", margin=0),
            pn.Column(session.map, sizing_mode="stretch_both", min_width=380, margin=0),
            pn.Column(session.tabs, sizing_mode="stretch_both", min_width=480, margin=0),
            sizing_mode="stretch_width",
            height=self._height,
            margin=0,
        )
