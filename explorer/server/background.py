"""Slow work off the event loop, so that no session waits for another's."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import panel as pn
from bokeh.document import Document
from bokeh.document.events import ModelChangedEvent

Result = TypeVar("Result")

QUICK = 0.03
"""Seconds of work that may keep other sessions waiting."""
LATELY = 50
"""Requests after one that was unexpectedly slow that are worked on in a thread."""

_log = logging.getLogger(__name__)
_pool = ThreadPoolExecutor(max_workers=max(4, 2 * (os.cpu_count() or 1)))
_running: WeakKeyDictionary[Document, int] = WeakKeyDictionary()
_watchers: WeakKeyDictionary[Document, Callable[[bool], None]] = WeakKeyDictionary()
_patient: WeakKeyDictionary[Document, list[Callable[[], None]]] = WeakKeyDictionary()


def watch_activity(document: Document, watcher: Callable[[bool], None]) -> None:
    """Call `watcher` with True when work of that session starts, with False when all is done."""
    _watchers[document] = watcher


@contextmanager
def together() -> Iterator[None]:
    """Send the changes made inside as one message, so that the browser paints once.

    Bokeh's own hold sends one message for each change, with a list of all models of the page made
    anew for every one; that of Panel 1.9.4 loses changes made before the page has said it is ready.
    """
    document = pn.state.curdoc
    if document is None or document.callbacks.hold_value is not None:
        yield
        return
    document.hold("combine")
    try:
        yield
    finally:
        _release(document)


def afterwards(change: Callable[[], None]) -> None:
    """Make a change when what has changed so far has been sent; at once without a server."""
    document = pn.state.curdoc
    if document is None or document.session_context is None:
        change()
        return
    _on_loop(document, change)


def _on_loop(document: Document, change: Callable[[], None]) -> None:
    """Make a change on the event loop, as one message; from any thread."""

    def run() -> None:
        with together():
            change()

    document.add_next_tick_callback(run)


def _release(document: Document) -> None:
    """End a hold: Python reacts to each change as ever, the browser gets them all at once."""
    for event in document.callbacks._held_events:  # noqa: SLF001
        if isinstance(event, ModelChangedEvent) and _only_its_widget_listens(event):
            event.callback_invoker = None
    session = getattr(document.session_context, "session", None)
    if session is None or session._pending_writes is None:  # noqa: SLF001 - no lock: nothing is sent
        document.unhold()
        return
    changes: list[Any] = []
    session._document_patched = changes.append  # noqa: SLF001
    try:
        document.unhold()
    finally:
        del session._document_patched  # noqa: SLF001
    for connection in session._subscribed_connections if changes else ():  # noqa: SLF001
        # As Bokeh does it with each change: what a browser told us is not told to it again.
        own = connection is session._current_patch_connection  # noqa: SLF001
        news = [item for item in changes if not (own and item.setter is session)]
        if news:
            session._pending_writes.append(_send(connection, news))  # noqa: SLF001


def _only_its_widget_listens(event: ModelChangedEvent) -> bool:
    """Return whether Python made a change that only the widget it belongs to listens to.

    By the end of a hold Panel has forgotten that it made the change: it would take it for the
    user's, and set the widget to it 50 ms later, whatever has happened since.
    """
    listeners = event.model._callbacks.get(event.attr, ())  # noqa: SLF001
    names = {getattr(getattr(item, "func", item), "__name__", "") for item in listeners}
    return event.setter is None and names == {"_server_change"}


async def _send(connection: Any, changes: list[Any]) -> None:  # noqa: ANN401 - Bokeh's connection
    """Send changes as one message, which is made in its turn.

    A message holds those models in full that no message made before it held.
    """
    message = connection.protocol.create("PATCH-DOC", changes)
    await connection._socket.send_message(message)  # noqa: SLF001


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

    def __init__(self, *, patient: bool = False, even: bool = False) -> None:
        """Start idle.

        Args:
            patient: Begin when no other work of the session is under way.
            even: All requests take about the same time. Where that is short, they are done at
                once, so that all that an action changes is one message.
        """
        self._patient, self._even = patient, even
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
        if self._even and self._pace.is_quick:
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

            _on_loop(document, show)

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


def report(error: BaseException) -> None:
    """Show an error in the page and log it; the app lives on."""
    _log.error("%s", error, exc_info=error)
    if pn.state.notifications is not None:
        pn.state.notifications.error(f"{type(error).__name__}: {error}"[:300], duration=8000)
