"""Attention: where in the observed spectrum the model's idea of a line comes from."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.models import ColumnDataSource, FixedTicker, LinearColorMapper, Range1d

from explorer.attention.attribution import (
    OFF,
    WINDOW,
    Attention,
    attend,
    channel_image,
    choices,
    diverging,
    segment_edges,
    target_of,
)
from explorer.attention.gallery import AttentionGallery
from explorer.components.wrapping import wrapping
from explorer.server.latest import Latest
from explorer.server.messages import together
from explorer.spectrum.axis import WavelengthAxis
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.text import SMALL, line
from explorer.theme.theme import ink

PROJECTION_HEIGHT, MAP_HEIGHT = 84, 150
GRAD_FAM, DIRECT = "Grad-FAM", "attention"
"""What the map of channels shows: contributions to the target, or the weights themselves."""
POSITIVE, NEGATIVE = "#c83a32", "#3a6fb0"


class AttentionView(pn.viewable.Viewer):
    """The contribution of each wavelength, under the spectrum; the channels; like objects."""

    def __init__(self, state: ExplorerState, axis: WavelengthAxis) -> None:
        """Make the strips; they fill when an object is selected."""
        super().__init__()
        self._state, self._axis = state, axis
        self._inks = Inks(state)
        self._asking = Latest(patient=True)
        self.attention: Attention | None = None
        self.gallery = AttentionGallery(state)
        self._make_widgets()
        self.bars: Any = ColumnDataSource(
            {name: [] for name in ("x0", "x1", "value", "colour")}, name="attention bars"
        )
        self.target: Any = ColumnDataSource({"x0": [], "x1": []})
        self.image: Any = ColumnDataSource({name: [] for name in ("image", "x", "y", "dw", "dh")})
        self.mapper: Any = LinearColorMapper(palette=diverging(ink(False)), low=-1, high=1)
        self.projection = self._projection_figure()
        self.channels = self._channel_figure()
        asked = ["selected", "guest", "trial_z", "target", "window"]
        state.param.watch(lambda *_: self._ask(), asked)
        state.param.watch(lambda *_: self._picked(), "window")
        state.param.watch(lambda *_: self._fill(), "frame")
        state.param.watch(lambda *_: self._recolour(), "dark")
        self._inks.paint(self.projection, self.channels)
        self._recolour()
        self._ask()

    def _make_widgets(self) -> None:
        parameters = self._state.param
        self.choice = pmui.Select.from_param(
            parameters.target, label="attention of", options=choices(self._state.dataset),
            width=130, description="", **SMALL | {"margin": (6, 4, 0, 10)},
        )  # fmt: skip
        self.pick = pmui.Button(label="drag a window", variant="outlined", **SMALL)
        self.show_channels = pmui.Checkbox(label="channels", value=False, **SMALL)
        self.kind = pmui.RadioButtonGroup(
            label="", options=[GRAD_FAM, DIRECT], value=GRAD_FAM, visible=False, **SMALL
        )
        self.order = pmui.Button(
            label="order objects by the top channel", variant="outlined", visible=False, **SMALL,
        )  # fmt: skip
        self.message = line("", margin=(0, 10))
        self.pick.on_click(lambda _event: self._arm())
        self.order.on_click(lambda _event: self._order())
        self.show_channels.param.watch(lambda *_: self._open_map(), "value")
        self.kind.param.watch(lambda *_: self._open_map(), "value")

    def __panel__(self) -> pn.viewable.Viewable:
        """Return controls, strips and the gallery."""
        strip, channels = (
            pn.pane.Bokeh(fig, sizing_mode="stretch_width", height=height, margin=0)
            for fig, height in (
                (self.projection, PROJECTION_HEIGHT), (self.channels, MAP_HEIGHT),
            )
        )  # fmt: skip
        # A Bokeh pane does not hide its figure: a column does.
        self._map_pane = pn.Column(channels, sizing_mode="stretch_width", margin=0)
        self._strip = pn.Column(strip, sizing_mode="stretch_width", margin=0)
        self._show_map()
        return pn.Column(
            wrapping(self.choice, self.pick, self.show_channels, self.kind, self.order, gap=""),
            self._strip, self._map_pane, self.message, self.gallery,
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def _projection_figure(self) -> Any:  # noqa: ANN401 - Bokeh's figure
        fig = self._axis.strip(
            height=PROJECTION_HEIGHT, y_label="adds", y_range=Range1d(start=-1.1, end=1.1),
            tools=[], name="attention",
        )  # fmt: skip
        fig.yaxis.ticker = [-1, 0, 1]
        fig.yaxis.major_label_overrides = {-1: "\N{MINUS SIGN}max", 0: "0", 1: "max"}
        shade = fig.vstrip("x0", "x1", source=self.target, fill_alpha=0.25, line_color=None)
        self._inks.add(shade, fill_color="emission")
        fig.quad(
            left="x0", right="x1", top="value", bottom=0, source=self.bars,
            fill_color="colour", line_color=None,
        )  # fmt: skip
        return fig

    def _channel_figure(self) -> Any:  # noqa: ANN401 - Bokeh's figure
        fig = self._axis.strip(
            height=MAP_HEIGHT, y_label="channel", y_range=Range1d(start=0, end=1), tools=[],
            name="attention channels",
        )  # fmt: skip
        fig.image("image", "x", "y", "dw", "dh", source=self.image, color_mapper=self.mapper)
        self._ticker = FixedTicker(ticks=[])  # a new ticker would make Bokeh walk the whole page
        fig.yaxis.ticker = self._ticker
        fig.xgrid.visible = fig.ygrid.visible = False
        return fig

    def _arm(self) -> None:
        self._state.param.update(picking_window=not self._state.picking_window)
        self.pick.label = (
            "drag on the spectrum …" if self._state.picking_window else "drag a window"
        )

    def _picked(self) -> None:
        self.pick.label = "drag a window"
        if self._state.window is not None:
            self._state.target = WINDOW

    def _ask(self) -> None:
        state = self._state
        chosen, trial = state.chosen, state.trial_z
        try:
            target = target_of(state.target, state.window)
        except ValueError as error:
            target = None
            self._say(str(error))
        if chosen is None or target is None:
            self._asking.drop()
            self.draw(None)
            return

        def work() -> Attention | str:
            try:
                return attend(state.dataset, chosen, target, z=trial)
            except ValueError as error:
                return str(error)

        self._asking.submit(work, self.draw)

    def draw(self, answer: Attention | str | None) -> None:
        """Show an answer, or why there is none."""
        self.attention = answer if isinstance(answer, Attention) else None
        if isinstance(answer, Attention):
            self._say(answer.text())
        elif isinstance(answer, str):
            self._say(answer)
        elif self._state.target == WINDOW and self._state.window is None:
            self._say("Drag a window on the spectrum: press the button above, then drag.")
        elif self._state.target == OFF or self._state.chosen is None:
            self._say("")
        has_channels = self.attention is not None and self.attention.attribution.map is not None
        self.show_channels.visible = has_channels
        self.order.visible = has_channels and self._state.guest is None
        self._fill()
        self._show_map()

    def _say(self, text: str) -> None:
        self.message.object = escape(text)

    def _open_map(self) -> None:
        with together():
            self._fill_map()
            self._show_map()

    def _show_map(self) -> None:
        if hasattr(self, "_map_pane"):
            self._strip.visible = self.attention is not None
            shown = bool(self.show_channels.visible and self.show_channels.value)
            self._map_pane.visible = self.kind.visible = shown

    def _fill(self) -> None:
        answer = self.attention
        if answer is None:
            for source in (self.bars, self.target, self.image):
                source.data = {name: [] for name in source.data}
            return
        factor = self._axis.factor(answer.z)
        edges = segment_edges(answer.attribution.wave) * factor
        value = answer.attribution.projection[0].astype(float)
        value /= float(np.abs(value).max()) or 1.0
        self.bars.data = {
            "x0": edges[:-1], "x1": edges[1:], "value": value,
            "colour": np.where(value >= 0, POSITIVE, NEGATIVE),
        }  # fmt: skip
        shift = factor * (1 + answer.z)
        first, last = answer.target.asked
        self.target.data = {"x0": [first * shift], "x1": [last * shift]}
        self._fill_map()

    def _fill_map(self) -> None:
        answer = self.attention
        if answer is None or answer.attribution.map is None or not self.show_channels.value:
            return
        factor = self._axis.factor(answer.z)
        direct = self.kind.value == DIRECT
        picture, left, right = channel_image(answer, direct=direct)
        limit = float(np.abs(picture).max()) or 1.0
        self.mapper.update(low=-limit, high=limit)
        n_channel = len(picture)
        self.image.data = {
            "image": [picture.astype(np.float32)], "x": [left * factor], "y": [0],
            "dw": [(right - left) * factor], "dh": [n_channel],
        }  # fmt: skip
        self.channels.y_range.update(start=0, end=n_channel)
        names = np.arange(n_channel) if direct else answer.channels()[::-1]
        shown = range(0, n_channel, 64) if direct else range(n_channel - 1, -1, -3)
        self._ticker.ticks = [at + 0.5 for at in shown]
        self.channels.yaxis.major_label_overrides = {at + 0.5: str(names[at]) for at in shown}

    def _order(self) -> None:
        if self.attention is not None:
            self.gallery.fill(self.attention)

    def _recolour(self) -> None:
        self.mapper.palette = diverging(ink(self._state.dark))
