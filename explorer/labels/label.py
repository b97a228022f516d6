"""A label: what someone said of an object, and a change of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import EllipsisType

GRADES = range(6)
"""0 = ordinary ... 5 = look at this one (Astronomaly's scale)."""
MAX_NAME, MAX_KIND, MAX_NOTE = 100, 60, 2000
UNLABELLED = "no label"
"""What is said of an object that nobody labelled."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """What someone said of an object.

    Attributes:
        object_id: The object.
        grade: 0 (ordinary) to 5 (interesting); None without one.
        kind: Class in the labeller's words; empty without one.
        note: Free text.
        who: Who said so.
        at: When, UTC, ISO 8601.
    """

    object_id: str
    grade: int | None = None
    kind: str = ""
    note: str = ""
    who: str = ""
    at: str = ""

    @property
    def empty(self) -> bool:
        """Nothing is said: all was taken back."""
        return self.grade is None and not self.kind and not self.note

    @property
    def record(self) -> str:
        """One line on who said so, and when."""
        if self.empty and not self.who:
            return UNLABELLED
        what = "label removed" if self.empty else "saved"
        return f"{what} by {self.who}, {self.at[:16].replace('T', ' ')} UTC"


class OverruledError(ValueError):
    """A change that was not made, because someone else changed the label meanwhile.

    Attributes:
        label: What that made of it.
    """

    def __init__(self, label: Label) -> None:
        """Tell whose label is on record."""
        self.label = label
        said = [] if label.grade is None else [f"grade {label.grade}"]
        said += [text for text in (label.kind, label.note) if text]
        super().__init__(
            f"{label.who} labelled {label.object_id} meanwhile ({', '.join(said) or 'nothing'}); "
            "give yours again to overrule"
        )


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of a label, checked; text is kept without invisible characters.

    Attributes:
        object_id: The object.
        who: Who says so, at most 100 characters.
        grade: 0 to 5; None takes it away, `...` leaves it.
        kind: Class, at most 60 characters; None leaves it.
        note: At most 2000 characters; None leaves it.
        seen: When the label was given that this person saw, `Label.at`, empty where there was
            none: a newer one by someone else is not overruled. None = whatever is there.
    """

    object_id: str
    who: str
    grade: int | EllipsisType | None = ...
    kind: str | None = None
    note: str | None = None
    seen: str | None = None

    def __post_init__(self) -> None:
        """Check and clean the values.

        Raises:
            ValueError: A value is out of its range.
        """
        if not self.object_id:
            raise ValueError("object_id must not be empty")
        clean: dict[str, object] = {"who": _text("who", self.who, MAX_NAME)}
        if not clean["who"]:
            raise ValueError("who must not be empty; write one")
        if self.kind is not None:
            clean["kind"] = _text("class", self.kind, MAX_KIND)
        if self.note is not None:
            clean["note"] = _text("note", self.note, MAX_NOTE)
        if not isinstance(self.grade, EllipsisType):
            clean["grade"] = _grade(self.grade)
        for name, value in clean.items():
            object.__setattr__(self, name, value)

    def applied(self, label: Label) -> Label:
        """Return a label with this change, not yet dated."""
        return replace(
            label,
            grade=label.grade if isinstance(self.grade, EllipsisType) else self.grade,
            kind=label.kind if self.kind is None else self.kind,
            note=label.note if self.note is None else self.note,
            who=self.who,
        )


def _grade(grade: int | None) -> int | None:
    if grade is None:
        return None
    if isinstance(grade, bool) or grade not in GRADES:
        raise ValueError(f"grade must be a whole number from 0 to 5, got {grade!r}")
    return int(grade)


def _text(name: str, text: str, longest: int) -> str:
    text = "".join(char for char in text if char.isprintable() or char == "\n").strip()
    if len(text) > longest:
        raise ValueError(f"{name} must have at most {longest} characters, got {len(text)}")
    return text
