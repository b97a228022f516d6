"""Changes of a page sent to the browser as one message.

Works around two faults, present in Bokeh 3.9.2 and Panel 1.9.4:

- Bokeh: `Document.unhold` sends one PATCH-DOC message for each held change, and serialises the
  references of all models of the page for every one of them, though the protocol allows many
  changes in a message.
- Panel: `panel.io.document.hold` and `unlocked` drop changes of models made between the opening
  of the session and `document_ready`, on the assumption that the document is yet to be sent; and
  `Syncable._changing`, by which a widget tells its own changes from the user's, is cleared before
  held changes are dispatched, so that the widget takes them for the user's.

Without the private parts (an unknown version) each change is a message of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import panel as pn
from bokeh.document import Document
from bokeh.document.events import ModelChangedEvent
from bokeh.server.contexts import BokehServerContext
from tornado.ioloop import IOLoop

from explorer.server.versions import known_good


@contextmanager
def together() -> Iterator[None]:
    """Send the changes made inside as one message, so that the browser paints once."""
    document = pn.state.curdoc
    held = document is None or document.callbacks.hold_value is not None
    if document is None or held or not known_good("bokeh", "panel"):
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
    on_loop(document, change)


def on_loop(document: Document, change: Callable[[], None]) -> None:
    """Make a change on the event loop, as one message; from any thread.

    Nothing happens where the session has ended.
    """

    def run() -> None:
        with together():
            change()

    def schedule() -> None:
        if document.session_context is not None:
            document.add_next_tick_callback(run)

    # A callback added by another thread is an event of the document: it would be lost if the loop
    # released held events in that moment.
    loop = _loop(document)
    if loop is None or loop is IOLoop.current(instance=False):
        schedule()
    else:
        loop.add_callback(schedule)


def _loop(document: Document) -> IOLoop | None:
    """Return the event loop of the document's server; None once its session has ended."""
    context = document.session_context
    server = None if context is None else context.server_context
    if not isinstance(server, BokehServerContext) or server.application_context is None:
        return None
    return server.application_context.io_loop


def _release(document: Document) -> None:
    """Release the hold: Python callbacks fire one by one, the browser gets one message."""
    for event in document.callbacks._held_events:  # noqa: SLF001
        if isinstance(event, ModelChangedEvent) and _only_its_widget_listens(event):
            event.callback_invoker = None
    session = getattr(document.session_context, "session", None)
    if (
        session is None
        or session._pending_writes is None  # noqa: SLF001 - no lock: nothing is sent
        or "_document_patched" in vars(session)  # joins the message of a release around this one
    ):
        document.unhold()
        return
    changes: list[Any] = []
    session._document_patched = changes.append  # noqa: SLF001
    try:
        document.unhold()
    finally:
        del session._document_patched  # noqa: SLF001
    for connection in session._subscribed_connections if changes else ():  # noqa: SLF001
        # As Bokeh does it with each change: a browser is not told what it sent itself.
        own = connection is session._current_patch_connection  # noqa: SLF001
        news = [item for item in changes if not (own and item.setter is session)]
        if news:
            session._pending_writes.append(_send(connection, news))  # noqa: SLF001


def _only_its_widget_listens(event: ModelChangedEvent) -> bool:
    """Return whether Python made a change that only the widget it belongs to listens to.

    Panel would take it for the user's, and set the widget to it 50 ms later, whatever has
    happened since.
    """
    listeners = event.model._callbacks.get(event.attr, ())  # noqa: SLF001
    names = {getattr(getattr(item, "func", item), "__name__", "") for item in listeners}
    return event.setter is None and names == {"_server_change"}


async def _send(connection: Any, changes: list[Any]) -> None:  # noqa: ANN401 - Bokeh's connection
    """Send changes as one message.

    The message is made when its turn comes: models that an earlier message held in full are then
    only named.
    """
    message = connection.protocol.create("PATCH-DOC", changes)
    await connection._socket.send_message(message)  # noqa: SLF001
