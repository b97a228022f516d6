"""A page takes Panel's files from its own server and does not follow the busy flag."""

import gc
import weakref
from collections.abc import Iterator

import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.document import Document
from panel.io.resources import CDN_DIST
from panel.io.state import set_curdoc

from explorer.server.panel_html import Html
from explorer.server.panel_page import cut_busy_tie, serve_own_files

UNNEEDED = "Panel mended this: the work-around in explorer/server can go"


@pytest.fixture
def pages() -> Iterator[tuple[pmui.Page, pmui.Page]]:
    """A page whose tie is cut and one as Panel makes it, while the process is busy."""
    cut, tied = pmui.Page(), pmui.Page()
    cut_busy_tie(cut)
    pn.state._add_busy_event("test")
    yield cut, tied
    pn.state._remove_busy_event("test")


def test_a_page_is_not_busy_with_the_work_of_others(pages: tuple[pmui.Page, pmui.Page]) -> None:
    assert not pages[0].busy


def test_pages_still_follow_the_process(pages: tuple[pmui.Page, pmui.Page]) -> None:
    assert pages[1].busy, UNNEEDED


def kept(*, cut: bool) -> bool:
    """Return whether a page outlives the last one who holds it."""
    page = pmui.Page()
    if cut:
        cut_busy_tie(page)
    alive = weakref.ref(page)
    del page
    gc.collect()
    return alive() is not None


def test_a_page_is_forgotten_with_its_session() -> None:
    assert not kept(cut=True)


def test_panel_still_keeps_every_page() -> None:
    assert kept(cut=False), UNNEEDED


def from_cdn(pane: pn.pane.HTML) -> bool:
    """Return whether a pane in a closed tab takes a style sheet from Panel's CDN."""
    document = Document()
    serve_own_files(document)
    with set_curdoc(document):
        sheets = pane._get_properties(None)["stylesheets"]
    return any(str(getattr(sheet, "url", "")).startswith(CDN_DIST) for sheet in sheets)


def test_html_of_a_closed_tab_takes_its_styles_from_here() -> None:
    assert not from_cdn(Html("text", stylesheets=["p {margin: 0}"]))


def test_panels_own_html_still_asks_the_cdn() -> None:
    assert from_cdn(pn.pane.HTML("text", stylesheets=["p {margin: 0}"])), UNNEEDED


@pytest.mark.usefixtures("unknown_versions")
def test_an_unknown_version_is_left_as_it_is() -> None:
    document, page = Document(), pmui.Page()
    serve_own_files(document)
    assert "dist_url" not in document.template_variables
    cut_busy_tie(page)
    pn.state._add_busy_event("test")
    assert page.busy
    pn.state._remove_busy_event("test")
    assert from_cdn(Html("text", stylesheets=["p {margin: 0}"]))
