"""Labels that people give to objects: grade, class and note, in an SQLite file.

Every change is one row of a journal and is on disk (write-ahead log, `synchronous=FULL`) before
the call returns. The label of an object is its newest change that was not undone.
"""

from __future__ import annotations

import csv
import datetime
import io
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from types import EllipsisType
from typing import Any

from explorer.labels.label import MAX_KIND, MAX_NAME, MAX_NOTE, Label, checked_grade, checked_text

COLUMNS = ("object_id", "grade", "class", "note", "who", "at")
_APPLICATION, _VERSION = 0x4C534C42, 1
_SCHEMA = """
CREATE TABLE change (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  object_id TEXT NOT NULL, grade INTEGER CHECK (grade BETWEEN 0 AND 5),
  class TEXT NOT NULL, note TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL,
  undone_at TEXT);
CREATE INDEX change_object ON change (object_id, number);
"""
_CURRENT = f"""
SELECT {", ".join(COLUMNS)} FROM change WHERE number IN
  (SELECT max(number) FROM change WHERE undone_at IS NULL GROUP BY object_id)
"""


class LabelStore:
    """The labels of one atlas. Safe to use from threads and by several processes at once."""

    def __init__(self, path: Path | str, *, notice: str = "") -> None:
        """Open or create a file of labels.

        Args:
            path: The file.
            notice: What the user should know about its place.

        Raises:
            OSError: The file can not be written there.
            ValueError: The file is something else, damaged, or of a newer program.
        """
        self.path, self.notice = Path(path), notice
        self._lock = RLock()
        self._open: sqlite3.Connection | None = None
        if self.path.exists():
            self._connect()

    def _connect(self) -> sqlite3.Connection:
        """Open the file, made with the first label: who only looks leaves the folder as it was."""
        with self._lock:
            if self._open is None:
                try:
                    database = sqlite3.connect(
                        self.path, timeout=5.0, isolation_level=None, check_same_thread=False
                    )
                    self._prepare(database)
                except sqlite3.OperationalError as error:
                    raise OSError(f"labels can not be kept in {self.path}: {error}") from error
                except sqlite3.DatabaseError as error:
                    raise ValueError(
                        f"{self.path} must be a file of labels: {error}; move it away to start "
                        "a new one"
                    ) from error
                self._open = database
            return self._open

    @staticmethod
    def _prepare(database: sqlite3.Connection) -> None:
        with _transaction(database):
            mark, version, tables = (
                database.execute(query).fetchone()[0]
                for query in (
                    "PRAGMA application_id",
                    "PRAGMA user_version",
                    "SELECT count(*) FROM sqlite_master",
                )
            )
            if not tables:
                for statement in _SCHEMA.split(";"):
                    database.execute(statement)
                database.execute(f"PRAGMA application_id = {_APPLICATION}")
                database.execute(f"PRAGMA user_version = {_VERSION}")
            elif mark != _APPLICATION or version > _VERSION:
                raise sqlite3.DatabaseError("made by another program, or by a newer version")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._open is not None:
                self._open.close()
            self._open = None

    def get(self, object_id: str) -> Label | None:
        """Return the label of an object, or None."""
        query = (
            f"SELECT {', '.join(COLUMNS)} FROM change WHERE object_id = ? AND undone_at IS NULL "
            "ORDER BY number DESC LIMIT 1"
        )
        return next(iter(self._labels(query, object_id)), None)

    def all(self) -> dict[str, Label]:
        """Return object_id -> label of every labelled object, the newest last."""
        return {label.object_id: label for label in self._labels(_CURRENT + " ORDER BY number")}

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
        if not object_id:
            raise ValueError("object_id must not be empty")
        new_who = checked_text("who", who, MAX_NAME, required=True)
        new_grade = grade if isinstance(grade, EllipsisType) else checked_grade(grade)
        new_kind = None if kind is None else checked_text("class", kind, MAX_KIND)
        new_note = None if note is None else checked_text("note", note, MAX_NOTE)
        names, marks = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
        with self._writing() as database:
            old = self.get(object_id) or Label(object_id=object_id)
            label = Label(
                object_id=object_id,
                grade=old.grade if isinstance(new_grade, EllipsisType) else new_grade,
                kind=old.kind if new_kind is None else new_kind,
                note=old.note if new_note is None else new_note,
                who=new_who,
                at=_now(),
            )
            values = (object_id, label.grade, label.kind, label.note, label.who, label.at)
            database.execute(f"INSERT INTO change ({names}) VALUES ({marks})", values)
        return label

    def undo(self, who: str) -> str | None:
        """Take back someone's newest change.

        Returns:
            The object it was about, or None where nothing is left to undo.

        Raises:
            OSError: It could not be written.
        """
        query = "SELECT max(number) FROM change WHERE who = ? AND undone_at IS NULL"
        if self._open is None and not self.path.exists():
            return None
        with self._writing() as database:
            (number,) = database.execute(query, (who.strip(),)).fetchone()
            if number is None:
                return None
            database.execute("UPDATE change SET undone_at = ? WHERE number = ?", (_now(), number))
            row = database.execute("SELECT object_id FROM change WHERE number = ?", (number,))
            return str(row.fetchone()[0])

    def kinds(self) -> list[str]:
        """Return the classes in use, the most frequent first."""
        query = f"SELECT class FROM ({_CURRENT}) WHERE class != '' GROUP BY class "
        query += "ORDER BY count(*) DESC, class"
        return [str(kind) for (kind,) in self._rows(query)]

    def to_csv(self) -> str:
        """Return all labels as a CSV table."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for label in self.all().values():
            if not label.empty:
                grade = "" if label.grade is None else label.grade
                writer.writerow(
                    [label.object_id, grade, label.kind, label.note, label.who, label.at]
                )
        return text.getvalue()

    def _labels(self, query: str, *values: str) -> list[Label]:
        names = ("object_id", "grade", "kind", "note", "who", "at")
        return [Label(**dict(zip(names, row, strict=True))) for row in self._rows(query, *values)]

    def _rows(self, query: str, *values: str) -> list[Any]:
        with self._lock:
            if self._open is None and not self.path.exists():
                return []
            return self._connect().execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            database = self._connect()
            with self._lock, _transaction(database):
                yield database
        except sqlite3.Error as error:
            raise OSError(f"the label was not saved in {self.path}: {error}") from error


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
