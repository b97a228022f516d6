"""A label key: one write, one small message; a label that can not be written is kept and told."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import panel as pn
import pytest
from bokeh.document import Document

from explorer.components.keyboard import Keyboard
from explorer.labels.store import LabelStore
from explorer.labels.writer import LabelWriter
from explorer.outliers.contact_sheet import PAGE_SIZES, PER_PAGE
from explorer.outliers.view import OutliersView
from explorer.state.state import ExplorerState
from tests.fixtures.explorer import new_state
from tests.fixtures.server import Browser, locked, run, show, until


class Notifications:
    """What the page tells its user."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.successes: list[str] = []

    def error(self, text: str, **_options: object) -> None:
        self.errors.append(text)

    def success(self, text: str, **_options: object) -> None:
        self.successes.append(text)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Notifications:
    notifications = Notifications()
    monkeypatch.setattr(type(pn.state), "notifications", property(lambda _state: notifications))
    return notifications


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the bar warns of."""
    told: list[str] = []
    monkeypatch.setattr("explorer.labels.pending.warn", told.append)
    return told


@pytest.fixture
def view(own_atlas: Path, monkeypatch: pytest.MonkeyPatch) -> OutliersView:
    monkeypatch.setattr("explorer.labels.writer.PAUSES", (0.001,))
    view = OutliersView(new_state(own_atlas))
    view._state.tab = "Outliers"
    return view


def grade(view: OutliersView, object_id: str | None) -> int | None:
    assert view._store is not None
    label = view._store.get(str(object_id))
    return None if label is None else label.grade


def test_a_key_is_one_statement_and_one_small_message(own_atlas: Path) -> None:
    statements: list[str] = []
    sent: list[int] = []

    async def work(document: Document, browser: Browser) -> None:
        view = OutliersView(new_state(own_atlas))
        view._state.tab = "Outliers"
        layout: Any = view.__panel__()
        (keyboard,) = [item for item in layout if isinstance(item, Keyboard)]
        await show(document, layout)
        await until(lambda: len(view.sheet.cards) == PER_PAGE)
        assert view._store is not None

        def press(key: str) -> None:
            keyboard._hear(SimpleNamespace(data={"key": key}))

        await locked(document, lambda: press("ArrowRight"))
        await locked(document, lambda: press("2"))
        await until(lambda: view.sheet.marks[0] == "2")
        for key in ("ArrowRight", "ArrowLeft"):  # there and back, reading what is on record
            await locked(document, lambda key=key: press(key))
        for database in (view._store._reader, view._store._writer):
            database._connection.set_trace_callback(statements.append)  # type: ignore[union-attr]
        before = len(browser.messages)
        await locked(document, lambda: press("4"))
        await until(lambda: view.sheet.marks[0] == "4")
        await until(lambda: len(browser.messages) > before)
        sent[:] = browser.sizes[before:]
        (change,) = [event for event in browser.messages[-1]["events"] if event["attr"] == "marks"]
        assert change["new"] == ["4", *[""] * (PER_PAGE - 1)]

    run(work)
    assert len(statements) == 1
    assert statements[0].lstrip().startswith("INSERT")
    assert len(sent) == 1
    assert sent[0] < 1000


def test_a_label_of_another_page_marks_no_card(view: OutliersView) -> None:
    assert view.bar is not None
    view.queue.step(1)
    view.bar.keys["3"]()
    view.queue.turn(1)
    assert view.sheet.marks == [""] * PER_PAGE
    view.bar.take_back()
    assert view.sheet.marks == [""] * PER_PAGE
    view.queue.turn(-1)
    assert view.sheet.marks == [""] * PER_PAGE


def test_a_longer_page_shows_more_and_counts_on(own_atlas: Path) -> None:
    async def work(document: Document, _browser: Browser) -> None:
        view = OutliersView(new_state(own_atlas))
        view._state.tab = "Outliers"
        await show(document, view.__panel__())
        await until(lambda: len(view.sheet.cards) == PER_PAGE)
        await locked(document, lambda: view.queue.turn(1))
        longer = PAGE_SIZES[1]
        await locked(document, lambda: view.size.param.update(value=longer))
        await until(lambda: len(view.sheet.cards) == longer)
        assert view.queue.page == 0  # the page that holds what was first in sight
        assert view.sheet.cards[-1]["rank"] == str(longer)
        await locked(document, lambda: view.queue.turn(1))
        await until(lambda: view.sheet.cards[0]["rank"] == str(longer + 1))

    run(work)


def test_a_key_changes_its_row_of_the_table(view: OutliersView) -> None:
    assert view.bar is not None
    view.part.value = "table"
    view.queue.step(1)
    rows = [list(row) for row in view.table.rows]
    view.bar.keys["5"]()
    rows[0][3] = "5"
    assert view.table.rows == rows


def broken(view: OutliersView, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let every write fail until the function returned is called."""
    full = [True]
    store: Any = view._store
    write = store.write

    def may_fail(change: Any) -> Any:
        if full:
            raise OSError("database or disk is full")
        return write(change)

    monkeypatch.setattr(store, "write", may_fail)
    return full.clear


