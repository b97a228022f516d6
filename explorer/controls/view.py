"""The controls at the left: what the map shows, what is filtered, what can be taken away."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui

from explorer.controls.compact import COMPACT, HEADING
from explorer.controls.expressions import ExpressionsView
from explorer.controls.filters import FiltersView
from explorer.controls.selections import SelectionsView
from explorer.state.dataset import LATENTS
from explorer.state.history import History
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
                options={**embeddings, "latent pair": LATENTS}, **COMPACT,
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
        """Return the choice of the two latents, visible where they are the embedding."""
        parameters, n_latent = self._state.param, self._state.dataset.atlas.model.n_latent
        latents = {f"latent {index}": index for index in range(n_latent)}
        return pn.Row(
            *(
                pmui.Select.from_param(axis, label=label, options=latents, **COMPACT)
                for axis, label in ((parameters.latent_x, "x"), (parameters.latent_y, "y"))
            ),
            visible=parameters.embedding.rx() == LATENTS,
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
