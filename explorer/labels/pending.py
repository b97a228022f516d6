"""The labels that a session gave and that wait to be written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from explorer.labels.label import Change, Label, OverruledError
from explorer.labels.store import LabelStore
from explorer.labels.writer import LabelWriter
from explorer.server.notices import announce, report, warn


class PendingLabels:
    """Writes the labels of one session, and knows which of them are not on disk yet.

    Attributes:
        failed: Labels that could not be written at first; they are tried again until it works.
    """

    def __init__(
        self,
        store: LabelStore,
        writer: LabelWriter,
        *,
        on_written: Callable[[Change, Label, bool], None],
        on_failed: Callable[[Exception], None],
    ) -> None:
        """Start with none.

        Args:
            store: The labels on disk.
            writer: Writes them.
            on_written: Called with a change, the label that is on disk now, and whether no later
                change of that object waits. Where someone else changed the label meanwhile, the
                change holds the texts of that one.
            on_failed: Called with the error of a first try.
        """
        self._store, self._writer = store, writer
        self._on_written, self._on_failed = on_written, on_failed
        self._labels: dict[str, Label] = {}  # object_id -> what the label will be once written
        self.failed: list[Label] = []

    def __len__(self) -> int:
        """Return how many objects have a label that waits to be written."""
        return len(self._labels)

    def __contains__(self, object_id: str) -> bool:
        """Return whether a label of that object waits to be written."""
        return object_id in self._labels

    def label(self, object_id: str) -> Label | None:
        """Return the label that waits to be written, or else the one on record."""
        if object_id in self._labels:
            return self._labels[object_id]
        try:
            return self._store.get(object_id)
        except (OSError, ValueError) as error:
            report(error)
            return None

    def write(self, change: Change, label: Label) -> None:
        """Write a change, which gives its object this label."""
        self._labels[change.object_id] = label
        self._writer.submit(
            partial(write_unless_overruled, self._store, change),
            done=partial(self._written, change, label),
            failed=partial(self._not_written, label),
        )

    def undo(self, who: str, done: Callable[[str | None], None]) -> None:
        """Take back the last change of a person; `done` gets the object it was about, if any."""
        self._writer.submit(partial(self._store.undo, who), done=done, failed=self._on_failed)

    def _written(self, change: Change, pending: Label, label: Label | OverruledError) -> None:
        if damage := self._store.take_damage():
            warn(damage)
        if isinstance(label, OverruledError):
            warn(str(label))
            label = label.label
            change = replace(change, kind=label.kind, note=label.note)
        if any(item is pending for item in self.failed):
            self.failed = [item for item in self.failed if item is not pending]
            announce(f"The label of {label.object_id} is saved now.")
        newest = self._labels.get(label.object_id) is pending
        if newest:
            del self._labels[label.object_id]
        self._on_written(change, label, newest)

    def _not_written(self, pending: Label, error: Exception) -> None:
        self.failed.append(pending)
        self._on_failed(error)


def write_unless_overruled(store: LabelStore, change: Change) -> Label | OverruledError:
    """Write a change; a refusal is a result, since trying again would not help."""
    try:
        return store.write(change)
    except OverruledError as refusal:
        return refusal
