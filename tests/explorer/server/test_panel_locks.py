"""An event that overtakes a change of a widget is handled with the document's lock."""

from typing import Any

import panel as pn
import pytest
from bokeh.document import Document
from bokeh.events import ButtonClick
from panel.reactive import Syncable

from explorer.server.panel_locks import _HANDLERS, hold_locks
from tests.fixtures.server import Browser, locked, run, show, until


@pytest.fixture(autouse=True)
def own_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Panel's own handlers at the start of each test, whatever came before."""
    for name in _HANDLERS:
        handler = getattr(Syncable, name)
        monkeypatch.setattr(Syncable, name, getattr(handler, "__wrapped__", handler))


def widths_sent_by_an_overtaking_click() -> list[int]:
    """Click a button while a change is on its way; return what its handler sent the browser."""
    handled: list[bool] = []

    async def work(document: Document, _browser: Browser) -> None:
        button: Any = pn.widgets.Button()
        model = await show(document, button)

        def clicked(_event: object) -> None:
            handled.append(True)
            document.roots[0].width = 7  # type: ignore[attr-defined]

        async def change() -> None:
            pn.state._change_callbacks.pop(document)

        button.on_click(clicked)
        pn.state._change_callbacks[document] = {"change": change}
        await locked(document, lambda: button._server_event(document, ButtonClick(model)))
        await until(lambda: bool(handled))
        await locked(document, lambda: None)  # once the handler has let go of the lock

    messages = run(work).messages
    changes = [event for message in messages for event in message["events"]]
    return [event["new"] for event in changes if event.get("attr") == "width"]


def test_the_handler_may_change_the_page() -> None:
    hold_locks()
    assert widths_sent_by_an_overtaking_click() == [7]


def test_panel_still_handles_it_without_the_lock() -> None:
    unneeded = "Panel holds the lock by itself: explorer/server/panel_locks.py can go"
    assert widths_sent_by_an_overtaking_click() == [], unneeded


@pytest.mark.usefixtures("unknown_versions")
def test_an_unknown_version_is_left_as_it_is() -> None:
    before = [getattr(Syncable, name) for name in _HANDLERS]
    hold_locks()
    assert [getattr(Syncable, name) for name in _HANDLERS] == before
