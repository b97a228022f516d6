"""Spectra in text files and VOTables, as spreadsheets of any country write them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.utils.exceptions import AstropyWarning
from numpy.typing import NDArray

from data.arrays import FloatArray
from data.ingest.generic.own_grid import Recorded, object_name
from data.ingest.generic.spectrum_table import spectrum_of_columns
from data.ingest.generic.units import is_known, unit_of

LARGEST_TEXT = 50_000_000
"""Bytes of text that one spectrum may have; more is a catalogue."""
TEXT_FORMATS = {
    ".csv": "ascii.csv", ".ecsv": "ascii.ecsv", ".txt": "ascii", ".dat": "ascii",
    **dict.fromkeys((".vot", ".votable", ".xml"), "votable"),
}  # fmt: skip
TRUTH = {"": 0.0, "True": 1.0, "False": 0.0, "TRUE": 1.0, "FALSE": 0.0, "true": 1.0, "false": 0.0}
"""Truth values as programs write them; what is missing is not true."""
_DECIMAL_COMMA = re.compile(r"([+-]?\d+(,\d+)?([eE][+-]?\d+)?)?")
_NAME_AND_UNIT = re.compile(r"(.*\S)\s*[\[(]\s*(.+?)\s*[\])]")


def text_table(path: Path) -> Iterator[Recorded]:
    """Yield the spectrum of a text file.

    Raises:
        ValueError: It holds no table of a spectrum.
    """
    if path.stat().st_size > LARGEST_TEXT:
        raise ValueError(
            f"no spectrum: {path.stat().st_size / 1e6:.0f} MB of text are no table of one spectrum"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)  # files that bend the standard
            kind = TEXT_FORMATS[path.suffix.lower()]
            text: Any = path if kind == "votable" else _lines(path)
            more: dict[str, Any] = {}
            if kind == "ascii.csv":
                more = {"comment": r"\s*#", "delimiter": _delimiter(text)}
            table = Table.read(text, format=kind, **more)
    except Exception as error:  # astropy raises many kinds
        raise ValueError(f"no table: {error}") from error
    columns = {str(name): _plain_column(table[name]) for name in table.colnames}
    units = {name: str(table[name].unit or "") for name in columns}
    cards = {str(key).upper(): value for key, value in table.meta.items()}
    columns, units = _with_units(columns, units)
    yield spectrum_of_columns(columns, units, cards, object_name(path))


def _lines(path: Path) -> list[str]:
    """Return the lines of a text, without the mark that Excel puts before them."""
    return path.read_text(encoding="utf-8-sig", errors="replace").splitlines()


def _delimiter(lines: list[str]) -> str:
    """Return what stands between the names of a CSV file."""
    said = (line for line in lines if line.strip() and not line.lstrip().startswith("#"))
    first = next(said, "")
    return next((mark for mark in (",", ";", "\t") if mark in first), ",")


def _plain_column(column: Any) -> NDArray[Any]:  # noqa: ANN401 - of a table of astropy
    """Return a column without unit and mask; numbers that are missing become NaN."""
    missing = np.ma.getmaskarray(column)
    if column.dtype.kind in "fiu" and np.any(missing):
        return np.where(missing, np.nan, np.asarray(column, dtype=float))
    values = np.asarray(column)
    if values.dtype.kind == "U" and len(values):
        texts = values.tolist()
        numeric = all(_DECIMAL_COMMA.fullmatch(text) for text in texts[1:])  # first: a unit?
        if numeric and any("," in text for text in texts[1:]):
            values = np.char.replace(values, ",", ".")
    numbers = _numbers(values)
    return values if numbers is None else numbers


def _numbers(values: NDArray[Any]) -> FloatArray | None:
    """Return text as numbers, NaN where there is none; None if it is other text."""
    if values.dtype.kind != "U":
        return None
    if len(values) and values[0] and {*values.tolist()} <= {*TRUTH}:
        return np.array([TRUTH[text] for text in values.tolist()])
    try:
        return np.where(values == "", "nan", values).astype(float)
    except ValueError:
        return None


def _with_units(
    columns: dict[str, NDArray[Any]], units: dict[str, str]
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return columns and units, where these stand in the names or in a line below."""
    texts = [values for values in columns.values() if values.dtype.kind == "U" and len(values) > 1]
    if texts and len(texts) == len(columns):
        below = {name: _numbers(values[1:]) for name, values in columns.items()}
        found = {name: values for name, values in below.items() if values is not None}
        if len(found) > 1:
            units = {name: str(columns[name][0]) for name in found}
            columns = dict(found)
    named = {name: _NAME_AND_UNIT.fullmatch(name) for name in columns}
    split = {
        name: match
        for name, match in named.items()
        if match and not units[name] and is_known(unit_of(match[2]))
    }
    return (
        {split[name][1] if name in split else name: values for name, values in columns.items()},
        {split[name][1] if name in split else name: split[name][2] if name in split else unit
         for name, unit in units.items()},
    )  # fmt: skip
