"""Grade, class and note of the selected object, and the keys that set them."""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from explorer.components.wrapping import wrapping
from explorer.labels.label import GRADES, UNLABELLED, Change, Label
from explorer.labels.news import LabelNews
from explorer.labels.pending import PendingLabels
from explorer.labels.store import LabelStore
from explorer.labels.writer import LabelWriter
from explorer.server.notices import report
from explorer.server.panel_page import show_typed
from explorer.state.state import ExplorerState
from explorer.theme.text import PLAIN, line

KINDS = (
    "blend", "velocity structure", "broad lines", "strong Hδ", "Wolf-Rayet", "supernova", "star",
    "dusty", "bright H II region", "wrong redshift", "sky residual", "bad spectrum",
)  # fmt: skip
"""Classes offered at first: those that Liang+2023 (section 5.2) found, and common mishaps."""
NO_GRADE = "–"
_GROWS = {"flex": "1 1 120px"}
"""Style of what fills its line, or has one of its own where there is no room."""


class LabelBar(pn.viewable.Viewer):
    """Says what is on record about the selected object, and changes it."""

    def __init__(
        self,
        state: ExplorerState,
        store: LabelStore,
        writer: LabelWriter,
        news: LabelNews,
        on_change: Callable[[Label], None],
    ) -> None:
        """Follow the selection.

        Args:
            state: The session.
            store: The labels.
            writer: Writes them.
            news: Tells of labels given in other sessions.
            on_change: Called with each new label, once that is on disk.
        """
        super().__init__()
        self._state, self._store = state, store
        self._on_change, self._news = on_change, news
        self._pending = PendingLabels(
            store, writer, on_written=self._written, on_failed=self._not_written
        )
        news.subscribe(self._heard)
        self._filling = False
        self._label: Label | None = None
        small: dict[str, Any] = {
            "size": "small", "margin": (4, 4), "sx": PLAIN, "align": "center",
        }  # fmt: skip
        self.grade = pmui.RadioButtonGroup(
            options=[NO_GRADE, *map(str, GRADES)], value=NO_GRADE, label="", **small
        )
        self.kind = pmui.AutocompleteInput(
            label="class (c)", restrict=False, min_characters=0, width=150,
            options=list(KINDS), case_sensitive=False, **small,
        )  # fmt: skip
        self.note = pmui.TextInput(label="note (n)", styles=_GROWS, **small)
        self.take_z = pmui.Button(
            label="note the z tried", variant="outlined", visible=False, **small
        )
        self.undo = pmui.Button(label="undo (u)", variant="outlined", **small)
        self._user = pn.state.user
        self.who = pmui.TextInput(
            label="your name", value=self._user or _account(), disabled=bool(self._user),
            width=120, **small,
        )  # fmt: skip
        self.said = line("", align="center", styles=_GROWS)
        self.grade.param.watch(lambda event: self._put(grade=_number(event.new)), "value")
        self.kind.param.watch(lambda event: self._put(kind=event.new or ""), "value")
        self.note.param.watch(lambda event: self._put(note=event.new or ""), "value")
        self.take_z.on_click(lambda _event: self._note_z())
        self.undo.on_click(lambda _event: self.take_back())
        state.param.watch(lambda *_: self.fill(), "selected")
        state.param.watch(
            lambda event: self.take_z.param.update(visible=event.new is not None), "trial_z"
        )
        self.fill()

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the widgets in two lines, or more where the page is narrow."""
        return pn.Column(
            wrapping(self.grade, self.kind, self.note),
            wrapping(self.undo, self.who, self.take_z, self.said),
            sizing_mode="stretch_width",
            margin=0,
        )

    @property
    def _name(self) -> str:
        """Who labels: the login where there is one, for a browser may send any text of a field."""
        return self._user or self.who.value

    @property
    def keys(self) -> dict[str, Callable[[], None]]:
        """The keys that label."""
        grades = {str(grade): lambda grade=grade: self._put(grade=grade) for grade in GRADES}
        return grades | {"u": self.take_back}

    @property
    def fields(self) -> dict[str, str]:
        """The keys that lead to a field, and its label."""
        return {"c": str(self.kind.label), "n": str(self.note.label)}

    def take_back(self) -> None:
        """Undo this person's last change and show the object it was about."""
        self._pending.undo(self._name, self._taken_back)

    def _note_z(self) -> None:
        """Put the redshift tried in Inspect into the note, where a VI file finds it."""
        z = self._state.trial_z
        if z is not None:
            other = re.sub(r"\bz=\S+\s*", "", self.note.value or "")
            self.note.value = f"z={z:.4f} {other}".strip()

    def _taken_back(self, object_id: str | None) -> None:
        if object_id is None:
            self._say("nothing to undo")
            return
        row = self._state.dataset.row(object_id)
        if row is not None:
            self._state.selected = row
        self.fill()
        label = self._pending.label(object_id) or Label(object_id=object_id)
        self._say(f"took back a change of {object_id}: {label.record}")
        self._tell_all(label)

    def _tell_all(self, label: Label) -> None:
        self._on_change(label)
        self._news.publish(label, sender=self)

    def _heard(self, label: Label) -> None:
        """Show a label that was given in another session."""
        if label.object_id == self._state.selected_id and label.object_id not in self._pending:
            old = self._label or Label(object_id=label.object_id)
            self._label = label
            with self._fills():  # a text that did not change may be being typed anew
                self.grade.value = _button(label.grade)
                if label.kind != old.kind:
                    self._show_kind(label.kind)
                if label.note != old.note:
                    self.note.value = label.note
            self._say_state()
        self._on_change(label)

    def fill(self) -> None:
        """Show what is on record, or about to be."""
        object_id = self._state.selected_id
        self._label = self._pending.label(object_id) if object_id else None
        label = self._label or Label(object_id=object_id or "")
        try:
            kinds = self._store.kinds()
        except (OSError, ValueError) as error:
            report(error)
            kinds = []
        with self._fills():
            self.grade.value = _button(label.grade)
            self.kind.options = list(dict.fromkeys([*kinds, *KINDS]))
            self.note.value = label.note
            self._show_kind(label.kind)
        for widget in (self.grade, self.kind, self.note):
            widget.disabled = not object_id
        self._say_state()

    def _show_kind(self, kind: str) -> None:
        """Show a class in place of whatever is being typed, also where it was the value before."""
        self.kind.value = kind
        show_typed(self.kind, kind)

    def _put(self, **said: Any) -> None:  # noqa: ANN401 - fields of `Change`
        """Change the label of the selected object; its fields stay as they are until written."""
        object_id = self._state.selected_id
        if self._filling or not object_id:
            return
        try:
            seen = "" if self._label is None else self._label.at
            change = Change(object_id=object_id, who=self._name, seen=seen, **said)
        except ValueError as error:
            report(error)
            with self._fills():
                self.grade.value = _button(self._label.grade if self._label else None)
            return
        old = self._label or Label(object_id=object_id)
        new = change.applied(old)
        if (new.grade, new.kind, new.note) == (old.grade, old.kind, old.note):
            return  # browsers also send back what they were told
        self._label = new
        self._pending.write(change, new)

    def _written(self, change: Change, label: Label, newest: bool) -> None:  # noqa: FBT001
        if newest and label.object_id == self._state.selected_id:
            self._label = label
            self._show(change, label)
        self._say_state()
        self._tell_all(label)

    def _show(self, change: Change, label: Label) -> None:
        """Show what a change has made; a text that was not part of it may be being typed."""
        with self._fills():
            self.grade.value = _button(label.grade)
            if change.kind is not None:
                if label.kind and label.kind not in self.kind.options:
                    self.kind.options = [label.kind, *self.kind.options]
                self._show_kind(label.kind)
            if change.note is not None:
                self.note.value = label.note

    def _not_written(self, error: Exception) -> None:
        report(OSError(f"{error}; it is tried again until it works"))
        self._say_state()

    @contextmanager
    def _fills(self) -> Iterator[None]:
        """Tell changes of widgets made inside from those the user makes."""
        self._filling = True
        try:
            yield
        finally:
            self._filling = False

    def _say_state(self) -> None:
        text = "select an object to label it (keys 0 to 5)"
        if self._state.selected_id in self._pending:
            text = "not saved yet"
        elif self._state.selected_id:
            text = UNLABELLED if self._label is None else self._label.record
        if self._pending.failed:
            n_failed = len(self._pending.failed)
            text += f" ({n_failed} not saved yet, tried again until it works)"
        self._say(text)

    def _say(self, text: str) -> None:
        self.said.object = escape(text)


def _button(grade: int | None) -> str:
    return NO_GRADE if grade is None else str(grade)


def _number(grade: str) -> int | None:
    return None if grade == NO_GRADE else int(grade)


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "anonymous"
