"""The page of one browser session."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import panel as pn
import panel_material_ui as pmui
from bokeh.document import Document

from explorer.about import judge
from explorer.components.address_bar import AddressBar
from explorer.components.busy_bar import BusyBar
from explorer.components.connection import Connection
from explorer.components.screen import USUAL, Screen, beside_map
from explorer.components.tour import Tour
from explorer.controls.filters import counts_text
from explorer.controls.search_box import SearchBox
from explorer.keys import Help
from explorer.server.bokeh_style_sheets import keep_style_sheets
from explorer.server.latest import Latest, watch_activity
from explorer.server.notices import place_notices, warn
from explorer.server.panel_echoes import cut_echoes
from explorer.server.panel_locks import hold_locks
from explorer.server.panel_names import name_controls
from explorer.server.panel_page import cut_busy_tie, serve_own_files
from explorer.server.panel_writes import keep_order
from explorer.session import Session
from explorer.state.address import GRADUAL, NAMES, from_query, restore, to_query
from explorer.state.dataset import CLASS, GRADE, NOTE, Dataset
from explorer.state.telling import telling_object
from explorer.theme.text import line
from explorer.theme.theme import FIGURE_THEME, NOTICES, PAGE_SX, PAGE_THEME, SIDEBAR, UNVEILED

ADDRESS_DELAY = 400
"""How long the view must rest before the address follows it, milliseconds."""


def build_page(dataset: Dataset, *, may_write: bool = True) -> pmui.Page:
    """Return the page of one browser session.

    Args:
        dataset: The atlas.
        may_write: Whether this person may label objects and save tracks.
    """
    document = pn.state.curdoc
    if document is not None:
        _prepare(document)
    session = Session(dataset, may_write=may_write)
    state = session.state
    defaults = {parameter: getattr(state, parameter) for parameter in NAMES.values()}
    counts = line(counts_text(state), width=320, margin=(0, 12))
    state.param.watch(
        lambda *_: counts.param.update(object=counts_text(state)), ["shown", "subset"]
    )
    counts.align = "center"
    busy = BusyBar()
    header = pn.Row(
        busy, counts, pn.Spacer(sizing_mode="stretch_width"), SearchBox(state), Help(state),
        sizing_mode="stretch_width", height=38, margin=0, align="center",
    )  # fmt: skip
    screen = Screen()
    page = pmui.Page(
        title=dataset.name,
        raw_css=[UNVEILED, NOTICES],
        header=[header],
        main=[session.map],
        sidebar=[session.controls, screen],
        sidebar_width=SIDEBAR,
        contextbar=[session.tabs],
        contextbar_open=True,
        contextbar_variant="persistent",
        contextbar_resizable=True,
        contextbar_width=USUAL,
        theme_config=PAGE_THEME,
        sx=PAGE_SX,
    )
    cut_busy_tie(page)

    def share_out() -> None:
        page.contextbar_width = beside_map(screen.width_seen)

    # The width comes before the page is ready: Panel would drop a change made right then.
    screen.param.watch(lambda *_: pn.state.onload(share_out), "width_seen")
    page.param.watch(lambda event: state.param.update(dark=event.new), "dark_theme")
    state.dark = page.dark_theme
    if document is not None and document.session_context is not None:
        address = _follow_address(session, document, defaults)
        address.dark = state.dark
        page.jslink(address, dark_theme="dark")
        page.sidebar.extend([address, Connection()])
        session.map.open()
        pn.state.onload(
            lambda: _start(session, document, None if pn.state.session_args else address)
        )
        watch_activity(document, busy.follow)
    else:
        session.start()
    return page


def _prepare(document: Document) -> None:
    """Set the theme of figures, and mend what Panel and Bokeh do in a document."""
    document.theme = FIGURE_THEME
    serve_own_files(document)
    keep_style_sheets(document)
    hold_locks()
    keep_order()
    cut_echoes(document)
    name_controls(document)
    place_notices()


def _start(session: Session, document: Document, new: AddressBar | None) -> None:
    """Draw the map, and make what stands beside it only then: the map is what one waits for.

    Args:
        session: The views.
        document: Of the session.
        new: The address, where it asks for nothing: an object is chosen for the visitor then.
    """
    choosing, state = Latest(), session.state

    def choose(row: int) -> None:
        if state.selected is None and new is not None:
            new.stay = True
            state.selected = row

    def begin() -> None:
        session.start(Tour())
        if new is not None:
            choosing.submit(lambda: telling_object(state.dataset), choose)

    def drawn(_name: str, _old: object, _new: object) -> None:
        session.map.image.remove_on_change("data", drawn)
        session.map.leave()
        document.add_next_tick_callback(begin)

    if session.map.opened:
        begin()
        return
    session.map.image.on_change("data", drawn)
    # An image sent before the page was ready may be lost, so this draws in any case.
    session.map.redraw()


def _follow_address(session: Session, document: Document, defaults: dict[str, Any]) -> AddressBar:
    """Start from the address, then let the address follow the state, and Back the address."""
    state = session.state
    arguments = pn.state.session_args or {}
    query = {name: values[0].decode() for name, values in arguments.items() if values}
    if any(name in text for text in query.values() for name in (GRADE, CLASS, NOTE)):
        session.show_labels(at_once=True)
    complaints = from_query(state, query)
    judged = judge(state.dataset)
    if judged is not None and not judged.trusted:
        complaints.append(judged.text)

    def tell() -> None:
        for complaint in complaints:
            warn(complaint)

    def go(query: str) -> None:
        for complaint in restore(state, dict(parse_qsl(query.lstrip("?"))), defaults=defaults):
            warn(complaint)
        bar.stay = bool(moved)  # what Back has changed is no new page of the history

    bar = AddressBar(go)
    pn.state.onload(tell)
    waiting: list[Any] = []
    moved: set[str] = set()

    def write() -> None:
        waiting.clear()
        bar.write(to_query(state, defaults=defaults), push=not moved <= GRADUAL)
        moved.clear()

    def changed(*events: Any) -> None:  # noqa: ANN401 - param's events
        moved.update(event.name for event in events)
        if not waiting:
            waiting.append(document.add_timeout_callback(write, ADDRESS_DELAY))

    state.param.watch(changed, ["selected", *NAMES.values()])
    return bar
