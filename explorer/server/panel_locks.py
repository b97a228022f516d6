"""Panel handles what a browser sends with the lock of the document held.

Panel 1.9 takes an event without the lock when it comes while a change of a widget is still on its
way. Panel's own models may then change; Bokeh's refuse, and the key or click is lost.
"""

from __future__ import annotations

from panel.io import with_lock
from panel.reactive import Syncable

_HANDLERS = ("_event_coroutine", "_change_coroutine")


def hold_locks() -> None:
    """Let every handler of events and changes in this process hold its document's lock."""
    for name in _HANDLERS:
        handler = getattr(Syncable, name)
        if not getattr(handler, "lock", False):
            setattr(Syncable, name, with_lock(handler))
