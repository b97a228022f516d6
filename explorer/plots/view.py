"""The tab of linked plots: histogram, scatter, corner plot, comparison of groups."""

from __future__ import annotations

import panel as pn
import panel_material_ui as pmui

from explorer.plots.compare import CompareView
from explorer.plots.corner import CornerView
from explorer.plots.histogram import HistogramView
from explorer.plots.scatter import ScatterView
from explorer.state.state import ExplorerState
from explorer.theme.text import SMALL

TAB = "Plots"
LOOKS = ("colour", "colour_scale", "clip", "palette", "dark")


class PlotsView(pn.viewable.Viewer):
    """Shows one plot at a time; only that one follows the state."""

    def __init__(self, state: ExplorerState) -> None:
        """Make the plots."""
        super().__init__()
        self._state = state
        self.choice = pmui.RadioButtonGroup.from_param(
            state.param.plot, label="", options=state.param.plot.objects, **SMALL
        )
        self.plots = {
            "histogram": HistogramView(state),
            "scatter": ScatterView(state),
            "corner": CornerView(state),
            "compare": CompareView(state),
        }
        both = ["tab", "plot", "shown", "subset", "region", "added"]
        own = {
            "histogram": [*both, "histogram", "colour"],
            "scatter": [*both, "scatter", *LOOKS],
            "corner": [*both, "corner", *LOOKS],
            "compare": [*both, "compared"],
        }
        for name, names in own.items():
            state.param.watch(lambda *_, name=name: self._follow(name), names)
        state.param.watch(lambda *_: self._mark(), "selected")
        self._follow(state.plot)

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the choice above the plot chosen."""
        plots = (
            pn.Column(
                plot, visible=self._state.param.plot.rx() == name,
                sizing_mode="stretch_both", margin=0,
            )
            for name, plot in self.plots.items()
        )  # fmt: skip
        return pn.Column(
            pn.Row(self.choice, sizing_mode="stretch_width", margin=(6, 0, 0, 0)),
            # A column would be as high as all of them, those hidden too.
            pn.Row(*plots, sizing_mode="stretch_both", margin=0),
            sizing_mode="stretch_both", margin=4,
        )  # fmt: skip

    def _is_open(self, name: str) -> bool:
        return self._state.tab == TAB and self._state.plot == name

    def _follow(self, name: str) -> None:
        if self._is_open(name):
            self.plots[name].follow()

    def _mark(self) -> None:
        plot = self.plots[self._state.plot]
        if self._is_open(self._state.plot) and isinstance(plot, (ScatterView, CornerView)):
            plot.mark()
