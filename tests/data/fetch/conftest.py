"""An archive that fails on demand, and a clock that never makes a test wait."""

from collections.abc import Iterator
from threading import Lock

import pytest

from data.fetch.web import Web
from tests.fixtures.archive import Archive, running_archive


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.slept, self._lock = 0.0, [], Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds
            self.slept.append(seconds)


@pytest.fixture
def archive() -> Iterator[Archive]:
    with running_archive() as archive:
        yield archive


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def web(clock: Clock) -> Web:
    return Web(clock=clock, sleep=clock.sleep)
