"""A user's catalogue: found by identifier or by position, it fills what the files do not have."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from data.arrays import FloatArray, IndexArray
from data.ingest.catalog.columns import DEGREES_PER_HOUR, standardise
from data.ingest.catalog.missing import numbers
from data.ingest.catalog.table_file import read_table_file
from data.ingest.cells import plain_text
from data.sky import SAME_OBJECT, chord, known_positions, position_tree, unit_vectors

Match = Literal["id", "radec"]
KEYS = (("object_id",), ("targetid",), ("plate", "mjd", "fiber"))
"""Columns that identify an object, alone or together."""
EXACT = 2.0**53
"""Floating-point numbers from here on have lost digits."""


class Catalog:
    """A table of objects, with standard column names, that finds the rows of given objects.

    Attributes:
        table: The columns; integers are integers also where some are missing.
        told: What was decided while it was read, one line each.
    """

    def __init__(
        self,
        path: Path,
        *,
        match: Match,
        table: str = "",
        columns: Mapping[str, str] | None = None,
    ) -> None:
        """Read a catalogue: CSV, Parquet, or what astropy reads (FITS, ECSV, VOTable, HDF5).

        Args:
            path: The file.
            match: Find objects by `id` (object_id, targetid, plate + mjd + fiber, or the path of
                their file) or `radec`.
            table: Name or number of the table, where the file holds several.
            columns: Standard column -> column of the table, where that is to be decided.

        Raises:
            ValueError: The file can not be read, or lacks the columns that `match` needs.
        """
        standard = standardise(read_table_file(path, table=table), asked=columns)
        self.table = _plain(standard.frame)
        self.told = standard.told
        self.match = match
        self._path = path
        self._values = {"z": self._numbers("z")}
        self._kinds = self._words("class")
        self._ids: dict[str, int] = {}
        self._plain_ids: dict[str, int] = {}
        self._files: dict[str, int] = {}
        if match == "radec":
            self._tree, self._tree_rows = self._index_positions()
        else:
            self._index_keys()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.table)

    def find(self, *, object_id: str, ra: float, dec: float, file: str = "") -> int:
        """Return the row of an object, by identifier, file or nearest position; -1 if none."""
        if self.match == "id":
            row = self._ids.get(object_id.strip(), -1)
            row = row if row >= 0 else self._plain_ids.get(_plain_id(object_id), -1)
            return row if row >= 0 or not self._files else self._find_file(file)
        position = np.array([ra]), np.array([dec])
        if not known_positions(*position)[0]:
            return -1
        distance, row = self._tree.query(unit_vectors(*position)[0])
        return int(self._tree_rows[row]) if distance <= chord(SAME_OBJECT) else -1

    def redshift(self, row: int) -> float:
        """Return the redshift of a row; NaN if there is no such row, column or number."""
        return self.number("z", row)

    def kind(self, row: int) -> str:
        """Return the class of a row, upper case; empty if there is no such row or column."""
        return self._kinds[row] if row >= 0 else ""

    def number(self, name: str, row: int) -> float:
        """Return a number of a row; NaN if there is no such row, column or number."""
        if name not in self._values:
            self._values[name] = self._numbers(name)
        return float(self._values[name][row]) if row >= 0 else float("nan")

    def text(self, name: str, row: int) -> str:
        """Return a text of a row; empty if there is no such row, column or text."""
        if row < 0 or name not in self.table or pd.isna(self.table[name].iloc[row]):
            return ""
        return plain_text(self.table[name].iloc[row])

    def columns_for(self, rows: IndexArray) -> pd.DataFrame:
        """Return the table's rows for objects in order; missing values where row is -1."""
        return self.table.reindex(pd.Index(np.where(rows < 0, -1, rows))).reset_index(drop=True)

    def coverage(self, rows: IndexArray, files: Sequence[str]) -> list[str]:
        """Return what there is to say of how many objects were found, one line each.

        Args:
            rows: Row of each object, -1 where none was found.
            files: File of each object.

        Raises:
            ValueError: None was found: this is the wrong table, or the wrong `match`. Or one name
                of a file stands for several files.
        """
        self._check_names(rows, files)
        n_found, n_used = int((rows >= 0).sum()), len(np.unique(rows[rows >= 0]))
        told = [
            f"catalogue: {n_found} of {len(rows)} objects found in it, "
            f"{n_used} of its {len(self)} rows used"
        ]
        if n_found == 0:
            raise ValueError(
                f"--catalog {self._path} has none of the {len(rows)} objects; {self._hint()}"
            )
        if n_found < len(rows) / 2:
            told.append(
                f"WARNING: the catalogue has fewer than half of the objects; {self._hint()}"
            )
        return told

    def _check_names(self, rows: IndexArray, files: Sequence[str]) -> None:
        """Refuse a file's name, found in no other way, that several files have.

        Raises:
            ValueError: There is one.
        """
        by_name: dict[int, str] = {}
        for row, file in zip(rows.tolist(), files, strict=True):
            name = os.path.basename(file)
            if row >= 0 and self._files.get(name) == row and (
                os.path.realpath(file) not in self._files
            ) and by_name.setdefault(row, file) != file:  # fmt: skip
                raise ValueError(
                    f"--catalog {self._path} names {name} without its folder, and both "
                    f"{by_name[row]} and {file} are called so; give paths from the table's folder"
                )

    def _hint(self) -> str:
        if self.match == "radec":
            ra = self._numbers("ra")
            if np.nanmax(ra) <= 360 / DEGREES_PER_HOUR:
                return "its right ascensions may be hours: degrees are needed"
            return f"its positions lie at RA {np.nanmin(ra):.1f} to {np.nanmax(ra):.1f} degrees"
        some = ", ".join(list(self._ids or self._files)[:3])
        return f"its identifiers look like {some}; --match radec compares positions"

    def _index_keys(self) -> None:
        known = [names for names in KEYS if set(names) <= set(self.table.columns)]
        if "path" in self.table.columns:
            self._index_files()
        if not known and not self._files:
            raise ValueError(
                f"{self._path} must have a column object_id, or targetid, or plate, mjd and "
                "fiberid, or path to match by id; it has "
                f"{', '.join(map(str, self.table.columns[:12]))}; say which it is by "
                "--column object_id=NAME, or try --match radec"
            )
        n_repeat = 0
        for names in known:
            words = [self._key_words(name) for name in names]
            for row, parts in enumerate(zip(*words, strict=True)):
                if all(parts):
                    key = "-".join(parts).strip()
                    first = self._ids.setdefault(key, row)
                    n_repeat += first != row
                    plain = self._plain_ids.setdefault(_plain_id(key), first)
                    if plain != first:  # 007 and 7: only as they are written
                        self._plain_ids[_plain_id(key)] = -1
        if n_repeat:
            self.told.append(f"{n_repeat} rows repeat an identifier; the first of each is used")

    def _index_files(self) -> None:
        """Index the files: by their paths, seen from the list's folder, and by ends of these.

        A name alone tells a file that lies elsewhere, a path does with the folder it ends in.
        """
        ends: dict[str, int] = {}
        for row, path in enumerate(self.table["path"]):
            if pd.isna(path) or not str(path).strip():
                continue
            place = os.path.join(self._path.parent, str(path).strip())
            self._files.setdefault(os.path.realpath(place), row)
            end = (
                os.path.basename(place) if os.path.dirname(str(path).strip()) == "" else _end(place)
            )
            ends[end] = -1 if end in ends else row
        self._files |= {end: row for end, row in ends.items() if row >= 0}

    def _find_file(self, file: str) -> int:
        ways = (os.path.realpath(file), _end(os.path.abspath(file)), os.path.basename(file))
        return next((self._files[way] for way in ways if way in self._files), -1)

    def _key_words(self, name: str) -> list[str]:
        """Return a key column as text, to the last digit; empty where missing.

        Raises:
            ValueError: It holds floating-point numbers too large to be exact.
        """
        column = self.table[name]
        if pd.api.types.is_float_dtype(column):
            values = numbers(column)
            if np.any(np.abs(values) >= EXACT):
                raise ValueError(
                    f"{self._path}: {name} holds floating-point numbers such as "
                    f"{values[np.abs(values) >= EXACT][0]:.6g}, which lost their last digits; "
                    "save it as integers or text, or use --match radec"
                )
            return [f"{value:.0f}" if np.isfinite(value) else "" for value in values]
        return ["" if pd.isna(value) else str(value) for value in column]

    def _index_positions(self) -> tuple[KDTree, IndexArray]:
        if not {"ra", "dec"} <= set(self.table.columns):
            raise ValueError(
                f"{self._path} must have columns ra and dec (degrees) to match by radec"
            )
        tree, rows = position_tree(self._numbers("ra"), self._numbers("dec"))
        if rows.size == 0:
            raise ValueError(
                f"{self._path} has no row with a known position: ra and dec must be degrees"
            )
        return tree, rows

    def _numbers(self, name: str) -> FloatArray:
        missing = pd.Series(np.nan, index=self.table.index)
        return numbers(self.table[name] if name in self.table else missing)

    def _words(self, name: str) -> list[str]:
        if name not in self.table:
            return [""] * len(self)
        return ["" if pd.isna(word) else plain_text(word).upper() for word in self.table[name]]


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Return numbers, nullable integers, truth values and text only; missing text is None."""
    columns: dict[str, object] = {}
    for name in table.columns:
        column = table[name]
        if pd.api.types.is_float_dtype(column):
            columns[name] = numbers(column)
        elif pd.api.types.is_numeric_dtype(column):
            columns[name] = column.convert_dtypes().array
        else:
            columns[name] = [None if pd.isna(cell) else plain_text(cell) for cell in column]
    return pd.DataFrame(columns, index=table.index)


def _end(path: str) -> str:
    """Return a file's name and its folder's."""
    return os.path.join(os.path.basename(os.path.dirname(path)), os.path.basename(path))


def _plain_id(text: str) -> str:
    """Return an identifier without leading zeros, so that 0266-51602-0001 is 266-51602-1."""
    text = text.strip().removeprefix("spec-").removesuffix(".0")
    return re.sub(r"(^|-)0+(?=\d)", r"\1", text)
