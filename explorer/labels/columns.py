"""Labels as columns: grade, class and note of each object, to colour, filter and list by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from explorer.labels.label import Label
from explorer.labels.shared import label_news, label_store
from explorer.server.latest import Latest
from explorer.state.dataset import CLASS, GRADE, NOTE, Dataset
from explorer.state.state import ExplorerState


class LabelColumns:
    """Adds the labels to a session's columns, once there are any, and keeps them up to date."""

    def __init__(self, state: ExplorerState, *, at_once: bool = False) -> None:
        """Read the labels; without a readable file there are no columns.

        Args:
            state: The session.
            at_once: The columns are there on return; otherwise soon, read off the event loop.
        """
        self._state = state
        self._reading = Latest()
        self._read: dict[str, Label] | None = None
        self._news: dict[str, Label] = {}
        label_news(state.dataset).subscribe(self._heard)
        if at_once:
            self._show(self._on_record())
        else:
            self._reading.submit(self._on_record, self._show)

    def _heard(self, label: Label) -> None:
        """Show a label; of many that come at once, all in one step."""
        self._news[label.object_id] = label
        self._reading.submit(self._on_record, self._show)

    def _on_record(self) -> dict[str, Label]:
        """Return the labels of the file, which is read the first time."""
        if self._read is None:
            self._read = _read(self._state.dataset)
        return self._read

    def _show(self, read: Mapping[str, Label]) -> None:
        labels = {**read, **self._news}
        if labels:
            columns = columns_of(self._state.dataset, labels)
            self._state.add_columns(columns, replacing=(GRADE, CLASS, NOTE))


def columns_of(dataset: Dataset, labels: Mapping[str, Label]) -> dict[str, tuple[Any, str]]:
    """Return the columns that labels make: name -> values of each object, and what they are."""
    grade = np.full(len(dataset), np.nan)
    kind, note = (np.full(len(dataset), None, dtype=object) for _ in range(2))
    rows = dataset.ids.rows(labels)
    for object_id, row in rows.items():
        label = labels[object_id]
        grade[row] = np.nan if label.grade is None else label.grade
        kind[row], note[row] = label.kind or None, label.note or None
    columns: dict[str, tuple[Any, str]] = {}
    if np.isfinite(grade).any():
        columns[GRADE] = grade, "Grade given, 0 to 5"
    for name, values, meaning in (
        (CLASS, kind, "Class given"), (NOTE, note, "Note given")
    ):  # fmt: skip
        if any(value is not None for value in values[[*rows.values()]]):
            columns[name] = values, meaning
    return columns


def _read(dataset: Dataset) -> dict[str, Label]:
    try:
        return label_store(dataset).all()
    except (OSError, ValueError):
        return {}  # the Outliers tab says why
