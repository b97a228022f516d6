"""Legends of the map: a colour bar for numbers, a key with counts for classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from bokeh.models import (
    ColorBar,
    ColumnDataSource,
    FixedTicker,
    Legend,
    LegendItem,
    LinearColorMapper,
    Scatter,
)

from data.arrays import BoolArray
from explorer.state.kinds import Classes
from explorer.state.selection import NO_VALUE as WITHOUT
from explorer.theme.colour import CLASS_COLOURS, NO_VALUE, OTHER, PALETTES, Scale, class_colours
from explorer.theme.theme import ink

N_TICK = 5
N_COLUMN = 4
"""Classes beside each other in the key."""


class MapKey:
    """Colour bar and class key under the map, where they hide no object; one of them is visible."""

    def __init__(self, figure: Any) -> None:  # noqa: ANN401 - Bokeh's figure
        """Put both on a figure."""
        self._mapper = LinearColorMapper(palette=PALETTES["viridis"], low=0.0, high=1.0)
        self._ticker = FixedTicker(ticks=[])
        self.colour_bar = ColorBar(
            name="map colour bar",
            color_mapper=self._mapper, ticker=self._ticker, orientation="horizontal",
            width="auto", height=9, padding=6, margin=0, title_standoff=3,
            title_text_font_style="normal", title_text_font_size="11px",
            major_label_text_font_size="10px", major_tick_line_color=None, border_line_color=None,
            background_fill_alpha=0.0,
        )  # fmt: skip
        figure.add_layout(self.colour_bar, "below")
        self._figure = figure
        self._swatches: list[Any] = []
        options: dict[str, Any] = {"padding": 8, "margin": 2}
        self.classes = Legend(
            name="map key",
            items=[], orientation="horizontal", ncols=N_COLUMN, location="bottom_left",
            label_text_font_size="11px", spacing=2, glyph_height=14, glyph_width=14,
            label_height=14, label_standoff=4,
            visible=False, title="click a class to see only that", title_text_font_size="10px",
            title_text_font_style="normal", title_standoff=2, **options,
        )  # fmt: skip
        figure.add_layout(self.classes, "below")
        self._rows: list[tuple[str, int, str]] = []

    def show_scale(self, scale: Scale, *, title: str, palette: Sequence[str]) -> None:
        """Show a colour bar."""
        ticks = np.linspace(0.0, 1.0, N_TICK)
        labels = [format_value(value) for value in scale.value(ticks)]
        self._mapper.palette = list(palette)
        self._ticker.ticks = ticks.tolist()
        self.colour_bar.update(
            title=title, visible=True,
            major_label_overrides=dict(zip(ticks.tolist(), labels, strict=True)),
        )  # fmt: skip
        self.classes.visible = False

    def show_classes(self, classes: Classes, mask: BoolArray | None) -> None:
        """Show the key, with the counts of the objects in `mask` (None = all)."""
        rows = class_rows(classes, mask)
        self.classes.visible, self.colour_bar.visible = True, False
        if rows == self._rows:
            return  # new items would make Bokeh walk the whole page
        self._rows = rows
        for _ in rows[len(self._swatches) :]:
            nowhere = ColumnDataSource({"x": [np.nan], "y": [np.nan]})
            self._swatches.append(self._figure.add_glyph(nowhere, Scatter(size=9)))
        for swatch, (_name, _count, colour) in zip(self._swatches, rows, strict=False):
            swatch.glyph.update(fill_color=colour, line_color=colour)
        self.classes.items = [
            LegendItem(label=f"{name[:20]}  {count:,}", renderers=[swatch])
            for swatch, (name, count, _colour) in zip(self._swatches, rows, strict=False)
        ]

    def on_class(self, listener: Callable[[int], None]) -> None:
        """Call a function with the number of each line of the key that is clicked."""

        def hear(event: Any) -> None:  # noqa: ANN401 - Bokeh's event
            listener(self.classes.items.index(event.item))

        self.classes.on_click(hear)

    def paint(self, *, dark: bool) -> None:
        """Colour both for a theme; the key itself is painted with the figure."""
        colours = ink(dark)
        self.classes.title_text_color = colours.text
        self.colour_bar.update(
            title_text_color=colours.text, major_label_text_color=colours.text,
            background_fill_color=colours.paper,
        )  # fmt: skip


def members(classes: Classes, number: int) -> list[str]:
    """Return the classes that a line of the key stands for; a filter reads them.

    Args:
        classes: Of the key.
        number: Of the line, as `class_rows` has them.
    """
    named = min(len(classes.names), len(CLASS_COLOURS))
    if number < named:
        return [classes.names[number]]
    return list(classes.names[named:]) if number == named < classes.n_value else [WITHOUT]


def class_rows(classes: Classes, mask: BoolArray | None) -> list[tuple[str, int, str]]:
    """Return name, count and colour of each line of the key.

    Classes beyond the colours share a line, and so do objects without a value.
    """
    codes = classes.codes if mask is None else classes.codes[mask]
    counts = np.bincount(codes.astype(np.int64) + 1, minlength=len(classes.names) + 1)
    named = min(len(classes.names), len(CLASS_COLOURS))
    colours = class_colours(classes.names)
    rows = [(classes.names[rank], int(counts[rank + 1]), colours[rank]) for rank in range(named)]
    n_other = classes.n_value - named
    if n_other:
        rows.append((f"{n_other} others", int(counts[1 + named :].sum()), OTHER))
    if counts[0]:
        rows.append(("no value", int(counts[0]), NO_VALUE))
    return rows


def format_value(value: float) -> str:
    """Return a number with about four digits, with a true minus sign."""
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")
