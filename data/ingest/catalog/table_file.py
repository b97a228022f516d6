"""Reads a table of objects from a file: CSV and other text, Parquet, FITS, VOTable, ECSV, HDF5.

Integers stay integers, also where some are missing: an identifier of 18 digits does not survive
as a floating-point number. The frame uses pandas' nullable types throughout.
"""

from __future__ import annotations

import gzip
import io
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.ingest.cells import decoded

TEXT = (".csv", ".txt", ".dat", ".tsv", ".tbl")
"""How names of text tables end, with or without `.gz` after it."""
PARQUET = (".parquet", ".pq")
UNITS = "units"
"""Key of `DataFrame.attrs`: column -> unit as the file states it."""
GSWLC = (
    "ObjID GLXID plate MJD fiber_ID RA DEC z chi2_r logMstar logMstar_err logSFR_SED "
    "logSFR_SED_err A_FUV A_FUV_err A_B A_B_err A_V A_V_err flag_sed UV_survey flag_uv "
    "flag_midir flag_mgs"
).split()
"""Columns of the GALEX-SDSS-WISE Legacy Catalogue (Salim+2016, Salim+2018), whose files of text
may come without a line of names."""


def read_table_file(path: Path, *, table: str = "") -> pd.DataFrame:
    """Read a table.

    Args:
        path: The file.
        table: Name or number of the table wanted, where the file holds several.

    Returns:
        The columns that hold one value a row, in pandas' nullable types; `attrs[UNITS]` has the
        units that the file states.

    Raises:
        ValueError: The file can not be read, or holds several tables and none is asked for.
    """
    if not path.is_file():
        raise ValueError(f"--catalog {path} is not a file")
    name = path.name.lower().removesuffix(".gz")
    try:
        if name.endswith(PARQUET):
            frame = pd.read_parquet(path, dtype_backend="numpy_nullable")
        elif name.endswith(TEXT):
            frame = _read_text(path)
        else:
            frame = _read_astropy(path, name, table)
    except Exception as error:  # parsers raise whatever a damaged table makes them
        raise ValueError(f"--catalog {path} can not be read: {error}") from error
    if frame.empty:
        raise ValueError(f"--catalog {path} has no row")
    return frame


