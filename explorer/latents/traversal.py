"""What each latent does: decoded spectra along it and the measured change of each feature."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.models import ColumnDataSource, Range1d
from bokeh.palettes import RdYlBu5

from explorer.server.latest import Latest
from explorer.server.panel_html import Html
from explorer.spectrum.feature_table import TABLE_STYLE, number, table
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.text import SMALL, line
from explorer.theme.theme import ink, new_figure
from model.tracks.traversal import FEATURES, Traversal, traverse

MEDIAN, SELECTED = "median", "selected object"
HEIGHT = 165
EN_SPACE = "\N{EN SPACE}"
_TEXT = (
    "Each panel varies one axis through its percentiles 10 (blue), 30, 70 and 90 (red), the others "
    "held; spectra are offset upwards. Below: the measured change from the 10th to the 90th (or "
    "the object held, if it lies beyond), with an arrow where it exceeds a tenth of the spread "
    "among the objects."
)


class TraversalView(pn.viewable.Viewer):
    """A panel for each latent (Nicolaou+2025, Fig. 20) and their Table 1, measured."""

    def __init__(self, state: ExplorerState) -> None:
        """Make the figures; `update` fills them."""
        super().__init__()
        self._state = state
        self._working = Latest()
        self.result: Traversal | None = None
        self._rotated = False
        self.held = pmui.RadioButtonGroup(
            label="", options=[MEDIAN, SELECTED], value=MEDIAN, **SMALL
        )
        self.changes = Html("", stylesheets=[TABLE_STYLE], margin=(4, 6))
        n_latent = state.dataset.atlas.latents.shape[1]
        self.sources = [
            ColumnDataSource({"xs": [], "ys": [], "colour": []}) for _ in range(n_latent)
        ]
        self.figures: list[Any] = [self._figure(source) for source in self.sources]
        self._done: tuple[Any, ...] | None = None
        self.held.param.watch(lambda *_: self.update(rotated=self._rotated), "value")
        Inks(state).paint(*self.figures)
        state.param.watch(lambda *_: self._recolour(), "dark")
        state.param.watch(lambda *_: self._follow(), "selected")

    def __panel__(self) -> pn.viewable.Viewable:
        """Return widgets, panels and table."""
        panes = [
            pn.pane.Bokeh(fig, sizing_mode="stretch_width", height=HEIGHT, margin=0)
            for fig in self.figures
        ]
        return pn.Column(
            pn.Row(line("others held at", width=84, align="center"), self.held, margin=0),
            line(_TEXT),
            pn.GridBox(*panes, ncols=2, sizing_mode="stretch_width", margin=0),
            pn.Column(self.changes, scroll="x-auto", sizing_mode="stretch_width", margin=0),
            sizing_mode="stretch_width",
            margin=0,
        )

    def _figure(self, source: ColumnDataSource) -> Any:  # noqa: ANN401 - Bokeh's figure
        start, end = self._state.dataset.rest_range
        fig: Any = new_figure(
            title=" ", height=HEIGHT, y_range=Range1d(start=0, end=1),
            x_range=Range1d(start=start, end=end),
            tools="xpan,xwheel_zoom,reset", sizing_mode="stretch_width",
            active_scroll="xwheel_zoom", min_border_left=34, min_border_right=8,
        )  # fmt: skip
        fig.title.update(text_font_size="11px", text_font_style="normal", standoff=1)
        fig.yaxis.ticker.desired_num_ticks = 3
        fig.xaxis.ticker.desired_num_ticks = 5
        fig.multi_line("xs", "ys", source=source, line_color="colour", line_width=1.1)
        return fig

    def _follow(self) -> None:
        if self.held.value == SELECTED and self.result is not None:
            self.update(rotated=self._rotated)

    def update(self, *, rotated: bool) -> None:
        """Decode along every latent, or along the principal axes, unless that is done."""
        atlas, state = self._state.dataset.atlas, self._state
        row = state.selected if self.held.value == SELECTED else None
        if self._done == (rotated, row):
            return
        self._done, self._rotated = (rotated, row), rotated
        start = None if row is None else atlas.latents[row]

        def work() -> Traversal:
            return traverse(atlas.model, atlas.latents, start=start, rotated=rotated)

        self._working.submit(work, self.draw)

    def draw(self, result: Traversal) -> None:
        """Show a traversal."""
        self.result = result
        shown = self._state.dataset.rest_observed
        step = 0.45 * float(np.median(np.ptp(result.spectra[:, 1:-1, shown], axis=2)))
        names = [
            f"axis {n + 1}" if self._rotated else f"latent {n}" for n in range(len(self.sources))
        ]
        for name, fig, source, spectra, steps in zip(
            names, self.figures, self.sources, result.spectra, result.steps, strict=True
        ):
            stacked = [flux + step * number for number, flux in enumerate(spectra)]
            source.data = {
                "xs": [result.wave.astype(np.float32)] * len(spectra),
                "ys": stacked,
                "colour": self._colours(),
            }
            # The strongest lines may leave the panel, so that the continua stay readable.
            low, high = np.percentile(np.stack(stacked)[:, shown], [0.3, 99.7])
            fig.y_range.update(start=low - 0.1 * (high - low), end=high + 0.1 * (high - low))
            fig.title.text = f"{name}: {number(steps[0])} to {number(steps[-1])}"
        self.changes.object = changes_table(result, names)

    def _colours(self) -> list[str]:
        blue, red = list(RdYlBu5[:2]), list(RdYlBu5[3:])
        return [*blue, ink(self._state.dark).text, *red]

    def _recolour(self) -> None:
        for source in self.sources:
            if len(source.data["xs"]):
                source.patch({"colour": [(slice(None), self._colours())]})


def changes_table(result: Traversal, names: list[str]) -> str:
    """Return the HTML table of what each axis changes: sign, and by how much."""
    rows = [
        [name, *(_change(row[f"{column}_change"], sign=row[column]) for column in FEATURES)]
        for name, row in zip(names, result.table.to_dict("records"), strict=True)
    ]
    return table(["", *FEATURES.values()], rows)


def _change(value: float, *, sign: str) -> str:
    """Return a change, with its arrow; the place of the arrow is kept where there is none."""
    return f"{number(value)} {sign if sign in '↑↓' else EN_SPACE}"
