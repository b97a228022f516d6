"""What is sent to the browser: in order, complete, as one message."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.document import Document
from bokeh.models import Div

from explorer.server.messages import on_loop, together
from tests.fixtures.server import Browser, locked, run, show, until

UNNEEDED = "explorer/server/messages.py can do without its private parts: use the public hold"


def sent(change: Callable[[Document], None]) -> list[dict[str, Any]]:
    """Change a document under the lock of its session; return the messages that caused."""

    async def work(document: Document, _browser: Browser) -> None:
        await locked(document, lambda: change(document))

    return run(work).messages


def change_three(document: Document) -> None:
    row: Any = document.roots[0]
    with together():
        row.update(width=10, height=20)
        row.name = "changed"


def test_changes_made_together_are_one_message() -> None:
    (message,) = sent(change_three)
    assert [event["attr"] for event in message["events"]] == ["width", "height", "name"]


@pytest.mark.usefixtures("unknown_versions")
def test_with_unknown_versions_each_change_is_a_message() -> None:
    messages = sent(change_three)
    assert [event["attr"] for message in messages for event in message["events"]] == [
        "width", "height", "name",
    ]  # fmt: skip
    assert len(messages) == 3


def test_bokeh_still_sends_held_changes_one_by_one() -> None:
    def change(document: Document) -> None:
        document.hold("combine")
        document.roots[0].update(width=10, height=20)
        document.unhold()

    assert len(sent(change)) == 2, UNNEEDED


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


def test_changes_that_changes_cause_join_the_message() -> None:
    def change(document: Document) -> None:
        row: Any = document.roots[0]

        def follow(_attr: str, _old: object, width: int) -> None:
            with together():
                row.update(height=2 * width, name="followed")

        row.on_change("width", follow)
        with together():
            row.update(width=10, min_width=5)

    (message,) = sent(change)
    new = {event["attr"]: event["new"] for event in message["events"]}
    assert new == {"width": 10, "height": 20, "name": "followed", "min_width": 5}


def test_what_a_thread_wants_changed_is_no_event_of_a_held_document() -> None:
    made: list[bool] = []

    async def work(document: Document, _browser: Browser) -> None:
        def hold_meanwhile() -> None:
            document.hold("combine")
            thread = Thread(target=on_loop, args=(document, lambda: made.append(True)))
            thread.start()
            thread.join()
            assert document.callbacks._held_events == []
            document.unhold()

        await locked(document, hold_meanwhile)
        await until(lambda: bool(made))

    run(work)


def taken_for_the_users(change: Callable[[Document, Any], None]) -> dict[str, Any]:
    """Set a slider from Python; return what Panel is about to handle as set by the user."""
    slider = pmui.IntSlider(start=0, end=9)
    taken: dict[str, Any] = {}

    async def work(document: Document, _browser: Browser) -> None:
        model = await show(document, slider)
        await locked(document, lambda: change(document, slider))
        assert model.data.value == 1
        taken.update(slider._events)

    run(work)
    return taken


def test_what_python_sets_is_not_taken_for_what_the_user_sets() -> None:
    def change(_document: Document, slider: Any) -> None:
        with together():
            slider.value = 1

    assert taken_for_the_users(change) == {}


def test_panel_still_takes_held_changes_for_the_users() -> None:
    def change(document: Document, slider: Any) -> None:
        document.hold("combine")
        slider.value = 1
        document.unhold()

    assert taken_for_the_users(change) == {"value": 1}, UNNEEDED


def test_nothing_happens_once_the_session_has_ended() -> None:
    made: list[int] = []
    on_loop(Document(), lambda: made.append(1))
    assert made == []
    assert pn.state.curdoc is None
