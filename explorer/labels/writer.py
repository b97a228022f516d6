"""Writes of labels, one after the other, off the event loop, each repeated until it succeeds."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from threading import Lock, Thread
from typing import Any, TypeVar

import panel as pn

from explorer.server.messages import on_loop
from explorer.server.notices import report

Result = TypeVar("Result")

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before a failed write is tried again; the last one is repeated."""


@dataclass(frozen=True)
class _Write:
    """A write, whom to tell that it was done, and whom (once) that it failed."""

    write: Callable[[], Any]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None]


class LabelWriter:
    """Does writes in the order they were asked for. Shared by the sessions of an atlas."""

    def __init__(self, pauses: Sequence[float] = ()) -> None:
        """Start idle.

        Args:
            pauses: Seconds before the first, second... repetition; empty = `PAUSES`.
        """
        self._pauses = tuple(pauses) or PAUSES
        self._lock = Lock()
        self._waiting: deque[_Write] = deque()

    def submit(
        self,
        write: Callable[[], Result],
        *,
        done: Callable[[Result], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Ask for a write; call on the event loop.

        Without a server (a test, a notebook) it is tried at once, and in a thread if that fails.

        Args:
            write: Runs in a thread; either fails or is done completely.
            done: Takes the result on the event loop.
            failed: Takes the error of the first try on the event loop; more tries follow.
        """
        document = pn.state.curdoc
        if document is None or document.session_context is None:
            self._try_here(_Write(write, done, failed))
            return
        self._queue(
            _Write(
                write,
                lambda result: on_loop(document, partial(done, result)),
                lambda error: on_loop(document, partial(failed, error)),
            )
        )

    def _try_here(self, item: _Write) -> None:
        if not self._waiting:
            try:
                result = item.write()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
                item.failed(error)
                item = _Write(item.write, item.done, lambda _error: None)
            else:
                item.done(result)
                return
        self._queue(item)

    def _queue(self, item: _Write) -> None:
        with self._lock:
            self._waiting.append(item)
            if len(self._waiting) == 1:
                # Not awaited at exit: a disk that stays full must not keep the server alive.
                Thread(target=self._work, name="labels", daemon=True).start()

    def _work(self) -> None:
        """Do all that waits, then end."""
        left = True
        while left:
            try:
                self._finish(self._waiting[0])
            except Exception as error:  # noqa: BLE001 - of a callback; the next write is due
                report(error)
            with self._lock:
                self._waiting.popleft()
                left = bool(self._waiting)

    def _finish(self, item: _Write) -> None:
        told = False
        for pause in chain(self._pauses, repeat(self._pauses[-1])):
            try:
                result = item.write()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
                if not told:
                    item.failed(error)
                told = True
                time.sleep(pause)
            else:
                item.done(result)
                return
