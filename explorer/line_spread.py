"""The line-spread kernels that a super-resolution model learnt (Melchior+2022, section 4.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource

from data.arrays import FloatArray
from data.constants import SPEED_OF_LIGHT
from data.grid import WaveGrid
from explorer.state.state import ExplorerState
from explorer.theme.colour import class_colours
from explorer.theme.inks import Inks
from explorer.theme.text import line
from explorer.theme.theme import new_figure
from model.networks.spender import Spender

HEIGHT = 170


class LineSpreadView(pn.viewable.Viewer):
    """A figure of the kernels over pixels, and their widths in words; nothing without kernels."""

    def __init__(self, state: ExplorerState) -> None:
        """Draw the kernels of the atlas's model."""
        super().__init__()
        model = state.dataset.atlas.model
        self.kernels = model.line_spread_kernels if isinstance(model, Spender) else {}
        grids = model.config.grids if isinstance(model, Spender) else {}
        texts = [kernel_text(name, kernel, grids[name]) for name, kernel in self.kernels.items()]
        self.words = " ".join(texts)
        self.figure: Any = None
        if self.kernels:
            self.figure = self._figure()
            Inks(state).paint(self.figure)

    def _figure(self) -> Any:  # noqa: ANN401 - Bokeh's figure
        fig = new_figure(
            name="line spread", title="Line-spread kernel learnt", height=HEIGHT, tools=[],
            sizing_mode="stretch_width", x_axis_label="offset [pixels]", y_axis_label="weight",
            min_border_left=52,
        )  # fmt: skip
        colours = class_colours(tuple(self.kernels))
        for (name, kernel), colour in zip(self.kernels.items(), colours, strict=True):
            offset = np.arange(len(kernel)) - len(kernel) // 2
            source = ColumnDataSource({"x": offset, "y": kernel}, name=f"line spread {name}")
            fig.step(
                "x", "y", source=source, mode="center", line_width=1.8, line_color=colour,
                legend_label=name.upper(),
            )  # fmt: skip
        return fig

    def __panel__(self) -> pn.viewable.Viewable:
        """Return figure and words."""
        column = pn.Column(sizing_mode="stretch_width", margin=0)
        if self.figure is not None:
            size: dict[str, Any] = {"sizing_mode": "stretch_width", "height": HEIGHT}
            column.extend([pn.pane.Bokeh(self.figure, margin=(4, 10), **size), line(self.words)])
        return column


def kernel_text(name: str, kernel: FloatArray, grid: WaveGrid) -> str:
    """Return how wide a kernel is: the standard deviation of a narrow line after it.

    Args:
        name: Of the instrument.
        kernel: Summing to 1, shape (n_pixel,).
        grid: Observed-frame grid of the instrument.
    """
    offset = np.arange(len(kernel)) - len(kernel) // 2
    mean = float(offset @ kernel)
    variance = float((offset - mean) ** 2 @ kernel)
    if variance < 0:
        return f"{name.upper()}: the kernel has no width, its wings are negative."
    sigma = np.sqrt(variance)
    if grid.scale == "log":
        width = f"{sigma * grid.step * np.log(10) * SPEED_OF_LIGHT:.0f} km/s"
    else:
        width = f"{sigma * grid.step:.2f} Å"
    return f"{name.upper()}: σ = {sigma:.2f} pixels, {width}."
