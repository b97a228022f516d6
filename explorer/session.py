"""One browser session or notebook cell: its state, its views, how they lie beside each other."""

from __future__ import annotations

import panel as pn
import panel_material_ui as pmui

from explorer.about_view import AboutView
from explorer.controls_view import ControlsView
from explorer.dataset import Dataset
from explorer.facts_view import FactsView
from explorer.map_view import MapView
from explorer.outliers_view import OutliersView
from explorer.spectrum_view import SpectrumView
from explorer.state import ExplorerState
from explorer.table_view import TableView
from explorer.take_away import TakeAway
from explorer.wavelength_axis import WavelengthAxis


class Session:
    """The views of one user.

    Attributes:
        state: What she looks at.
        map: The map.
        controls: What stands at its left.
        tabs: What stands at its right.
    """

    def __init__(self, dataset: Dataset) -> None:
        """Make all views."""
        self.state = ExplorerState(dataset)
        self.map = MapView(self.state)
        self.controls = ControlsView(self.state, TakeAway(self.state, self.map.on_screen))
        entries = tab_entries(self.state)
        self._titles = [title for title, _view in entries]
        self.tabs = pmui.Tabs(*entries, dynamic=True, sizing_mode="stretch_both", margin=0)
        self.tabs.param.watch(lambda *_: self._follow_tabs(), "active")
        self.state.param.watch(lambda *_: self._follow_state(), "tab")

    def _follow_tabs(self) -> None:
        self.state.tab = self._titles[self.tabs.active]

    def _follow_state(self) -> None:
        if self.state.tab in self._titles:
            self.tabs.active = self._titles.index(self.state.tab)


def tab_entries(state: ExplorerState) -> list[tuple[str, pn.viewable.Viewable]]:
    """Return title and content of each tab, in order; add a view here."""
    axis = WavelengthAxis(state)
    spectrum = SpectrumView(state, axis)
    inspect = pn.Column(
        spectrum,
        # Strips on the same wavelength axis come here.
        spectrum.insets.row(),
        FactsView(state),
        sizing_mode="stretch_both",
        scroll="y",
        margin=0,
    )
    return [
        ("Inspect", inspect),
        ("Table", TableView(state)),
        ("Outliers", OutliersView(state)),
        ("About", AboutView(state)),
    ]  # type: ignore[list-item]
