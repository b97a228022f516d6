"""A user's catalogue, matched by identifier or position; it supplies what the files lack."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from data.arrays import FloatArray, IndexArray
from data.ingest.cells import plain_text
from data.sky import SAME_OBJECT, chord, known_positions, position_tree, unit_vectors

Match = Literal["id", "radec"]
ALIASES = {
    "redshift": "z",
    "zerr": "z_err",
    "spectype": "class",
    "fiberid": "fiber",
    "plug_ra": "ra",
    "plug_dec": "dec",
    "target_ra": "ra",
    "target_dec": "dec",
    "lgm_tot_p50": "log_mass",
    "specsfr_tot_p50": "log_ssfr",
}
"""Names of SDSS, DESI and MPA-JHU tables -> the standard names of a survey's catalogue."""
NO_VALUE = -9999.0
"""What MPA-JHU and other SDSS tables write where they have no value."""


class Catalog:
    """A table of objects, with standard column names, that finds the rows of given objects."""

    def __init__(self, path: Path, *, match: Match) -> None:
        """Read a catalogue: CSV, Parquet, or what astropy reads (FITS, ECSV, VOTable).

        Args:
            path: The file.
            match: Find objects by `id` (object_id, targetid, or plate + mjd + fiber) or `radec`.

        Raises:
            ValueError: The file can not be read, or lacks the columns that `match` needs.
        """
        self.table = _plain(_standard_names(_read_table(path)))
        self.match = match
        self._z = _numbers(self.table, "z")
        kinds = self.table["class"].fillna("") if "class" in self.table else [""] * len(self)
        self._kinds = [plain_text(kind).upper() for kind in kinds]
        if match == "radec":
            self._tree, self._tree_rows = self._positions(path)
            self._ids: dict[str, int] = {}
        else:
            self._ids = {key: row for row, key in reversed(list(enumerate(self._keys(path))))}

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.table)

    def find(self, *, object_id: str, ra: float, dec: float) -> int:
        """Return the row of an object, by identifier or nearest position; -1 if none."""
        if self.match == "id":
            return self._ids.get(_plain_id(object_id), -1)
        position = np.array([ra]), np.array([dec])
        if not known_positions(*position)[0]:
            return -1
        distance, row = self._tree.query(unit_vectors(*position)[0])
        return int(self._tree_rows[row]) if distance <= chord(SAME_OBJECT) else -1

    def redshift(self, row: int) -> float:
        """Return the redshift of a row; NaN if there is no such row, column or number."""
        return float(self._z[row]) if row >= 0 else float("nan")

    def kind(self, row: int) -> str:
        """Return the class of a row, upper case; empty if there is no such row or column."""
        return self._kinds[row] if row >= 0 else ""

    def columns_for(self, rows: IndexArray) -> pd.DataFrame:
        """Return the table's rows for objects in order; missing values where row is -1."""
        return self.table.reindex(pd.Index(np.where(rows < 0, -1, rows))).reset_index(drop=True)

    def _keys(self, path: Path) -> list[str]:
        for name in ("object_id", "targetid"):
            if name in self.table:
                return [_plain_id(str(value)) for value in self.table[name]]
        parts = ("plate", "mjd", "fiber")
        if all(name in self.table for name in parts):
            columns = (self.table[name] for name in parts)
            return [_plain_id("-".join(map(str, row))) for row in zip(*columns, strict=True)]
        raise ValueError(
            f"{path} must have a column object_id, or targetid, or plate, mjd and fiberid to match "
            f"by id; it has {', '.join(map(str, self.table.columns[:12]))}; try --match radec"
        )

    def _positions(self, path: Path) -> tuple[KDTree, IndexArray]:
        if not {"ra", "dec"} <= set(self.table.columns):
            raise ValueError(f"{path} must have columns ra and dec (degrees) to match by radec")
        tree, rows = position_tree(_numbers(self.table, "ra"), _numbers(self.table, "dec"))
        if rows.size == 0:
            raise ValueError(f"{path} has no row with a known position: ra and dec must be degrees")
        return tree, rows


def _read_table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise ValueError(f"--catalog {path} is not a file")
    try:
        if path.suffix == ".csv":
            return pd.read_csv(path)
        if path.suffix in (".parquet", ".pq"):
            return pd.read_parquet(path)
        from astropy.table import Table  # slow to import, and seldom needed

        table = Table.read(path)
        flat = [name for name in table.colnames if table[name].ndim == 1]
        return table[flat].to_pandas()
    except Exception as error:  # parsers raise whatever a damaged table makes them
        raise ValueError(f"--catalog {path} can not be read: {error}") from error


def _numbers(table: pd.DataFrame, name: str) -> FloatArray:
    """Return a column as numbers; NaN where it holds none, or does not exist."""
    column: Any = table[name] if name in table else np.full(len(table), np.nan)
    return np.asarray(pd.to_numeric(column, errors="coerce"), dtype=float)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with numbers, truth values and text only; missing text is None."""
    columns: dict[Any, Any] = {}
    for name in table.columns:
        column: Any = table[name]
        if not pd.api.types.is_numeric_dtype(column):
            missing = column.isna()
            columns[name] = [
                None if m else plain_text(c) for c, m in zip(column, missing, strict=True)
            ]
    return table.assign(**{str(name): cells for name, cells in columns.items()})


def _standard_names(table: pd.DataFrame) -> pd.DataFrame:
    names = {column: str(column).strip().lower() for column in table.columns}
    taken = set(names.values())
    names = {old: ALIASES.get(new, new) if ALIASES.get(new) not in taken else new
             for old, new in names.items()}  # fmt: skip
    table = table.rename(columns=names)
    table = table.loc[:, ~table.columns.duplicated()]
    number = table.select_dtypes("number").columns
    return table.assign(**{name: table[name].mask(table[name] == NO_VALUE) for name in number})


def _plain_id(text: str) -> str:
    """Return an identifier without leading zeros, so that 0266-51602-0001 is 266-51602-1."""
    text = text.strip().removeprefix("spec-").removesuffix(".0")
    return re.sub(r"(^|-)0+(?=\d)", r"\1", text)
