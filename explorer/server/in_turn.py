"""Slow work that a user asked for by an action, none of which may be lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from explorer.server.latest import Latest

Result = TypeVar("Result")


class InTurn:
    """Work of one kind for one session: all requests are done and delivered, one after another.

    Example:
        self._saving = InTurn()
        self._saving.submit(lambda: export(rows), self.download.send)
    """

    def __init__(self) -> None:
        """Start idle."""
        self._working = Latest()
        self._busy = False
        self._waiting: deque[tuple[Callable[[], Any], Callable[[Any], None]]] = deque()

    def submit(self, work: Callable[[], Result], deliver: Callable[[Result], None]) -> None:
        """Ask for work, as with `Latest.submit`."""
        self._waiting.append((work, deliver))
        if not self._busy:
            self._next()

    def _next(self) -> None:
        work, deliver = self._waiting.popleft()
        self._busy = True
        self._working.submit(partial(_settled, work), partial(self._finish, deliver))

    def _finish(self, deliver: Callable[[Any], None], done: Future[Any]) -> None:
        self._busy = False
        if self._waiting:
            self._next()
        deliver(done.result())


def _settled(work: Callable[[], Result]) -> Future[Result]:
    """Do work; a failure is kept, so that the next in turn begins all the same."""
    done: Future[Result] = Future()
    try:
        done.set_result(work())
    except Exception as error:  # noqa: BLE001 - raised where the result is taken
        done.set_exception(error)
    return done
