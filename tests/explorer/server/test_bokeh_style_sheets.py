"""Bokeh rewrites style sheets that do not change; the patch finds what it replaces."""

import re
from pathlib import Path

import bokeh.server
import pytest
from bokeh.document import Document

from explorer.server.bokeh_style_sheets import _CODE, keep_style_sheets

SCRIPT = Path(bokeh.server.__file__).parent / "static/js/bokeh.js"


def test_bokeh_still_writes_the_same_text_again() -> None:
    unneeded = "BokehJS compares first: explorer/server/bokeh_style_sheets.py can go"
    found = re.findall(
        r"\n {8}(_update)\(css\) {\n +this\.el\.textContent = css;", SCRIPT.read_text()
    )
    assert found == ["_update"], unneeded
    assert "prototype._update = " in _CODE


def test_every_page_of_a_document_is_patched() -> None:
    document = Document()
    keep_style_sheets(document)
    (callback,) = document.callbacks._js_event_callbacks["document_ready"]
    assert callback.code == _CODE  # type: ignore[attr-defined]


@pytest.mark.usefixtures("unknown_versions")
def test_an_unknown_version_is_left_as_it_is() -> None:
    document = Document()
    keep_style_sheets(document)
    assert not document.callbacks._js_event_callbacks
