"""Actions: each is done and delivered, in the order asked for."""

import threading

import pytest
from bokeh.document import Document

from explorer.server.in_turn import InTurn
from tests.fixtures.server import Browser, run, until


def test_all_is_delivered_in_turn_also_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    shown: list[int] = []
    release = threading.Event()

    def fail() -> int:
        raise ValueError("this one can not be done")

    async def work(_document: Document, _browser: Browser) -> None:
        saving = InTurn()
        saving.submit(lambda: int(release.wait()), shown.append)
        saving.submit(fail, shown.append)
        for number in (2, 3):
            saving.submit(lambda number=number: number, shown.append)
        release.set()
        await until(lambda: len(shown) == 3)

    run(work)
    assert shown == [1, 2, 3]
    assert "this one can not be done" in caplog.text


def test_a_failure_is_raised_where_no_server_runs() -> None:
    saving, shown = InTurn(), []
    with pytest.raises(ZeroDivisionError):
        saving.submit(lambda: 1 // 0, shown.append)
    saving.submit(lambda: 4, shown.append)
    assert shown == [4]
