"""What is sent to the browser: in order, complete, with the document's lock held."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.document import Document
from bokeh.models import Div, Row
from bokeh.protocol import Protocol
from bokeh.server.session import ServerSession
from panel.io.state import set_curdoc
from panel.reactive import Syncable
from tornado.ioloop import IOLoop

from explorer.server.latest import QUICK, Latest
from explorer.server.messages import together
from explorer.server.panel_locks import hold_locks


class Browser:
    """A connection that keeps what it is sent."""

    def __init__(self) -> None:
        self.protocol = Protocol()
        self.messages: list[dict[str, Any]] = []
        self._socket = self

    async def send_message(self, message: Any) -> None:
        self.messages.append(message.content)

    async def send_patch_document(self, event: Any) -> None:
        await self.send_message(self.protocol.create("PATCH-DOC", [event]))


def run(work: Callable[[Document], Coroutine[Any, Any, None]]) -> list[dict[str, Any]]:
    """Run `work(document)` in a session of its own; return the messages it sent."""
    browser = Browser()

    async def main() -> None:
        document = Document()
        document.add_root(Row(name="row"))
        session = ServerSession("id", document, IOLoop.current())  # type: ignore[arg-type]
        context = SimpleNamespace(session=session, server_context=None)
        document._session_context = lambda: context  # type: ignore[assignment]
        document.models.flush_synced(lambda _model: False)
        session.subscribe(browser)  # type: ignore[arg-type]
        with set_curdoc(document):
            await work(document)

    asyncio.run(main())
    return browser.messages


def sent(change: Callable[[Document], None]) -> list[dict[str, Any]]:
    """Change a document under the lock of its session; return the messages that caused."""

    async def work(document: Document) -> None:
        await document.session_context.session.with_document_locked(change, document)  # type: ignore[union-attr]

    return run(work)


def test_changes_made_together_are_one_message() -> None:
    def change(document: Document) -> None:
        row = document.roots[0]
        with together():
            row.update(width=10, height=20)
            row.name = "changed"

    (message,) = sent(change)
    assert [event["attr"] for event in message["events"]] == ["width", "height", "name"]


def test_a_model_is_told_in_full_before_it_is_named() -> None:
    def change(document: Document) -> None:
        row: Any = document.roots[0]
        made = Div(text="one")
        row.children = [made]
        with together():
            row.name = "changed"
            row.children = [made, Div(text="two")]

    first, second = sent(change)
    (one,) = first["events"][0]["new"]
    assert one["attributes"]["text"] == "one"
    known, two = second["events"][1]["new"]
    assert known == {"id": one["id"]}
    assert two["attributes"]["text"] == "two"


def test_what_python_sets_is_not_taken_for_what_the_user_sets() -> None:
    slider = pmui.IntSlider(start=0, end=9)

    async def work(document: Document) -> None:
        session = document.session_context.session  # type: ignore[union-attr]
        model: Any = slider.get_root(document)
        await session.with_document_locked(document.add_root, model)
        pn.state._connected[document] = True

        def change() -> None:
            with together():
                slider.value = 1

        await session.with_document_locked(change)
        assert model.data.value == 1
        assert not slider._events  # Panel's changes by the user, which it makes a little later

    run(work)


def test_a_failing_view_is_told_and_the_next_request_is_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shown: list[int] = []

    def deliver(result: int) -> None:
        if result == 1:
            raise RuntimeError("no place to show it")
        shown.append(result)

    async def work(_document: Document) -> None:
        latest = Latest()
        for number in (1, 2):
            latest.submit(lambda number=number: number, deliver)
            while latest._running:
                await asyncio.sleep(0.01)

    run(work)
    assert shown == [2]
    assert "no place to show it" in caplog.text


def test_patient_work_begins_when_other_work_is_delivered() -> None:
    order: list[str] = []

    async def work(_document: Document) -> None:
        quick, slow = Latest(), Latest(patient=True)
        quick.submit(lambda: time.sleep(0.1), lambda _result: order.append("quick"))
        for name in ("old", "new"):
            slow.submit(lambda name=name: f"{name} after {order}", order.append)
        while quick._running or slow._running:
            await asyncio.sleep(0.01)

    run(work)
    assert order == ["quick", "new after ['quick']"]


def test_quick_work_of_one_kind_is_done_at_once_until_it_is_slow() -> None:
    here = threading.get_ident()
    threads: list[int] = []

    async def work(_document: Document) -> None:
        latest = Latest(inline_if_fast=True)
        for pause in (0.0, 0.0, 2 * QUICK, 0.0):
            latest.submit(
                lambda pause=pause: (time.sleep(pause), threading.get_ident())[1], threads.append
            )
            while latest._running:
                await asyncio.sleep(0.01)

    run(work)
    assert [thread == here for thread in threads] == [False, True, True, False]


def test_events_from_the_browser_hold_the_lock() -> None:
    hold_locks()
    assert Syncable._event_coroutine.lock  # type: ignore[attr-defined]
    assert Syncable._change_coroutine.lock  # type: ignore[attr-defined]
