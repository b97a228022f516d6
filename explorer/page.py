"""Puts the views on one page: controls, map, and beside it what the task needs."""

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
from explorer.theme import FIGURE_THEME, PAGE_SX, PAGE_THEME
from explorer.wavelength_axis import WavelengthAxis


def tabs(state: ExplorerState) -> list[tuple[str, pn.viewable.Viewable]]:
    """Return title and content of each tab, in order; add a view here."""
    axis = WavelengthAxis(state)
    inspect = pn.Column(
        SpectrumView(state, axis),
        # Strips on the same wavelength axis come here.
        FactsView(state),
        sizing_mode="stretch_both",
        margin=0,
    )
    return [
        ("Inspect", inspect),
        ("Outliers", OutliersView(state).__panel__()),
        ("About", AboutView(state).__panel__()),
    ]


def build_page(dataset: Dataset) -> pmui.Page:
    """Return the page of one browser session."""
    state = ExplorerState(dataset)
    if pn.state.curdoc is not None:
        pn.state.curdoc.theme = FIGURE_THEME
    entries = tabs(state)
    panel_tabs = pmui.Tabs(*entries, dynamic=True, sizing_mode="stretch_both", margin=0)
    titles = [title for title, _view in entries]

    def follow_tabs(event: object) -> None:
        state.tab = titles[panel_tabs.active]

    def follow_state(event: object) -> None:
        if state.tab in titles:
            panel_tabs.active = titles.index(state.tab)

    panel_tabs.param.watch(follow_tabs, "active")
    state.param.watch(follow_state, "tab")
    page = pmui.Page(
        title=dataset.name,
        main=[MapView(state)],
        sidebar=[ControlsView(state)],
        sidebar_width=216,
        contextbar=[panel_tabs],
        contextbar_open=True,
        contextbar_variant="persistent",
        contextbar_resizable=True,
        contextbar_width=640,
        theme_config=PAGE_THEME,
        sx=PAGE_SX,
    )
    page.param.watch(lambda event: state.param.update(dark=event.new), "dark_theme")
    state.dark = page.dark_theme
    return page
