"""Grade, class and note of the selected object, and the keys that set them."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from html import escape
from types import EllipsisType
from typing import Any

import panel as pn
import panel_material_ui as pmui

from explorer.labels.label import GRADES, Label
from explorer.labels.store import LabelStore
from explorer.server.notices import report
from explorer.state.state import ExplorerState
from explorer.theme.text import PLAIN, line

KINDS = (
    "blend", "velocity structure", "broad lines", "strong Hδ", "Wolf-Rayet", "supernova", "star",
    "dusty", "bright H II region", "wrong redshift", "sky residual", "bad spectrum",
)  # fmt: skip
"""Classes offered at first: those that Liang+2023 (section 5.2) found, and common mishaps."""
NO_GRADE = "–"


class LabelBar(pn.viewable.Viewer):
    """Says what is on record about the selected object, and changes it."""

    def __init__(
        self, state: ExplorerState, store: LabelStore, on_change: Callable[[str], None]
    ) -> None:
        """Follow the selection.

        Args:
            state: The session.
            store: The labels.
            on_change: Called with the `object_id` whose label changed, once that is on disk.
        """
        super().__init__()
        self._state, self._store, self._on_change = state, store, on_change
        self._filling = False
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
        self.note = pmui.TextInput(label="note (n)", sizing_mode="stretch_width", **small)
        self.undo = pmui.Button(label="undo (u)", variant="outlined", **small)
        user = pn.state.user
        self.who = pmui.TextInput(
            label="your name", value=user or _account(), disabled=bool(user), width=120, **small
        )
        self.said = line("", align="center")
        self.grade.param.watch(lambda event: self._put(grade=_number(event.new)), "value")
        self.kind.param.watch(lambda event: self._put(kind=event.new or ""), "value")
        self.note.param.watch(lambda event: self._put(note=event.new or ""), "value")
        self.undo.on_click(lambda _event: self.take_back())
        state.param.watch(lambda *_: self.fill(), "selected")
        self.fill()

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the widgets in two rows."""
        return pn.Column(
            pn.Row(self.grade, self.kind, self.note, sizing_mode="stretch_width", margin=0),
            pn.Row(self.undo, self.who, self.said, sizing_mode="stretch_width", margin=0),
            sizing_mode="stretch_width",
            margin=0,
        )

    @property
    def keys(self) -> dict[str, Callable[[], None]]:
        """The keys that label."""
        grades = {str(grade): lambda grade=grade: self._put(grade=grade) for grade in GRADES}
        return grades | {"u": self.take_back, "c": self.kind.focus, "n": self.note.focus}

    def take_back(self) -> None:
        """Undo this person's last change and show the object it was about."""
        try:
            object_id = self._store.undo(self.who.value)
        except OSError as error:
            report(error)
            return
        if object_id is None:
            self._say("nothing to undo")
            return
        row = self._state.dataset.row(object_id)
        if row is not None:
            self._state.selected = row
        self.fill()
        self._say(f"took back a change of {object_id}: {said_of(self._store.get(object_id))}")
        self._on_change(object_id)

    def fill(self) -> None:
        """Show what is on record."""
        object_id = self._state.selected_id
        label = self._store.get(object_id) if object_id else None
        self._filling = True
        try:
            self.grade.value = (
                NO_GRADE if label is None or label.grade is None else str(label.grade)
            )
            self.kind.options = list(dict.fromkeys([*self._store.kinds(), *KINDS]))
            self.kind.value = "" if label is None else label.kind
            self.note.value = "" if label is None else label.note
        finally:
            self._filling = False
        for widget in (self.grade, self.kind, self.note):
            widget.disabled = not object_id
        self._say(said_of(label) if object_id else "select an object to label it (keys 0 to 5)")

    def _say(self, text: str) -> None:
        self.said.object = escape(text)

    def _put(
        self,
        *,
        grade: int | EllipsisType | None = ...,
        kind: str | None = None,
        note: str | None = None,
    ) -> None:
        object_id = self._state.selected_id
        if self._filling or not object_id:
            return
        old = self._store.get(object_id) or Label(object_id=object_id)
        if grade in (..., old.grade) and kind in (None, old.kind) and note in (None, old.note):
            return  # browsers also send back what they were told
        try:
            self._store.put(object_id, who=self.who.value, grade=grade, kind=kind, note=note)
        except (OSError, ValueError) as error:
            report(error)
            return
        self.fill()
        self._on_change(object_id)


def said_of(label: Label | None) -> str:
    """Return one line on who said what, when."""
    if label is None or (label.empty and not label.who):
        return "no label"
    what = "label removed" if label.empty else "saved"
    return f"{what} by {label.who}, {label.at[:16].replace('T', ' ')} UTC"


def _number(grade: str) -> int | None:
    return None if grade == NO_GRADE else int(grade)


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "anonymous"
