"""The controls at the left: what the map shows, what is filtered, what can be taken away."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui

from explorer.controls.compact import COMPACT, HEADING
from explorer.controls.expressions import ExpressionsView
from explorer.controls.filters import FiltersView
from explorer.controls.selections import SelectionsView
from explorer.state.history import History
from explorer.state.plane import AXES, LATENTS
from explorer.state.state import ExplorerState
from explorer.theme.colour import PALETTES


class ControlsView(pn.viewable.Viewer):
    """Widgets that write what the map shows to the state."""

    def __init__(
        self,
        state: ExplorerState,
        history: History,
        guests: pn.viewable.Viewer,
        take_away: pn.viewable.Viewer,
        samp: pn.viewable.Viewer,
    ) -> None:
        """Make the widgets.

        Args:
            state: The session.
            history: Undoes and redoes its selections.
            guests: Takes spectra that the user brings.
            take_away: Saves what is shown.
            samp: Links the page to other programs.
        """
        super().__init__()
        self._state = state
        self._guests, self._take_away, self._samp = guests, take_away, samp
        self.filters = FiltersView(state)
        self.selections = SelectionsView(state, history)
        self.expressions = ExpressionsView(state)
        self.map_widgets = self._map_widgets()

    def _map_widgets(self) -> list[Any]:
        state, dataset = self._state, self._state.dataset
        parameters = state.param
        embeddings = {item.label: item.name for item in dataset.atlas.embeddings}
        colour = pmui.Select.from_param(
            parameters.colour, label="Colour", options=self._colours(), **COMPACT
        )
        state.param.watch(lambda *_: colour.param.update(options=self._colours()), "added")
        return [
            pmui.Select.from_param(
                parameters.embedding, label="Embedding",
                options={**embeddings, "latent pair": LATENTS, "principal axis pair": AXES},
                **COMPACT,
            ),
            self._latent_pair(),
            colour,
            pmui.Select.from_param(
                parameters.colour_scale, label="Scale",
                options={"linear": "linear", "logarithm": "log", "equal counts": "eq_hist"},
                **COMPACT,
            ),
            pmui.Select.from_param(
                parameters.palette, label="Colour map", options=list(PALETTES), **COMPACT
            ),
            pmui.RangeSlider.from_param(
                parameters.clip, label="Ends at percentiles", step=0.5, throttled=True, **COMPACT
            ),
            pmui.Checkbox.from_param(
                parameters.mark_neighbours, label="Mark neighbours in latent space",
                size="small", description="", margin=(2, 10),
            ),
        ]  # fmt: skip

    def _colours(self) -> dict[str, str]:
        dataset = self._state.dataset
        names = self._state.param["colour"].objects
        return {dataset.label(name) if name in dataset.catalog else name: name for name in names}

    def _latent_pair(self) -> pn.Row:
        """Return the choice of two latents or principal axes, visible where they are the map's."""
        state, parameters = self._state, self._state.param

        def options() -> dict[str, int]:
            numbers = range(state.dataset.atlas.model.n_latent)
            if state.embedding == AXES:
                return {f"axis {number + 1}": number for number in numbers}
            return {f"latent {number}": number for number in numbers}

        pair = [
            pmui.Select.from_param(axis, label=label, options=options(), **COMPACT)
            for axis, label in ((parameters.latent_x, "x"), (parameters.latent_y, "y"))
        ]

        def rename(*_events: object) -> None:
            for choice in pair:
                choice.options = options()

        state.param.watch(rename, "embedding")
        return pn.Row(
            *pair,
            visible=parameters.embedding.rx().rx.in_([LATENTS, AXES]),
            sizing_mode="stretch_width",
            margin=0,
        )

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the widgets in a column."""

        def heading(text: str) -> pn.pane.HTML:
            return pn.pane.HTML(f'<div style="{HEADING}">{text}</div>', margin=(10, 10, 2, 10))

        return pn.Column(
            heading("Map"), *self.map_widgets, heading("Filters"), self.filters, self.expressions,
            heading("Selection"), self.selections, heading("Bring your own"), self._guests,
            heading("Take away"), self._take_away, self._samp,
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip
