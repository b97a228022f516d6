"""Patch Panel to hold the document lock during events.

Works around a fault of Panel 1.9.4: `Syncable._server_event` hands an event that arrives while a
change of a widget is on its way to `_event_coroutine`, which Panel schedules without the lock of
the document. Handlers that change Bokeh models then fail with "_pending_writes should be non-None
when we have a document lock", and the key or click is lost. Without the patch only such events
are lost.
"""

from __future__ import annotations

from panel.io import with_lock
from panel.reactive import Syncable

from explorer.server.versions import known_good

_HANDLERS = ("_event_coroutine", "_change_coroutine")


def hold_locks() -> None:
    """Let every handler of events and changes in this process hold its document's lock."""
    if not known_good("panel"):
        return
    for name in _HANDLERS:
        handler = getattr(Syncable, name)
        if not getattr(handler, "lock", False):
            setattr(Syncable, name, with_lock(handler))
