"""Slow work: in a thread, the newest request delivered, quick work at once."""

import asyncio
import threading
from types import SimpleNamespace

import pytest
from bokeh.document import Document

from explorer.server.latest import QUICK, Latest
from tests.fixtures.server import Browser, run, until


def test_a_failing_view_is_told_and_the_next_request_is_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shown: list[int] = []

    def deliver(result: int) -> None:
        if result == 1:
            raise RuntimeError("no place to show it")
        shown.append(result)

    async def work(_document: Document, _browser: Browser) -> None:
        latest = Latest()
        for number in (1, 2):
            latest.submit(lambda number=number: number, deliver)
            await until(lambda: not latest._running)

    run(work)
    assert shown == [2]
    assert "no place to show it" in caplog.text


def test_patient_work_begins_when_other_work_is_delivered() -> None:
    order: list[str] = []
    release = threading.Event()

    async def work(_document: Document, _browser: Browser) -> None:
        quick, slow = Latest(), Latest(patient=True)
        quick.submit(release.wait, lambda _result: order.append("quick"))
        for name in ("old", "new"):
            slow.submit(lambda name=name: f"{name} after {order}", order.append)
        await asyncio.sleep(0)
        assert order == []
        release.set()
        await until(lambda: not quick._running and not slow._running)

    run(work)
    assert order == ["quick", "new after ['quick']"]


def test_quick_work_of_one_kind_is_done_at_once_until_it_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = threading.get_ident()
    threads: list[int] = []
    now = [0.0]
    clock = SimpleNamespace(perf_counter=lambda: now[0], thread_time=lambda: now[0])
    monkeypatch.setattr("explorer.server.latest.time", clock)

    def take(seconds: float) -> int:
        now[0] += seconds
        return threading.get_ident()

    async def work(_document: Document, _browser: Browser) -> None:
        latest = Latest(inline_if_fast=True)
        for seconds in (0.0, 0.0, 2 * QUICK, 0.0):
            latest.submit(lambda seconds=seconds: take(seconds), threads.append)
            await until(lambda: not latest._running)

    run(work)
    assert [thread == here for thread in threads] == [False, True, True, False]


def test_dropped_work_is_not_delivered() -> None:
    shown: list[str] = []
    release = threading.Event()

    async def work(_document: Document, _browser: Browser) -> None:
        latest = Latest()
        latest.drop()  # nothing is under way
        latest.submit(release.wait, lambda _result: shown.append("dropped"))
        latest.drop()
        release.set()
        await until(lambda: not latest._running)
        latest.submit(lambda: "new", shown.append)
        await until(lambda: not latest._running)

    run(work)
    assert shown == ["new"]
