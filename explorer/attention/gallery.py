"""Objects in order of one attention channel: on the map and with their spectra."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, Range1d
from bokeh.palettes import Plasma256

from data.arrays import FloatArray, IndexArray, IntArray
from explorer.attention.attribution import Attention
from explorer.server.latest import Latest
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.text import line
from explorer.theme.theme import new_figure
from model.attribution.grad_fam import order_by_channel

SAMPLE, SHOWN = 60, 6
SEED = 149
"""The channel of H-alpha in Melchior+2022; here it seeds the sample."""
REACH = 150.0
"""Angstrom shown to either side of the target."""


@dataclass(frozen=True)
class Ordered:
    """Objects by what a channel contributes, highest first.

    Attributes:
        channel: The channel.
        n_sample: Objects looked at.
        rows: Rows shown, at equal steps of the order, shape (n_shown,).
        values: Their contributions, same shape.
        wave: Rest-frame wavelengths around the target, shape (n_pixel,).
        models: Decoded spectra there, shape (n_shown, n_pixel).
    """

    channel: int
    n_sample: int
    rows: IntArray
    values: FloatArray
    wave: FloatArray
    models: FloatArray


class AttentionGallery(pn.viewable.Viewer):
    """Decoded spectra of objects in order of a channel (Melchior+2022, Fig. 4)."""

    def __init__(self, state: ExplorerState) -> None:
        """Start empty."""
        super().__init__()
        self._state = state
        self._working = Latest()
        self.ordered: Ordered | None = None
        self.lines: Any = ColumnDataSource({"xs": [], "ys": [], "colour": []}, name="gallery lines")
        self.names: Any = ColumnDataSource({"x": [], "y": [], "name": []})
        self.figure: Any = new_figure(
            height=230, sizing_mode="stretch_width", tools=[], x_axis_label="rest wavelength [Å]",
            y_axis_label="decoded, offset", x_range=Range1d(start=0, end=1),
            y_range=Range1d(start=0, end=1), name="gallery", min_border_left=52,
            min_border_right=10,
        )  # fmt: skip
        self.figure.multi_line("xs", "ys", source=self.lines, line_color="colour", line_width=1.4)
        names = self.figure.text(
            "x", "y", "name", source=self.names, text_font_size="10px", text_align="left",
            text_baseline="middle",
        )  # fmt: skip
        self.message = line("", margin=(0, 10))
        self._content = pn.Column(
            self.message,
            pn.pane.Bokeh(self.figure, sizing_mode="stretch_width", height=230, margin=0),
            sizing_mode="stretch_width", margin=0, visible=False,
        )  # fmt: skip
        inks = Inks(state)
        inks.add(names, text_color="text")
        inks.paint(self.figure)
        state.param.watch(lambda *_: self._recolour(), "dark")
        state.param.watch(lambda *_: self._content.param.update(visible=False), "target")

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the figure, once it is filled."""
        return self._content

    def _recolour(self) -> None:
        if self.ordered is not None:
            self.draw(self.ordered)

    def fill(self, attention: Attention) -> None:
        """Order a sample of the selected objects by the top channel of an attention."""
        state, among = self._state, self._state.rows()
        self._working.submit(lambda: order_objects(state, attention, among), self.draw)

    def draw(self, ordered: Ordered) -> None:
        """Show objects here and on the map."""
        self.ordered = ordered
        # One starburst must not flatten all others: its line may leave the figure.
        heights = np.sort(np.ptp(ordered.models, axis=1))
        offset = 0.7 * max(float(heights[len(heights) * 2 // 3]), 0.1)
        places = np.arange(len(ordered.rows))[::-1] * offset
        models = ordered.models - np.median(ordered.models, axis=1, keepdims=True)
        first, last = (110, 240) if self._state.dark else (40, 190)
        shades = [Plasma256[round(at)] for at in np.linspace(first, last, len(ordered.rows))]
        ids = self._state.dataset.ids[ordered.rows]
        names = [f"{name}  {value:.3g}" for name, value in zip(ids, ordered.values, strict=True)]
        self.lines.data = {
            "xs": [ordered.wave] * len(models), "ys": list(models + places[:, None]),
            "colour": shades,
        }  # fmt: skip
        start, end = float(ordered.wave[0]), float(ordered.wave[-1])
        left = start - 0.35 * (end - start)
        self.names.data = {"x": [left] * len(models), "y": places, "name": names}
        self.figure.x_range.update(start=left, end=end)
        low = float((models + places[:, None]).min())
        self.figure.y_range.update(
            start=max(low, -offset) - 0.2 * offset, end=places[0] + 1.6 * offset
        )
        text = (
            f"{len(ordered.rows)} of {ordered.n_sample} objects, at equal steps in the order of "
            f"channel {ordered.channel}, highest on top; ringed on the map."
        )
        self.message.object = escape(text)
        self._content.visible = True
        self._state.param.update(
            highlight=[int(row) for row in ordered.rows],
            highlight_label=f"ordered by channel {ordered.channel}",
        )


def order_objects(state: ExplorerState, attention: Attention, among: IndexArray) -> Ordered:
    """Order a sample by the top channel of an attention; slow.

    Args:
        state: The session; only its atlas is read.
        attention: Whose top channel.
        among: Rows to draw the sample from; the object of `attention` is always in it.
    """
    atlas = state.dataset.atlas
    others = among[among != attention.row]
    rng = np.random.default_rng(SEED)
    sample = rng.choice(others, min(SAMPLE - 1, len(others)), replace=False)
    channel = attention.attribution.top_channel()
    rows, values = order_by_channel(
        atlas.model, atlas.source, np.append(sample, attention.row), attention.target,
        channel=channel,
    )  # fmt: skip
    steps = np.unique(np.linspace(0, len(rows) - 1, SHOWN).round().astype(int))
    wave = atlas.model.wave_rest
    centre = (attention.target.first + attention.target.last) / 2
    near = np.abs(wave - centre) < max(REACH, attention.target.last - attention.target.first)
    return Ordered(
        channel=channel, n_sample=len(rows), rows=rows[steps], values=values[steps],
        wave=wave[near], models=atlas.model.decode(atlas.latents[rows[steps]])[:, near],
    )  # fmt: skip
