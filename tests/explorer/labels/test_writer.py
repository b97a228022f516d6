"""Writes are done in order, each until it succeeds, off the event loop."""

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from bokeh.document import Document

from explorer.labels import database
from explorer.labels.store import LabelStore
from explorer.labels.writer import LabelWriter
from tests.fixtures.server import Browser, run, until


class Disk:
    """Fails a number of times, then keeps what is written."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.written: list[str] = []
        self.threads: set[int] = set()

    def write(self, text: str) -> str:
        self.threads.add(threading.get_ident())
        if self.failures:
            self.failures -= 1
            raise OSError("disk full")
        self.written.append(text)
        return text


def test_each_write_is_repeated_until_it_succeeds_and_the_order_is_kept() -> None:
    disk, done, failed = Disk(5), [], []

    async def work(_document: Document, _browser: Browser) -> None:
        writer = LabelWriter(pauses=(0.001,))
        for text in "abc":
            writer.submit(
                lambda text=text: disk.write(text), done=done.append, failed=failed.append
            )
        await until(lambda: len(done) == 3)

    run(work)
    assert disk.written == done == ["a", "b", "c"]
    assert [str(error) for error in failed] == ["disk full"]
    assert threading.get_ident() not in disk.threads


def test_the_event_loop_runs_on_while_a_write_waits() -> None:
    release, done = threading.Event(), []

    async def work(_document: Document, _browser: Browser) -> None:
        writer = LabelWriter()
        writer.submit(release.wait, done=done.append, failed=done.append)
        await asyncio.sleep(0)
        assert done == []  # here, while the write waits
        release.set()
        await until(lambda: bool(done))

    run(work)
    assert done == [True]


def test_without_a_server_a_write_is_done_at_once_or_repeated_in_a_thread() -> None:
    disk, written = Disk(0), threading.Event()
    seen: list[Any] = []
    writer = LabelWriter(pauses=(0.001,))
    writer.submit(lambda: disk.write("a"), done=seen.append, failed=seen.append)
    assert seen == ["a"]
    disk.failures = 3
    writer.submit(lambda: disk.write("b"), done=lambda _text: written.set(), failed=seen.append)
    assert str(seen[1]) == "disk full"
    assert written.wait(60)
    assert disk.written == ["a", "b"]


def test_a_failing_callback_does_not_stop_the_next_write() -> None:
    done: list[str] = []
    disk, written = Disk(2), threading.Event()
    writer = LabelWriter(pauses=(0.001,))

    def fail(_text: str) -> None:
        done.append("first")
        raise RuntimeError("no place to show it")

    writer.submit(lambda: disk.write("a"), done=fail, failed=lambda _error: None)
    writer.submit(lambda: disk.write("b"), done=lambda _text: written.set(), failed=print)
    assert written.wait(60)
    assert disk.written == ["a", "b"]


def test_a_label_that_meets_a_locked_database_is_kept_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program holds the file for longer than a statement waits."""
    monkeypatch.setattr(database, "TIMEOUT", 0.01)
    path = tmp_path / "labels.sqlite"
    store = LabelStore(path)
    store.put("first", who="ada", grade=1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    told: list[str] = []
    written = threading.Event()
    writer = LabelWriter(pauses=(0.001,))
    writer.submit(
        lambda: store.put("second", who="ada", grade=5),
        done=lambda _label: written.set(),
        failed=lambda error: told.append(str(error)),
    )
    assert told
    assert "locked" in told[0]
    assert not written.is_set()
    other.execute("ROLLBACK")
    other.close()
    assert written.wait(60)
    assert {name: label.grade for name, label in store.all().items()} == {"first": 1, "second": 5}
    store.close()
