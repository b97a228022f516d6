"""Messages made by Panel and by Bokeh reach the browser in the order in which they are made."""

import asyncio
from threading import get_ident
from typing import Any

import panel as pn
import pytest
from bokeh.document import Document
from bokeh.models import Div
from panel.io import document as panel_document

from explorer.server.messages import together
from explorer.server.panel_writes import keep_order
from tests.fixtures.server import Browser, run, until

PANELS_OWN = panel_document.schedule_write_events


@pytest.fixture(autouse=True)
def own_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Panel's own function at the start of each test, whatever came before."""
    monkeypatch.setattr(panel_document, "schedule_write_events", PANELS_OWN)


def sent_over_a_busy_line() -> list[str]:
    """Add a model by Panel, then name it by Bokeh, while the line is busy; return what is sent."""

    async def work(document: Document, browser: Browser) -> None:
        row: Any = document.roots[0]
        made = Div(text="one")
        pn.state._loaded[document] = True
        pn.state._thread_id_[document] = get_ident()

        def change() -> None:
            with panel_document.unlocked():
                row.children = [made]
            with together():
                row.children = [Div(text="two"), made]

        turn = await browser.write_lock.acquire()
        handled = document.session_context.session.with_document_locked(change)  # type: ignore[union-attr]
        with turn:
            task = asyncio.ensure_future(handled)
            await until(lambda: len(row.children) == 2)
        await task
        await until(lambda: len(browser.messages) == 2)

    return [
        " ".join(model.get("attributes", {}).get("text", "known") for model in event["new"])
        for message in run(work).messages
        for event in message["events"]
    ]


def test_a_model_is_told_in_full_before_it_is_named() -> None:
    keep_order()
    assert sent_over_a_busy_line() == ["one", "two known"]


def test_panel_still_lets_later_messages_overtake() -> None:
    unneeded = "Panel keeps the order by itself: explorer/server/panel_writes.py can go"
    assert sent_over_a_busy_line() == ["two known", "one"], unneeded


@pytest.mark.usefixtures("unknown_versions")
def test_an_unknown_version_is_left_as_it_is() -> None:
    keep_order()
    assert panel_document.schedule_write_events is PANELS_OWN
