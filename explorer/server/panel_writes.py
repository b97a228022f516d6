"""Patch Panel to send each message in the order in which messages are made.

Works around a fault of Panel 1.9.4: where a connection is being written to,
`panel.io.document.schedule_write_events` makes a message at once and sends it when the connection
is found free, which is looked for every 10 ms. Messages of Bokeh that are made later, and name the
models of the first one, wait for the connection in turn and so overtake it: the browser answers
"reference ... isn't known" and drops the change.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Sequence
from typing import Any

from bokeh.document import Document
from panel.io import document as panel_document
from tornado.websocket import WebSocketClosedError

from explorer.server.versions import known_good

_log = logging.getLogger(__name__)


def keep_order() -> None:
    """Let every message in this process wait for its connection in turn."""
    if known_good("bokeh", "panel"):
        panel_document.schedule_write_events = _schedule


def _schedule(document: Document, connections: Sequence[Any], events: list[Any]) -> None:
    """Make a message for each connection now and take its place in the connection's queue."""
    for connection in connections:
        message = connection.protocol.create("PATCH-DOC", events)
        turn = connection._socket.write_lock.acquire()  # noqa: SLF001
        panel_document._dispatch_write_task(document, _write, connection._socket, message, turn)  # noqa: SLF001


async def _write(socket: Any, message: Any, turn: Awaitable[Any]) -> None:  # noqa: ANN401
    """Send a message once it has the connection's lock, as `Message.send` of Bokeh does."""
    with await turn:
        try:
            for text in (message.header_json, message.metadata_json, message.content_json):
                await socket.write_message(text, locked=False)
            await message.write_buffers(socket, locked=False)
        except WebSocketClosedError:
            _log.info("a page was closed while it was written to")
