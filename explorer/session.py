"""One browser session or notebook cell: its state, its views, how they lie beside each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import panel as pn
import panel_material_ui as pmui

from explorer.about import AboutView
from explorer.attention.view import AttentionView
from explorer.controls.view import ControlsView
from explorer.export.menu import TakeAway
from explorer.guests.view import GuestsView
from explorer.labels.columns import LabelColumns
from explorer.latents.view import LatentsView
from explorer.map.view import MapView
from explorer.outliers.view import OutliersView
from explorer.plots.view import PlotsView
from explorer.samp.view import SampView
from explorer.spectrum.axis import WavelengthAxis
from explorer.spectrum.facts import FactsView
from explorer.spectrum.reasons import ReasonsView
from explorer.spectrum.view import SpectrumView
from explorer.state.choices import TABS
from explorer.state.dataset import Dataset
from explorer.state.history import History
from explorer.state.state import ExplorerState
from explorer.table import TableView
from explorer.tracks.view import TracksView


class Session:
    """The views of one user.

    Attributes:
        state: What the user looks at.
        map: The map.
        controls: What stands at its left; empty before `start`.
        tabs: What stands at its right; empty before `start`.
    """

    def __init__(self, dataset: Dataset, *, may_write: bool = True) -> None:
        """Make the map."""
        self.state = ExplorerState(dataset, may_write=may_write)
        self.history = History(self.state)
        self.map = MapView(self.state)
        self.controls = pn.Column(sizing_mode="stretch_width", margin=0)
        self._makers = tab_makers(self.state)
        self._titles = list(self._makers)
        self._pages = [pn.Column(sizing_mode="stretch_both", margin=0) for _title in self._titles]
        self.tabs = pmui.Tabs(
            *zip(self._titles, self._pages, strict=True),
            sizing_mode="stretch_both", margin=0,
        )  # fmt: skip
        self._started = False
        self._labels: LabelColumns | None = None
        self.tabs.param.watch(lambda *_: self._follow_tabs(), "active")
        self.state.param.watch(lambda *_: self._follow_state(), "tab")

    def start(self, *first: pn.viewable.Viewable) -> None:
        """Make the controls and the open tab; what is in others is made when first opened.

        Args:
            first: What stands above the controls.
        """
        self._started, self.state.first_tab = True, self.state.tab
        self.history.forget()
        self.show_labels()
        guests = GuestsView(self.state)
        controls = ControlsView(
            self.state,
            self.history,
            guests,
            TakeAway(self.state, self.map.on_screen),
            SampView(self.state, guests.bring),
        )
        self.controls.extend([*first, controls])
        self._follow_state()

    def show_labels(self, *, at_once: bool = False) -> None:
        """Make the labels columns, if they are not yet; `at_once` as of `LabelColumns`."""
        self._labels = self._labels or LabelColumns(self.state, at_once=at_once)

    def _follow_tabs(self) -> None:
        self.state.tab = self._titles[self.tabs.active]

    def _follow_state(self) -> None:
        index = self._titles.index(self.state.tab)
        if self._started and not len(self._pages[index]):
            self._pages[index].append(self._makers[self.state.tab]())
        self.tabs.active = index


def tab_makers(state: ExplorerState) -> dict[str, Callable[[], Any]]:
    """Return what makes the content of each tab, by title, in order; a new view needs a title."""
    axis = WavelengthAxis(state)

    def inspect() -> pn.Column:
        spectrum = SpectrumView(state, axis)
        return pn.Column(
            spectrum.choices(),
            spectrum,
            AttentionView(state, axis),
            spectrum.insets.row(),
            ReasonsView(state),
            FactsView(state),
            sizing_mode="stretch_both",
            scroll="y",
            margin=0,
        )

    views = (TableView, PlotsView, TracksView, OutliersView, LatentsView, AboutView)
    makers = (inspect, *(partial(view, state) for view in views))
    return dict(zip(TABS, makers, strict=True))
