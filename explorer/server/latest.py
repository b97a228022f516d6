"""Slow work off the event loop, so that no session waits for another's."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import panel as pn
from bokeh.document import Document

from explorer.server.messages import on_loop
from explorer.server.notices import report

Result = TypeVar("Result")

QUICK = 0.03
"""Seconds of work that may keep other sessions waiting."""
LATELY = 50
"""Requests after one that was unexpectedly slow that are worked on in a thread."""

_pool = ThreadPoolExecutor(max_workers=max(4, 2 * (os.cpu_count() or 1)))
_running: WeakKeyDictionary[Document, int] = WeakKeyDictionary()
_watchers: WeakKeyDictionary[Document, Callable[[bool], None]] = WeakKeyDictionary()
_patient: WeakKeyDictionary[Document, list[Callable[[], None]]] = WeakKeyDictionary()


def watch_activity(document: Document, watcher: Callable[[bool], None]) -> None:
    """Call `watcher` with True when work of that session starts, with False when all is done."""
    _watchers[document] = watcher


def _count(document: Document, change: int) -> None:
    before = _running.get(document, 0)
    _running[document] = before + change
    if (before == 0) != (before + change == 0) and document in _watchers:
        _watchers[document](before + change > 0)
    if before + change == 0:
        for start in _patient.pop(document, []):
            document.add_next_tick_callback(start)  # once the result at hand has been sent


class Latest:
    """Work of one kind for one session: only the newest request is delivered.

    While one request runs, a newer one waits and replaces those that waited before it. Without a
    server (a test, a notebook) the work runs at once.

    Example:
        self._decoding = Latest()
        self._decoding.submit(lambda: model.decode(latents), self._show)
    """

    def __init__(self, *, patient: bool = False, inline_if_fast: bool = False) -> None:
        """Start idle.

        Args:
            patient: Begin when no other work of the session is under way.
            inline_if_fast: Do requests on the event loop while they take less than `QUICK`, so
                that all that an action changes is one message. For work that always takes about
                the same time.
        """
        self._patient, self._inline_if_fast = patient, inline_if_fast
        self._pace = _Pace()
        self._running = False
        self._waiting: tuple[Callable[[], Any], Callable[[Any], None]] | None = None

    def submit(self, work: Callable[[], Result], deliver: Callable[[Result], None]) -> None:
        """Ask for work; call on the event loop.

        Args:
            work: Runs in a thread; must touch neither the state nor any Bokeh model.
            deliver: Takes the result on the event loop, unless a newer request came.
        """
        document = pn.state.curdoc
        if document is None or document.session_context is None:
            deliver(work())
            return
        if self._running:
            self._waiting = (work, deliver)
            return
        if self._inline_if_fast and self._pace.is_quick:
            _attempt(lambda: deliver(self._pace.timed(work, at_once=True)))
            return
        self._running = True
        start = partial(self._start, document, work, deliver)
        if not self._patient:
            start()
        elif _running.get(document, 0):
            _patient.setdefault(document, []).append(start)
        else:
            document.add_next_tick_callback(start)  # once what has changed so far has been sent

    def drop(self) -> None:
        """Deliver nothing of what was asked for so far; call on the event loop."""
        if self._running:
            self._waiting = (_nothing, lambda _none: None)

    def _start(
        self, document: Document, work: Callable[[], Result], deliver: Callable[[Result], None]
    ) -> None:
        if self._waiting is not None:  # a newer request came while this one was patient
            (work, deliver), self._waiting = self._waiting, None
        _count(document, 1)

        def finish(future: Future[Result]) -> None:
            def show() -> None:
                _count(document, -1)
                self._finish(future, deliver)

            on_loop(document, show)

        _pool.submit(self._pace.timed, work).add_done_callback(finish)

    def _finish(self, future: Future[Any], deliver: Callable[[Any], None]) -> None:
        self._running = False
        waiting, self._waiting = self._waiting, None
        error = future.exception()
        if error is not None:
            report(error)
        elif waiting is None:
            _attempt(lambda: deliver(future.result()))
        if waiting is not None:
            self.submit(*waiting)


def _nothing() -> None:
    """Take the place of work that nobody waits for any more."""


class _Pace:
    """Whether work of one kind is quick enough for the event loop."""

    def __init__(self) -> None:
        """Nothing is known."""
        self._seconds = math.inf
        self._trust = 0

    @property
    def is_quick(self) -> bool:
        """Whether the last work took less than `QUICK`, and none at once took longer lately."""
        return self._seconds < QUICK and self._trust >= 0

    def timed(self, work: Callable[[], Result], *, at_once: bool = False) -> Result:
        """Do work and remember how long it took; in a thread, what it computed, not waited."""
        clock = time.perf_counter if at_once else time.thread_time
        start = clock()
        try:
            return work()
        finally:
            self._seconds = clock() - start
            self._trust = -LATELY if at_once and self._seconds > QUICK else self._trust + 1


def _attempt(deliver: Callable[[], None]) -> None:
    try:
        deliver()
    except Exception as failure:  # noqa: BLE001 - Tornado would only log it
        report(failure)


def or_error(work: Callable[[], Result]) -> Callable[[], Result | ValueError]:
    """Return work that returns its `ValueError` instead of raising it: the page explains it."""

    def attempt() -> Result | ValueError:
        try:
            return work()
        except ValueError as error:
            return error

    return attempt
