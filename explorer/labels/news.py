"""Tells all sessions on an atlas of each label that changed, whoever gave it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Lock
from weakref import WeakMethod, ref

import panel as pn
from bokeh.document import Document

from explorer.labels.label import Label
from explorer.server.messages import on_loop


class LabelNews:
    """Who wants to hear of labels; sessions that ended are forgotten. Safe to use from threads."""

    def __init__(self) -> None:
        """Start without listeners."""
        self._lock = Lock()
        self._listeners: list[tuple[WeakMethod[Callable[[Label], None]], ref[Document] | None]] = []

    def subscribe(self, listener: Callable[[Label], None]) -> None:
        """Call a method with each new label, on the event loop of the session it belongs to.

        Args:
            listener: A bound method; its object may be garbage collected.
        """
        document = pn.state.curdoc
        served = document is not None and document.session_context is not None
        entry = (WeakMethod(listener), ref(document) if served and document is not None else None)
        with self._lock:
            self._listeners.append(entry)

    def publish(self, label: Label, *, sender: object) -> None:
        """Tell all but one.

        Args:
            label: As it is on disk.
            sender: Object whose listener knows it already.
        """
        with self._lock:
            self._listeners = [
                entry
                for entry in self._listeners
                if entry[0]() is not None and (entry[1] is None or entry[1]() is not None)
            ]
            listeners = list(self._listeners)
        for method, place in listeners:
            listener, document = method(), None if place is None else place()
            if listener is None or getattr(listener, "__self__", None) is sender:
                continue
            if document is None:
                listener(label)
            else:
                on_loop(document, partial(listener, label))
