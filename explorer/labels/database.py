"""One connection to an SQLite file of labels: created with the first label, reopened if replaced.

A file that is damaged while it is open is moved aside, and a new one gets what is known.

Every statement is a transaction of its own and is on disk (write-ahead log, `synchronous=FULL`)
when it returns.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from threading import RLock
from typing import Any

TIMEOUT = 10.0
"""How long a statement waits for other programs that hold the file, seconds."""
_APPLICATION, _VERSION = 0x4C534C42, 1
_SCHEMA = """
CREATE TABLE change (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  object_id TEXT NOT NULL, grade INTEGER CHECK (grade BETWEEN 0 AND 5),
  class TEXT NOT NULL, note TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL,
  undone_at TEXT);
CREATE INDEX change_object ON change (object_id, number);
"""
_OK = [("ok",)]
"""What SQLite says of a file without damage."""
_log = logging.getLogger(__name__)


class LabelDatabase:
    """A connection that any thread may use, one at a time.

    Attributes:
        damage: What befell the file while it was open; empty for nothing.
    """

    def __init__(self, path: Path, *, other: LabelDatabase | None = None) -> None:
        """Remember the path; nothing is opened yet.

        Args:
            path: The file.
            other: A connection to close before a deleted file is created anew: SQLite's
                shared memory file must not serve two databases.
        """
        self._path, self._other = path, other
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._stamp: tuple[int, int] | None = None
        self._rescued: list[Any] = []
        self.damage = ""

    def read(self, statement: str, values: Mapping[str, object] | None = None) -> list[Any]:
        """Return the rows of a query; none where there is no file, which is not created.

        Raises:
            OSError: The file can not be read.
            ValueError: It is something else, damaged, or of a newer program.
        """
        return self._execute(statement, values or {}, create=False)

    def write(self, statement: str, values: Mapping[str, object]) -> list[Any]:
        """Run a statement that changes the file, created where it is missing; return its rows.

        Where the file was deleted or damaged while it was open, a new one gets all its labels.

        Raises:
            OSError: It could not be written.
            ValueError: The file is something else, damaged, or of a newer program.
        """
        return self._execute(statement, values, create=True)

    def close(self) -> None:
        """Close the file; the next statement opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _execute(self, statement: str, values: Mapping[str, object], *, create: bool) -> list[Any]:
        with self._lock:
            connection = self._opened(create=create)
            if connection is None:
                return []
            try:
                rows = connection.execute(statement, values).fetchall()
                if create:
                    self._stamp = _stamp(self._path)
                return rows
            except sqlite3.Error as error:
                what = "the label was not saved" if create else "labels can not be read"
                raise OSError(f"{what} in {self._path}: {error}") from error

    def _opened(self, *, create: bool) -> sqlite3.Connection | None:
        """Return a connection to the file that is at the path now, not to one moved away."""
        file = _identity(self._path)
        if create and self._connection is not None and file == self._file:
            self._check(self._connection)
            file = _identity(self._path)
        deleted = file is None
        if self._connection is not None and (file == self._file or (deleted and not create)):
            return self._connection
        if deleted and not create:
            return None
        if self._connection is not None and deleted:
            self._rescue(self._connection, "deleted")
        self.close()
        if deleted and self._other is not None:
            self._other.close()
        self._connection = _connect(self._path, self._rescued)
        self._file, self._stamp = _identity(self._path), _stamp(self._path)
        self._rescued = []
        return self._connection

    def _check(self, connection: sqlite3.Connection) -> None:
        """Move a damaged file aside; one that only this connection changed is not looked at.

        An open connection remembers pages, and writes on without seeing that the file is damaged.
        """
        if _stamp(self._path) == self._stamp or _is_sound(self._path):
            return
        self._rescue(connection, "damaged")
        self.close()
        if self._other is not None:
            self._other.close()
        aside = _move_aside(self._path)
        self.damage = (
            f"{self._path} was damaged while it was open; it is now {aside.name}, and a new one "
            f"has the {len(self._rescued):,} changes that could be read"
        )
        _log.warning("%s", self.damage)

    def _rescue(self, connection: sqlite3.Connection, what: str) -> None:
        """Read the rows of a file that was deleted or damaged while open, as far as they go."""
        self._rescued = []
        try:
            for row in connection.execute("SELECT * FROM change ORDER BY number"):
                self._rescued.append(row)
        except sqlite3.Error as error:
            _log.warning("%s was %s and can not all be read: %s", self._path, what, error)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another at the same path; None where there is none."""
    status = _status(path)
    return status and (status.st_dev, status.st_ino)


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return what changes when somebody writes to a file; None where there is none."""
    status = _status(path)
    return status and (status.st_size, status.st_mtime_ns)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _is_sound(path: Path) -> bool:
    """Return False for a damaged file, True also where others keep it from being read."""
    try:
        with closing(sqlite3.connect(path, timeout=TIMEOUT)) as fresh:
            return _has_tables(fresh) and fresh.execute("PRAGMA quick_check(1)").fetchall() == _OK
    except sqlite3.OperationalError:
        return True
    except sqlite3.DatabaseError:
        return False


def _move_aside(path: Path) -> Path:
    """Rename a file, with its log, to a name that is free; return that."""
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in count(1))
    aside = next(name for name in names if not name.exists())
    for ending in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    return aside


def _connect(path: Path, rows: list[Any]) -> sqlite3.Connection:
    """Open a file of labels; put some rows into a new one."""
    connection = None
    try:
        connection = sqlite3.connect(
            path, timeout=TIMEOUT, isolation_level=None, check_same_thread=False
        )
        _prepare(connection, rows)
    except sqlite3.DatabaseError as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.OperationalError):
            raise OSError(f"labels can not be kept in {path}: {error}") from error
        raise ValueError(
            f"{path} must be a file of labels: {error}; move it away to start a new one"
        ) from error
    return connection


def _prepare(database: sqlite3.Connection, rows: list[Any]) -> None:
    """Create the tables where they are missing, with some rows."""
    if not _has_tables(database):
        database.execute("BEGIN IMMEDIATE")
        with database:  # commits, or rolls back
            if not _has_tables(database):  # still, now that others wait
                for statement in _SCHEMA.split(";"):
                    database.execute(statement)
                database.executemany("INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
                database.execute(f"PRAGMA application_id = {_APPLICATION}")
                database.execute(f"PRAGMA user_version = {_VERSION}")
    _use_write_ahead_log(database)
    database.execute("PRAGMA synchronous = FULL")


def _has_tables(database: sqlite3.Connection) -> bool:
    """Return False for an empty database.

    Raises:
        sqlite3.DatabaseError: It has tables, but not these.
    """
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (mark,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if tables and (mark != _APPLICATION or version > _VERSION):
        raise sqlite3.DatabaseError("made by another program, or by a newer version")
    return bool(tables)


def _use_write_ahead_log(database: sqlite3.Connection) -> None:
    """Set the journal mode, which the file keeps, once no other connection is at work.

    SQLite does not apply the connection's timeout to this statement but fails at once. A file that
    stays busy keeps its rollback journal, which is as safe, only slower, until it is next opened.
    """
    end = time.monotonic() + TIMEOUT
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() < end:
                time.sleep(0.01)
                continue
        return
