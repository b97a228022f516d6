"""The outliers: ranked by a score, on a contact sheet or in a table, walked and labelled."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from explorer.components.keyboard import Keyboard
from explorer.components.wrapping import wrapping
from explorer.labels.bar import LabelBar
from explorer.labels.label import Label
from explorer.labels.shared import label_news, shared_labels
from explorer.labels.writer import LabelWriter
from explorer.outliers.contact_sheet import PAGE_SIZES, ContactSheet, card, facts_of, mark_of
from explorer.outliers.label_files import LabelFiles
from explorer.outliers.queue import TAB, OutlierQueue, explain
from explorer.outliers.ranking import available_options
from explorer.outliers.table import OutlierTable, cells, titles
from explorer.outliers.thumbnails import N_COLUMN, Thumbnails, wave_limits
from explorer.server.latest import Latest
from explorer.state.outlier_options import CUTS_OF, LABELS
from explorer.state.state import ExplorerState
from explorer.theme.text import SMALL, line
from explorer.theme.theme import ink

SHEET, TABLE = "sheet", "table"
_LEGEND = (
    "Orange: reconstruction; below: residual of the mean of about {} pixels in its own noise, ±8σ "
    "(Inspect shows single pixels)."
)
TABLE_ROWS = 24
READ_ONLY = "You may look at labels; whoever serves this page chooses who gives them."
_COLOURS = ("paper", "text", "faint", "model", "highlight")


class OutliersView(pn.viewable.Viewer):
    """List, contact sheet and labels; writes the selected object to the state."""

    def __init__(self, state: ExplorerState) -> None:
        """Make the widgets; the list is made when the tab opens."""
        super().__init__()
        self._state = state
        self._drawing = Latest()
        self._thumbnails = Thumbnails.of(state.dataset)
        self._store, self._notice = shared_labels(state.dataset)
        self.queue = OutlierQueue(state, self._store)
        self.sheet = ContactSheet(self._pick)
        self.table = OutlierTable(self._pick)
        writer = state.dataset.keep(("label writer",), LabelWriter)
        news = label_news(state.dataset)
        store = self._store
        self.files = LabelFiles(state, store, writer, news)
        self.bar = None
        if store is not None and state.may_write:
            self.bar = LabelBar(state, store, writer, news, self._labelled)
        elif store is not None:
            self._notice = READ_ONLY
            news.subscribe(self._labelled)
        self._make_widgets()
        self.queue.param.watch(lambda *_: self._show_list(), "ranking")
        self.queue.param.watch(lambda *_: self._draw(), ["page", "per_page"])
        state.param.watch(lambda *_: self._mark(), "selected")
        state.param.watch(lambda *_: self._draw(), ["frame", "dark"])

    def _make_widgets(self) -> None:
        state, parameters = self._state, self._state.param
        small = SMALL | {"description": ""}
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
        self.rule = pmui.Select.from_param(
            self.queue.param.rule, label="learn by", width=150, visible=self.queue.param.learn,
            **small,
        )  # fmt: skip
        self.again = pmui.Button(label="sort again", **outlined)
        self.options = pmui.CheckBoxGroup.from_param(
            parameters.outlier_options, label="",
            options={LABELS.get(name, name): name for name in available_options(state.dataset)},
            inline=True, **small | {"align": "start"},
        )  # fmt: skip
        self.part = pmui.RadioButtonGroup(label="", options=[SHEET, TABLE], value=SHEET, **small)
        self.back = pmui.Button(label="◀", **outlined)
        self.forth = pmui.Button(label="▶", **outlined)
        self.explanation = line("")
        self.count = line("", width=104, align="center")
        self.size = pmui.Select(label="a page", options=list(PAGE_SIZES), width=72, **small)
        self.legend = line("")
        for choice in (self.part, self.size):
            choice.param.watch(lambda *_: self._switch(), "value")
        self._switch()
        self.score.param.watch(lambda event: self._choose_cuts(event.new), "value")
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
            Keyboard(
                keys | (self.bar.keys if self.bar else {}),
                fields=self.bar.fields if self.bar else None,
                first=True,
            ),
            wrapping(
                self.score,
                self.part,
                self.reverse,
                self.learn,
                self.rule,
                self.again,
                margin=(8, 0, 0, 0),
            ),
            self.explanation,
            self.options,
            *([warning] if self._notice else []),
            *([self.bar] if self.bar else []),
            wrapping(self.back, self.forth, self.count, self.size, self.files),
            self.legend,
            self.sheet,
            self.table,
            scroll="y-auto",
            sizing_mode="stretch_both",
            margin=(0, 4),
        )

    def _choose_cuts(self, score: str) -> None:
        """Tick the options that belong to a score a user chose, and untick those of others."""
        cuts = {name for names in CUTS_OF.values() for name in names}
        kept = [name for name in self._state.outlier_options if name not in cuts]
        there = available_options(self._state.dataset)
        wanted = [name for name in CUTS_OF.get(score, ()) if name in there]
        self._state.outlier_options = [*kept, *wanted]

    def _switch(self) -> None:
        self.sheet.visible = self.size.visible = self.part.value == SHEET
        self.legend.object = legend_of(self._state) if self.part.value == SHEET else ""
        self.table.visible = self.part.value == TABLE
        self.queue.resize(self.size.value if self.part.value == SHEET else TABLE_ROWS)

    def _pick(self, number: int) -> None:
        rows = self.queue.rows(self.queue.page)
        if number < len(rows):
            self._state.selected = rows[number]

    def _show_list(self) -> None:
        ranking = self.queue.ranking
        if ranking is None:
            return
        n_graded = sum(label.grade is not None for label in self.queue.labels().values())
        text = explain(self._state, ranking, learn=self.queue.learn, n_graded=n_graded)
        self.explanation.object = escape(text)
        self._draw()

    def _labelled(self, label: Label) -> None:
        """Show a label that changed, if its object is on the page; the order stays."""
        row, rows = self._state.dataset.row(label.object_id), self.queue.rows(self.queue.page)
        if row not in rows:
            return
        at = rows.index(row)
        if self.part.value == TABLE:
            self.table.label(at, label)
        elif at < len(self.sheet.marks):
            marks = list(self.sheet.marks)
            marks[at] = mark_of(label)
            self.sheet.marks = marks

    def _mark(self) -> None:
        at, first = self.queue.position, self.queue.page * self.queue.per_page
        here = at is not None and 0 <= at - first < self.queue.per_page
        current = at - first if at is not None and here else -1
        self.sheet.current = self.table.current = current

    def _draw(self) -> None:
        """Draw the open page."""
        state, queue = self._state, self.queue
        if state.tab != TAB or queue.ranking is None or state.score is None:
            return
        self.count.object = f"page {queue.page + 1:,} of {queue.n_page:,}"
        colours = {name: getattr(ink(state.dark), name) for name in _COLOURS}
        if self.part.value == SHEET:
            self._draw_sheet(colours)
            return
        names, numbers = titles(state.dataset, state.score)
        first = queue.page * queue.per_page + 1
        rows = cells(
            state.dataset, state.score, queue.rows(queue.page), first=first, labels=queue.labels()
        )
        self.table.param.update(columns=names, numbers=numbers, colours=colours, rows=rows)
        self._mark()

    def _draw_sheet(self, colours: dict[str, str]) -> None:
        """Draw the open page of the contact sheet, then the next one in advance."""
        state, page = self._state, self.queue.page
        first = page * self.queue.per_page + 1
        rows, following = self.queue.rows(page), self.queue.rows(page + 1)
        frame = state.frame
        self.legend.object = legend_of(state)

        def work() -> list[dict[str, str]]:
            thumbnails = self._thumbnails.get(rows, frame=frame)
            return [
                card(
                    thumbnail, rank=first + number,
                    object_id=str(state.dataset.ids[row]), facts=facts_of(state, row),
                )
                for number, (row, thumbnail) in enumerate(zip(rows, thumbnails, strict=True))
            ]  # fmt: skip

        def show(cards: list[dict[str, str]]) -> None:
            labels = self.queue.labels()
            marks = [mark_of(labels.get(item["id"])) for item in cards]
            self.sheet.param.update(cards=cards, marks=marks, colours=colours)
            self._mark()
            if following:
                self._drawing.submit(
                    lambda: self._thumbnails.get(following, frame=frame), lambda _made: None
                )

        self._drawing.submit(work, show)


def legend_of(state: ExplorerState) -> str:
    """Return what the pictures show: a column of theirs is the mean of several pixels.

    Where the spectra are lost, it is why there are none.
    """
    start, end = wave_limits(state.dataset, state.frame)
    try:
        grid = state.dataset.atlas.source.parts[0].grid
    except (ValueError, OSError) as error:
        return escape(f"No spectra: {error}")
    step = (grid.wave[-1] - grid.wave[0]) / grid.n_pixel
    return _LEGEND.format(max(1, round((end - start) / N_COLUMN / step)))
