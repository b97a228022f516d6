"""Panel's components send back what they are told; the patch finds what it replaces."""

from pathlib import Path

import panel.models
import pytest
from bokeh.document import Document

from explorer.server.panel_echoes import GIVEN, LISTENING, STATE, WRITTEN, cut_echoes

SOURCE = Path(panel.models.__file__).parent / "react_component.ts"


def test_panel_still_writes_what_it_was_told() -> None:
    unneeded = "Panel writes only what was set: explorer/server/panel_echoes.py can go"
    text = SOURCE.read_text()
    parts = (STATE, LISTENING, WRITTEN, GIVEN)
    assert [text.count(part) for part in parts] == [1, 1, 1, 1], unneeded


def test_every_page_of_a_document_is_patched() -> None:
    document = Document()
    cut_echoes(document)
    (callback,) = document.callbacks._js_event_callbacks["document_ready"]
    assert callback.args == {"parts": [STATE, LISTENING, WRITTEN, GIVEN]}  # type: ignore[attr-defined]


@pytest.mark.usefixtures("unknown_versions")
def test_an_unknown_version_is_left_as_it_is() -> None:
    document = Document()
    cut_echoes(document)
    assert not document.callbacks._js_event_callbacks
