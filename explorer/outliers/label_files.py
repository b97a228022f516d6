"""Buttons that save labels, and take those of a visual inspection made elsewhere."""

from __future__ import annotations

from collections import deque
from typing import Any

import panel as pn
import panel_material_ui as pmui

from explorer.export.download import Download
from explorer.export.export import Exported
from explorer.labels.inspection_file import from_inspection_file, to_inspection_file
from explorer.labels.label import Label, OverruledError
from explorer.labels.news import LabelNews
from explorer.labels.pending import write_unless_overruled
from explorer.labels.store import LabelStore
from explorer.labels.writer import LabelWriter
from explorer.server.notices import announce, report, warn
from explorer.state.state import ExplorerState
from explorer.theme.text import SMALL

CSV, INSPECTION = "labels as CSV", "VI file (prospect)"


class LabelFiles(pn.viewable.Viewer):
    """Saves all labels as a table or as prospect's VI file; reads such a file."""

    def __init__(
        self, state: ExplorerState, store: LabelStore | None, writer: LabelWriter, news: LabelNews
    ) -> None:
        """Make the buttons.

        Args:
            state: The session.
            store: The labels; None where they can not be kept.
            writer: Writes them.
            news: Tells of those read.
        """
        super().__init__()
        self._state, self._store, self._writer, self._news = state, store, writer, news
        outlined: dict[str, Any] = SMALL | {"variant": "outlined", "description": ""}
        self.save = pmui.MenuButton(
            label="save labels", icon="download",
            items=[{"label": CSV}, {"label": INSPECTION}],
            on_click=lambda item: self.download.send(self.exported(item["label"])), **outlined,
        )  # fmt: skip
        self.take = pmui.FileInput(
            label="read a VI file", accept=".csv", visible=store is not None and state.may_write,
            **outlined,
        )  # fmt: skip
        self.download = Download()
        self.take.param.watch(lambda event: self._read(event.new), "value")

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the buttons."""
        return pn.Row(self.save, self.take, self.download, margin=0, align="center")

    def exported(self, kind: str) -> Exported:
        """Return all labels as a file: `CSV` or `INSPECTION`."""
        if kind == CSV:
            text = self._store.to_csv() if self._store else ""
            return Exported("labels.csv", "text/csv", text.encode())
        labels = self._store.all().values() if self._store else ()
        text = to_inspection_file(self._state.dataset, labels)
        return Exported("vi_labels.csv", "text/csv", text.encode())

    def _read(self, content: bytes | None) -> None:
        if content and self._state.may_write:
            try:
                self.read(content)
            except (ValueError, OSError) as error:
                report(error)

    def read(self, content: bytes) -> None:
        """Make the rows of a VI file labels; who is logged in has given them, else its scanners.

        Raises:
            ValueError: It is no such file, or labels can not be kept.
        """
        store, dataset = self._store, self._state.dataset
        if store is None:
            raise ValueError("labels can not be kept here")
        changes, left_out = from_inspection_file(
            dataset, content, store.all(), who=pn.state.user or ""
        )
        if left_out:
            more = f"; and {len(left_out) - 1} more lines" if len(left_out) > 1 else ""
            warn(f"Left out {left_out[0]}{more}")
        left, outcomes = deque(changes), list[Label | OverruledError]()

        def write() -> list[Label | OverruledError]:
            while left:  # where a write fails, it is the next when all is tried again
                outcomes.append(write_unless_overruled(store, left[0]))
                left.popleft()
            return outcomes

        self._writer.submit(write, done=self._written, failed=report)

    def _written(self, outcomes: list[Label | OverruledError]) -> None:
        labels = [outcome for outcome in outcomes if isinstance(outcome, Label)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, OverruledError)]
        for label in labels:
            self._news.publish(label, sender=self)
        if refused:
            warn(f"{len(refused)} not read: {refused[0]}")
        announce(f"{len(labels)} labels read.")
