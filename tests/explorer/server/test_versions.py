"""Private parts are used with known versions only; the page is served with any."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from bokeh.document import Document
from panel.io.document import extra_socket_handlers

from explorer.components.keyboard import Keyboard
from explorer.outliers.view import OutliersView
from explorer.server import versions
from explorer.server.versions import KNOWN_GOOD, known_good
from tests.fixtures.explorer import new_state
from tests.fixtures.paths import ROOT
from tests.fixtures.server import Browser, locked, run, show, until


def test_the_versions_required_are_known_to_work() -> None:
    assert known_good(*KNOWN_GOOD)
    requirements = (ROOT / "requirements.txt").read_text().splitlines()
    for name, known in KNOWN_GOOD.items():
        assert any(f"{name}=={version}" in requirements for version in known)


@pytest.mark.usefixtures("unknown_versions")
def test_an_unknown_version_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    versions._warn.cache_clear()
    with caplog.at_level(logging.WARNING, logger=versions.__name__):
        assert not known_good("panel")
        assert not known_good("panel", "bokeh")
    assert [record.message.split()[0] for record in caplog.records] == ["panel", "bokeh"]


def send(browser: Any, events: list[Any]) -> list[Any]:
    """Send changes as Panel does it by itself to a browser that is no websocket of Tornado."""
    message = browser.protocol.create("PATCH-DOC", events)
    return [asyncio.ensure_future(browser.send_message(message))]


@pytest.mark.usefixtures("unknown_versions")
def test_a_view_is_served_and_works_without_private_parts(
    tiny_atlas_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(extra_socket_handlers, Browser, send)

    async def work(document: Document, browser: Browser) -> None:
        view = OutliersView(new_state(tiny_atlas_path))
        view._state.tab = "Outliers"
        layout: Any = view.__panel__()
        (keyboard,) = [item for item in layout if isinstance(item, Keyboard)]
        model = await show(document, layout)
        assert model in document.roots
        await until(lambda: len(view.sheet.cards) == view.queue.per_page)
        await locked(document, keyboard._actions["ArrowRight"])
        assert view.sheet.current == 0
        await locked(document, lambda: view._pick(3))
        assert view.sheet.current == 3

        def sent() -> list[int]:
            changes = [event for message in browser.messages for event in message["events"]]
            return [change["new"] for change in changes if change.get("attr") == "current"]

        await until(lambda: 3 in sent())

    run(work)
