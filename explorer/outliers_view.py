"""The outliers: ranked by a score, on a contact sheet or in a table, walked and labelled."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from explorer.background import Latest
from explorer.contact_sheet import PER_PAGE, ContactSheet, card
from explorer.keyboard import Keyboard
from explorer.label_bar import LabelBar
from explorer.label_place import open_labels
from explorer.labels import Label, LabelStore
from explorer.map_view import format_value
from explorer.outlier_queue import TAB, OutlierQueue, explain
from explorer.outlier_table import OutlierTable
from explorer.ranking import available_options
from explorer.state import ExplorerState
from explorer.theme import ink
from explorer.thumbnails import Thumbnails

SHEET, TABLE = "contact sheet", "table"
_COLOURS = ("paper", "text", "faint", "model", "highlight")


class OutliersView(pn.viewable.Viewer):
    """List, contact sheet and labels; writes the selected object to the state."""

    def __init__(self, state: ExplorerState) -> None:
        """Make the widgets; the list is made when the tab opens."""
        super().__init__()
        self._state = state
        self._drawing = Latest()
        self._thumbnails = Thumbnails.of(state.dataset)
        self._store, self._notice = _open_store(state)
        self.queue = OutlierQueue(state, self._store)
        self.sheet = ContactSheet(self._pick)
        self.table = OutlierTable(state.dataset, self._pick_row)
        self.bar = LabelBar(state, self._store, self._labelled) if self._store else None
        self._make_widgets()
        self.queue.param.watch(lambda *_: self._show_list(), "ranking")
        self.queue.param.watch(lambda *_: self._draw(), "page")
        state.param.watch(lambda *_: self._mark(), "selected")
        state.param.watch(lambda *_: self._draw(), ["frame", "dark"])

    def _make_widgets(self) -> None:
        state, parameters = self._state, self._state.param
        small: dict[str, Any] = {"size": "small", "margin": (4, 4), "description": ""}
        labels = {score.label: score.column for score in state.dataset.atlas.scores}
        outlined = small | {"variant": "outlined"}
        self.score = pmui.Select.from_param(
            parameters.score, label="rank by", options=labels, width=190, **small
        )
        self.reverse = pmui.Checkbox.from_param(
            parameters.ordinary_first, label="ordinary first", **small
        )
        self.learn = pmui.Checkbox.from_param(
            self.queue.param.learn, label="learn from labels", **small
        )
        self.again = pmui.Button(label="sort again", **outlined)
        self.options = pmui.CheckButtonGroup.from_param(
            parameters.outlier_options, label="", options=available_options(state.dataset), **small
        )
        self.shown = pmui.RadioButtonGroup(label="", options=[SHEET, TABLE], value=SHEET, **small)
        self.back = pmui.Button(label="◀", **outlined)
        self.forth = pmui.Button(label="▶", **outlined)
        self.download = pmui.FileDownload(
            callback=self.csv, filename="labels.csv", label="labels as CSV", **outlined
        )
        text = {"font-size": "12px", "white-space": "normal"}
        wide = {"sizing_mode": "stretch_width"}
        self.explanation = pn.pane.Str("", margin=(0, 8), styles=text, **wide)
        self.count = pn.pane.Str("", margin=(8, 6), styles=text, width=110)
        self.again.on_click(lambda _event: self.queue.reorder())
        self.back.on_click(lambda _event: self.queue.turn(-1))
        self.forth.on_click(lambda _event: self.queue.turn(1))

    def __panel__(self) -> pn.viewable.Viewable:
        """Return list, labels and keys."""
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        queue = self.queue
        keys = {"ArrowRight": lambda: queue.step(1), "ArrowLeft": lambda: queue.step(-1)}
        keys |= {"PageDown": lambda: queue.turn(1), "PageUp": lambda: queue.turn(-1)}
        warning = pn.pane.Alert(self._notice, alert_type="warning", **wide)
        return pn.Column(
            Keyboard(keys | (self.bar.keys if self.bar else {})),
            pn.Row(self.score, self.reverse, self.learn, self.again, **wide),
            self.explanation,
            self.options,
            *([warning] if self._notice else []),
            *([self.bar] if self.bar else []),
            pn.Row(self.shown, self.back, self.forth, self.count, self.download, **wide),
            pn.bind(self.content, self.shown),
            scroll="y-auto",
            sizing_mode="stretch_both",
            margin=(0, 4),
        )

    def content(self, shown: str) -> pn.viewable.Viewable:
        """Return the sheet or the table."""
        return self.sheet if shown == SHEET else self.table.widget

    def csv(self) -> io.BytesIO:
        """Return all labels as a file."""
        return io.BytesIO((self._store.to_csv() if self._store else "").encode())

    def _pick(self, number: int) -> None:
        rows = self.queue.rows(self.queue.page)
        if number < len(rows):
            self._pick_row(rows[number])

    def _pick_row(self, row: int) -> None:
        self._state.selected = row

    def _show_list(self) -> None:
        ranking, column = self.queue.ranking, self._state.score
        if ranking is None or column is None:
            return
        labels = self.queue.labels()
        n_graded = sum(label.grade is not None for label in labels.values())
        self.explanation.object = explain(
            self._state, ranking, learn=self.queue.learn, n_graded=n_graded
        )
        self.table.show(ranking, column, labels)
        self._mark()
        self._draw()

    def _mark(self) -> None:
        at, first = self.queue.position, self.queue.page * PER_PAGE
        here = at is not None and 0 <= at - first < PER_PAGE
        self.sheet.current = at - first if at is not None and here else -1
        self.table.mark(at)

    def _labelled(self, object_id: str) -> None:
        """Show a label that changed; the order stays until asked for."""
        if self._store is not None:
            self.table.show_label(object_id, self._store.get(object_id))
        self._draw()

    def _draw(self) -> None:
        """Draw the open page of the contact sheet, then the next one in advance."""
        state, page = self._state, self.queue.page
        if state.tab != TAB or self.queue.ranking is None:
            return
        rows, following = self.queue.rows(page), self.queue.rows(page + 1)
        frame, labels = state.frame, self.queue.labels()

        def work() -> list[dict[str, str]]:
            thumbnails = self._thumbnails.get(rows, frame=frame)
            return [
                card(
                    thumbnail, rank=page * PER_PAGE + number + 1,
                    object_id=str(state.dataset.ids[row]), facts=card_facts(state, row),
                    mark=mark_of(labels.get(str(state.dataset.ids[row]))),
                )
                for number, (row, thumbnail) in enumerate(zip(rows, thumbnails, strict=True))
            ]  # fmt: skip

        def show(cards: list[dict[str, str]]) -> None:
            colours = ink(state.dark)
            self.count.object = f"page {page + 1:,} of {self.queue.n_page:,}"
            self.sheet.param.update(
                cards=cards, colours={name: getattr(colours, name) for name in _COLOURS}
            )
            self._mark()
            if following:
                self._drawing.submit(
                    lambda: self._thumbnails.get(following, frame=frame), lambda _made: None
                )

        self._drawing.submit(work, show)


def card_facts(state: ExplorerState, row: int) -> list[str]:
    """Return the few facts written under a thumbnail."""
    dataset = state.dataset
    named = {str(state.score): dataset.label(str(state.score)), "z": "z", "snr": "S/N"}
    values = [
        (name, float(dataset.numeric(column)[row]))
        for column, name in named.items()
        if column in dataset.numeric_columns
    ]
    return [
        f"{name} {format_value(round(value, 4))}" for name, value in values if np.isfinite(value)
    ]


def mark_of(label: Label | None) -> str:
    """Return the short mark of a label on a card."""
    if label is None or label.empty:
        return ""
    return " ".join(filter(None, [str(label.grade) if label.grade is not None else "", label.kind]))


def _open_store(state: ExplorerState) -> tuple[LabelStore | None, str]:
    """Return the labels all sessions share, and what to say about their place."""
    dataset = state.dataset
    try:
        store = dataset.keep(("labels",), lambda: open_labels(dataset.atlas.path))
    except (OSError, ValueError) as error:
        return None, f"Labels can not be kept: {error}"
    return store, store.notice
