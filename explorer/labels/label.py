"""A label: what someone said of an object, and what may be said."""

from __future__ import annotations

from dataclasses import dataclass

GRADES = range(6)
"""0 = ordinary ... 5 = look at this one (Astronomaly's scale)."""
MAX_NAME, MAX_KIND, MAX_NOTE = 100, 60, 2000


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


def checked_grade(grade: int | None) -> int | None:
    """Return a grade, or None.

    Raises:
        ValueError: It is no whole number from 0 to 5.
    """
    if grade is None:
        return None
    if isinstance(grade, bool) or grade not in GRADES:
        raise ValueError(f"grade must be a whole number from 0 to 5, got {grade!r}")
    return int(grade)


def checked_text(name: str, text: str, longest: int, *, required: bool = False) -> str:
    """Return text without invisible characters and spaces around it.

    Raises:
        ValueError: It is too long, or empty though `required`.
    """
    text = "".join(char for char in text if char.isprintable() or char == "\n").strip()
    if len(text) > longest:
        raise ValueError(f"{name} must have at most {longest} characters, got {len(text)}")
    if required and not text:
        raise ValueError(f"{name} must not be empty; write one")
    return text