def test_text_that_could_not_be_written_is_kept_told_and_written_later(
    view: OutliersView, told: Notifications, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend = broken(view, monkeypatch)
    bar: Any = view.bar
    done: list[str] = []

    async def work(document: Document, _browser: Browser) -> None:
        await show(document, view)
        await locked(document, lambda: view.queue.step(1))
        first = view._state.selected_id

        def type_note() -> None:
            bar.note.value = "two redshifts"

        await locked(document, type_note)
        await until(lambda: bool(told.errors))
        assert "disk is full" in told.errors[0]
        assert "tried again" in told.errors[0]
        assert bar.note.value == "two redshifts"
        assert "not saved yet" in bar.said.object
        await locked(document, lambda: view.queue.step(1))
        assert bar.note.value == ""
        assert "1 not saved yet" in bar.said.object  # said wherever one goes meanwhile
        await locked(document, lambda: view.queue.step(-1))
        assert bar.note.value == "two redshifts"
        assert view._store.get(first) is None  # type: ignore[union-attr]
        mend()
        await until(lambda: bool(told.successes))
        assert f"{first} is saved now" in told.successes[0]
        assert "saved by" in bar.said.object
        assert "not saved" not in bar.said.object
        assert bar.note.value == "two redshifts"
        done.append(view._store.get(first).note)  # type: ignore[union-attr]

    run(work)
    assert done == ["two redshifts"]
    assert len(told.errors) == 1


def test_changes_asked_for_while_the_disk_is_full_are_written_in_order(
    view: OutliersView, told: Notifications, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend = broken(view, monkeypatch)
    bar: Any = view.bar

    async def work(document: Document, _browser: Browser) -> None:
        await show(document, view)
        for key in "123":
            await locked(document, lambda: view.queue.step(1))
            await locked(document, bar.keys[key])
        await locked(document, bar.keys["5"])
        await until(lambda: bool(told.errors))
        mend()
        await until(lambda: not bar._pending and bar.grade.value == "5")

    run(work)
    ids = [view._state.dataset.ids[row] for row in view.queue.rows(0)[:3]]
    assert [grade(view, object_id) for object_id in ids] == [1, 2, 5]
    assert view.sheet.marks[:3] == ["1", "2", "5"]


def test_a_refused_text_stays_in_its_field(view: OutliersView, told: Notifications) -> None:
    bar: Any = view.bar
    view.queue.step(1)
    bar.note.value = "x" * 3000
    assert "at most 2000" in told.errors[0]
    bar.keys["2"]()
    assert bar.note.value == "x" * 3000
    assert grade(view, view._state.selected_id) == 2


def test_a_grade_that_is_refused_leaves_its_button(view: OutliersView, told: Notifications) -> None:
    bar: Any = view.bar
    view.queue.step(1)
    bar.keys["1"]()
    name, bar.who.value = bar.who.value, ""
    bar.grade.value = "4"
    assert "write one" in told.errors[0]
    assert bar.grade.value == "1"
    assert grade(view, view._state.selected_id) == 1
    bar.who.value = name
    bar.grade.value = "4"
    assert grade(view, view._state.selected_id) == 4


def test_a_login_labels_as_itself_whatever_the_browser_says(
    own_atlas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(pn.state), "user", property(lambda _state: "vera"))
    view = OutliersView(new_state(own_atlas))
    view._state.tab = "Outliers"
    bar: Any = view.bar
    store: Any = view._store
    ids = view._state.dataset.ids
    store.put(ids[3], who="bob", grade=2)
    view.queue.step(1)
    bar.who._process_events({"value": "bob"})  # as a browser sends it
    bar.keys["5"]()
    assert store.get(view._state.selected_id).who == "vera"
    for _ in range(2):
        bar.take_back()
    assert store.get(view._state.selected_id) is None
    assert "nothing to undo" in bar.said.object
    assert grade(view, ids[3]) == 2


def test_writers_are_shared_by_the_sessions_of_an_atlas(own_atlas: Path) -> None:
    state = new_state(own_atlas)
    first, second = OutliersView(state), OutliersView(state)
    assert first.bar is not None
    assert second.bar is not None
    assert isinstance(first.bar._pending._writer, LabelWriter)
    assert first.bar._pending._writer is second.bar._pending._writer


def test_a_label_appears_in_the_other_sessions(own_atlas: Path) -> None:
    dataset = new_state(own_atlas).dataset
    first, second = (OutliersView(ExplorerState(dataset)) for _ in range(2))
    for view in (first, second):
        view._state.tab = "Outliers"
        view.queue.step(1)
    assert first.bar is not None
    assert second.bar is not None
    first.bar.keys["4"]()
    assert second.bar.grade.value == "4"
    assert second.sheet.marks[0] == "4"
    second.bar.note.value = "seen by two"
    assert first.bar.note.value == "seen by two"
    first.bar.take_back()
    assert second.bar.note.value == ""
    assert grade(second, second._state.selected_id) == 4


def test_a_newer_label_by_someone_else_is_not_overruled_unwarned(
    view: OutliersView, own_atlas: Path, warnings: list[str]
) -> None:
    bar: Any = view.bar
    view.queue.step(1)
    object_id = view._state.selected_id
    elsewhere = LabelStore(own_atlas / "labels.sqlite")  # another server: no news from there
    elsewhere.put(object_id, who="someone else", grade=1, note="a blend")
    bar.keys["5"]()
    assert grade(view, object_id) == 1
    assert bar.grade.value == "1"
    assert bar.note.value == "a blend"
    assert "someone else labelled" in warnings[0]
    bar.keys["5"]()
    assert grade(view, object_id) == 5
    bar.keys["3"]()
    assert grade(view, object_id) == 3
    assert len(warnings) == 1
    elsewhere.close()


def test_a_label_file_that_was_damaged_is_told(
    view: OutliersView, own_atlas: Path, warnings: list[str]
) -> None:
    bar: Any = view.bar
    view.queue.step(1)
    for name in "123":
        bar.keys[name]()
    assert view._store is not None
    view._store._writer.read("PRAGMA wal_checkpoint(TRUNCATE)")
    (own_atlas / "labels.sqlite").write_bytes(b"garbage" * 1000)
    bar.keys["4"]()
    assert len(warnings) == 1
    assert "labels.sqlite was damaged while it was open" in warnings[0]
    assert grade(view, view._state.selected_id) == 4
