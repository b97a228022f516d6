"""Labels that people give to objects: grade, class and note, in an SQLite file.

Every change is one row of a journal and is on disk before the call returns. The label of an object
is its newest change that was not undone.
"""

from __future__ import annotations

import csv
import datetime
import io
from pathlib import Path
from types import EllipsisType
from typing import Any

from data.export.spreadsheet import as_text
from explorer.labels.database import LabelDatabase
from explorer.labels.label import Change, Label, OverruledError

COLUMNS = ("object_id", "grade", "class", "note", "who", "at")
_COLUMNS = ", ".join(COLUMNS)
_CURRENT = f"""
SELECT {_COLUMNS} FROM change WHERE number IN
  (SELECT max(number) FROM change WHERE undone_at IS NULL GROUP BY object_id)
"""
_OF_OBJECT = f"""
SELECT {_COLUMNS} FROM change WHERE object_id = :object_id AND undone_at IS NULL
  ORDER BY number DESC LIMIT 1
"""
_KINDS = f"""
SELECT class FROM ({_CURRENT}) WHERE class != '' GROUP BY class ORDER BY count(*) DESC, class
"""
_PUT = f"""
INSERT INTO change ({_COLUMNS})
  SELECT :object_id, CASE WHEN :keep_grade THEN old.grade ELSE :grade END,
    coalesce(:kind, old.class, ''), coalesce(:note, old.note, ''), :who, :at
  FROM (SELECT 1) LEFT JOIN ({_OF_OBJECT}) AS old
  WHERE :seen IS NULL OR old.at IS NULL OR old.at = :seen OR old.who = :who
  RETURNING {_COLUMNS}
"""
_UNDO = """
UPDATE change SET undone_at = :at
  WHERE number = (SELECT max(number) FROM change WHERE who = :who AND undone_at IS NULL)
  RETURNING object_id
"""


class LabelStore:
    """The labels of one atlas. Safe to use from threads and by several processes at once.

    Readers have a connection of their own: they do not wait for a writer.
    """

    def __init__(self, path: Path | str, *, notice: str = "") -> None:
        """Open a file of labels, or create it with the first label.

        Args:
            path: The file.
            notice: What the user should know about its place.

        Raises:
            OSError: The file can not be opened.
            ValueError: The file is something else, damaged, or of a newer program.
        """
        self.path, self.notice = Path(path), notice
        self._reader = LabelDatabase(self.path)
        self._writer = LabelDatabase(self.path, other=self._reader)
        self._reader.read("PRAGMA user_version")

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()

    def get(self, object_id: str) -> Label | None:
        """Return the label of an object, or None."""
        rows = self._reader.read(_OF_OBJECT, {"object_id": object_id})
        return _label(rows[0]) if rows else None

    def all(self) -> dict[str, Label]:
        """Return object_id -> label of every labelled object, the newest last."""
        rows = self._reader.read(_CURRENT + " ORDER BY number")
        return {label.object_id: label for label in map(_label, rows)}

    def put(
        self,
        object_id: str,
        *,
        who: str,
        grade: int | EllipsisType | None = ...,
        kind: str | None = None,
        note: str | None = None,
    ) -> Label:
        """Change what is said of an object; on disk when this returns.

        Args:
            object_id: The object.
            who: Who says so.
            grade: 0 to 5; None takes it away, `...` leaves it.
            kind: Class, at most 60 characters; None leaves it.
            note: At most 2000 characters; None leaves it.

        Raises:
            ValueError: A value is out of its range.
            OSError: It could not be written.
        """
        return self.write(Change(object_id=object_id, who=who, grade=grade, kind=kind, note=note))

    def write(self, change: Change) -> Label:
        """Write a change; return the label it makes, on disk.

        Raises:
            OSError: It could not be written.
            OverruledError: Someone else's label is newer than the one that was seen.
        """
        keep_grade = isinstance(change.grade, EllipsisType)
        values = {
            "object_id": change.object_id, "keep_grade": keep_grade,
            "grade": None if keep_grade else change.grade,
            "kind": change.kind, "note": change.note, "who": change.who, "at": _now(),
            "seen": change.seen,
        }  # fmt: skip
        rows = self._writer.write(_PUT, values)
        if not rows:
            newer = self.get(change.object_id)
            raise OverruledError(newer or Label(object_id=change.object_id))
        return _label(rows[0])

    def take_damage(self) -> str:
        """Return what befell the file while it was open, once; empty for nothing."""
        damage, self._writer.damage = self._writer.damage, ""
        return damage

    def undo(self, who: str) -> str | None:
        """Take back someone's newest change.

        Returns:
            The object it was about, or None where nothing is left to undo.

        Raises:
            OSError: It could not be written.
        """
        if not self.path.exists():
            return None
        rows = self._writer.write(_UNDO, {"who": who.strip(), "at": _now()})
        return str(rows[0][0]) if rows else None

    def kinds(self) -> list[str]:
        """Return the classes in use, the most frequent first."""
        return [str(kind) for (kind,) in self._reader.read(_KINDS)]

    def to_csv(self) -> str:
        """Return all labels as a CSV table."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for label in self.all().values():
            if not label.empty:
                grade = "" if label.grade is None else label.grade
                texts = map(as_text, (label.kind, label.note, label.who))
                writer.writerow([label.object_id, grade, *texts, label.at])
        return text.getvalue()


def _label(row: tuple[Any, ...]) -> Label:
    object_id, grade, kind, note, who, at = row
    return Label(object_id=object_id, grade=grade, kind=kind, note=note, who=who, at=at)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
