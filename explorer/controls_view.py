"""The controls of the map: embedding, colour, scale."""

from __future__ import annotations

import panel as pn
import panel_material_ui as pmui

from explorer.colour import PALETTES
from explorer.state import ExplorerState


class ControlsView(pn.viewable.Viewer):
    """Widgets that write what the map shows to the state."""

    def __init__(self, state: ExplorerState) -> None:
        """Make the widgets."""
        super().__init__()
        self._state = state
        parameters = state.param
        compact = {
            "size": "small",
            "description": "",
            "sizing_mode": "stretch_width",
            "margin": (5, 10),
        }
        self.widgets = [
            pmui.Select.from_param(parameters.embedding, label="Embedding", **compact),
            pmui.Select.from_param(parameters.colour, label="Colour", **compact),
            pmui.Select.from_param(parameters.colour_scale, label="Scale", **compact),
            pmui.Select.from_param(
                parameters.palette, label="Colour map", options=list(PALETTES), **compact
            ),
            pmui.RangeSlider.from_param(parameters.clip, label="Clip [%]", **compact),
        ]

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the widgets in a column."""
        return pn.Column(*self.widgets, sizing_mode="stretch_width")