def _read_text(path: Path) -> pd.DataFrame:
    """Read delimited text; the names may stand after `#`, or below a line such as `#Table1`."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig", "replace")
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if line and line[0] not in "#\\|"), len(lines))
    if first == len(lines):
        raise ValueError("it has no line of values")
    if lines[first].startswith(("%ECSV", "# %ECSV")) or text.startswith("# %ECSV"):
        return _to_frame(_parse_astropy(path, "ascii.ecsv"))
    delimiter = _delimiter(lines[first])
    names: list[str] | None = None
    comments = [line.lstrip("#").strip() for line in lines[:first] if line.startswith("#")]
    n_value = len(_split(lines[first], delimiter))
    if all(_is_number(word) for word in _split(lines[first], delimiter)):
        names = next(
            (
                words
                for line in reversed(comments)
                if len(words := _split(line, delimiter)) == n_value
            ),
            None,
        )
        if names is None and n_value == len(GSWLC) and "gswlc" in path.name.lower():
            names = list(GSWLC)
        if names is None:
            raise ValueError("its first line must name the columns")
    frame = pd.read_csv(
        io.StringIO("\n".join(lines[first:])),
        sep=delimiter or r"\s+",
        names=names,
        header=0 if names is None else None,
        dtype_backend="numpy_nullable",
        comment="#" if delimiter == "" else None,
        decimal="," if delimiter == ";" and _has_commas(lines[first + 1 :]) else ".",
        skipinitialspace=True,
    )
    frame.attrs[UNITS] = {}
    return frame


def _has_commas(lines: list[str]) -> bool:
    """Return whether numbers of a table with semicolons have decimal commas, and none points."""
    cells = {word for line in lines[:1000] for word in _split(line, ";")}
    return any(re.fullmatch(r"[+-]?\d*,\d+([eE][+-]?\d+)?", word) for word in cells) and not any(
        re.fullmatch(r"[+-]?\d*\.\d+([eE][+-]?\d+)?", word) for word in cells
    )


def _delimiter(line: str) -> str:
    """Return what separates the cells of a line; empty for spaces."""
    return max(",\t;|", key=line.count) if any(mark in line for mark in ",\t;|") else ""


def _split(line: str, delimiter: str) -> list[str]:
    return [word.strip() for word in (line.split(delimiter) if delimiter else line.split())]


def _is_number(word: str) -> bool:
    return bool(re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?|nan|NaN|", word))


def _read_astropy(path: Path, name: str, table: str) -> pd.DataFrame:
    if name.endswith((".fits", ".fit", ".fits.fz")):
        return _read_fits(path, table)
    if name.endswith((".vot", ".votable", ".xml")):
        return _to_frame(_read_votable(path, table))
    if name.endswith((".hdf5", ".h5")):
        return _to_frame(_parse_astropy(path, "hdf5"))
    return _to_frame(_parse_astropy(path, "ascii.ecsv" if name.endswith(".ecsv") else None))


def _parse_astropy(path: Path, layout: str | None) -> Any:  # noqa: ANN401 - a Table
    from astropy.table import Table  # slow to import, and seldom needed

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # units that astropy does not know are kept as text
        encoding = {"encoding": "utf-8"} if layout == "ascii.ecsv" else {}
        return Table.read(path, format=layout, **encoding)


def _read_fits(path: Path, wanted: str) -> pd.DataFrame:
    """Read the tables of a FITS file; those of equally many rows with equal keys are one table.

    FastSpecFit's files hold masses, redshifts and lines in extensions side by side.
    """
    from astropy.io import fits
    from astropy.table import Table

    with warnings.catch_warnings(), fits.open(path) as hdus:
        warnings.simplefilter("ignore")
        tables = {
            i: hdu
            for i, hdu in enumerate(hdus)
            if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)
        }
        names = {i: str(hdu.name or i) for i, hdu in tables.items()}
        if not tables:
            raise ValueError("it has no table")
        if wanted:
            tables = {i: tables[i] for i in tables if wanted.upper() in (names[i].upper(), str(i))}
            if not tables:
                raise ValueError(f"it has no table {wanted!r}; it has {', '.join(names.values())}")
        frames = {names[i]: _to_frame(Table.read(hdus, hdu=i)) for i in tables}
    first, *others = frames.values()
    for other in others:
        if len(other) == len(first) and _same_keys(first, other):
            units = first.attrs[UNITS] | other.attrs[UNITS]
            new = [name for name in other.columns if name not in first.columns]
            first = pd.concat([first, other[new]], axis=1)
            first.attrs[UNITS] = units
        elif len(other):
            sizes = ", ".join(f"{name} ({len(frame)} rows)" for name, frame in frames.items())
            raise ValueError(f"it holds several tables: {sizes}; choose one with --table")
    return first


def _same_keys(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Return whether two tables share a column and agree on every identifier they share."""
    keys = [name for name in one.columns if name in other.columns and "id" in str(name).lower()]
    return bool(keys) and all(one[name].equals(other[name]) for name in keys)


def _read_votable(path: Path, wanted: str) -> Any:  # noqa: ANN401 - a Table
    from astropy.io.votable import parse

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tables = [item for item in parse(path, verify="ignore").iter_tables() if len(item.array)]
    if wanted:
        tables = [item for item in tables if wanted in (item.ID, item.name)]
        if not tables:
            raise ValueError(f"it has no table {wanted!r} with rows")
    if not tables:
        raise ValueError("it has no table with rows")
    if len(tables) > 1:
        some = ", ".join(f"{item.name or item.ID} ({len(item.array)} rows)" for item in tables[:8])
        more = f" and {len(tables) - 8} more" if len(tables) > 8 else ""
        raise ValueError(f"it holds {len(tables)} tables: {some}{more}; choose one with --table")
    return tables[0].to_table(use_names_over_ids=True)


def _to_frame(table: Any) -> pd.DataFrame:  # noqa: ANN401 - a Table
    """Return the columns of one value a row."""
    flat = table[[name for name in table.colnames if table[name].ndim == 1]]
    frame = flat.to_pandas(index=False, use_nullable_int=True)
    units = {name: str(flat[name].unit) for name in flat.colnames if flat[name].unit}
    for name in frame.columns:
        column: Any = frame[name]
        if column.dtype == object:
            frame[name] = [_text(cell) for cell in column]
    frame.attrs[UNITS] = units
    return frame


def _text(cell: Any) -> Any:  # noqa: ANN401 - whatever a table cell holds
    if isinstance(cell, bytes):
        return decoded(cell).strip()
    return None if cell is None or cell is np.ma.masked else cell
