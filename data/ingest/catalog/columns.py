"""Gives the columns of a user's table their standard names, and removes what is no value.

Names alone do not decide: `z` is a redshift in one table and a magnitude in another that has the
redshift beside it. A column is taken for a quantity where name, unit and range agree; what was
taken from where is told, and the user may decide (`--column z=redshift`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from data.ingest.catalog.missing import measured, no_value, numbers
from data.ingest.catalog.quantities import QUANTITIES
from data.ingest.catalog.table_file import UNITS

MAGNITUDES = {"g", "r", "i"}
"""Columns beside which `z` is the magnitude in that band."""


DEGREES_PER_HOUR = 15.0


@dataclass
class StandardTable:
    """A table with standard names.

    Attributes:
        frame: The columns; every standard column among them is in its standard unit.
        told: One line for each decision the user should know of.
        source: Standard column -> name of the column it was taken from.
    """

    frame: pd.DataFrame
    told: list[str] = field(default_factory=list)
    source: dict[str, str] = field(default_factory=dict)


def standardise(table: pd.DataFrame, *, asked: Mapping[str, str] | None = None) -> StandardTable:
    """Rename columns to the standard names, convert units, remove what is no value.

    Args:
        table: As `table_file.read_table_file` returns it.
        asked: Standard column -> column of the table, decided by the user.

    Raises:
        ValueError: A column asked for is not there, or several columns could be one quantity
            and say different things.
    """
    units: Mapping[str, str] = table.attrs.get(UNITS, {})
    choice = _choose(table, dict(asked or {}), units)
    taken = {source: name for name, source in choice.items()}
    result = StandardTable(frame=pd.DataFrame(index=table.index), source=choice)
    columns: dict[str, Any] = {}
    for name in table.columns:
        standard = taken.get(name, "")
        plain = standard or _free_name(str(name), {*QUANTITIES, *columns})
        columns[plain] = _values(table[name], standard, units.get(name, ""), str(name), result)
    result.frame = pd.DataFrame(columns)
    result.told[:0] = [
        f"{name} is taken from {source}"
        for name, source in choice.items()
        if name != source.lower()
    ]
    _derive_rate(result)
    return result


def _choose(table: pd.DataFrame, asked: dict[str, str], units: Mapping[str, str]) -> dict[str, str]:
    """Return standard column -> column of the table."""
    for standard, name in asked.items():
        if name not in table:
            raise ValueError(f"--column {standard}={name}: the table has no column {name}; "
                             f"it has {_some(table)}")  # fmt: skip
    choice = dict(asked)
    by_name: dict[str, list[str]] = {}
    for name in table.columns:
        if name not in asked.values():
            by_name.setdefault(_letters(str(name)), []).append(str(name))
    for standard, quantity in QUANTITIES.items():
        if standard in choice:
            continue
        found = [
            name
            for plain in quantity.names
            for name in by_name.get(plain, [])
            if _plausible(table, name, standard, units)
        ]
        if len(found) > 1 and standard == "z":
            found = _agreed(table, found)
        if found:
            choice[standard] = found[0]
    return choice


def _plausible(table: pd.DataFrame, name: str, standard: str, units: Mapping[str, str]) -> bool:
    """Return whether a column can be the quantity that its name suggests."""
    unit = units.get(name, "").lower()
    if standard in ("z", "z_err") and "mag" in unit:
        return False
    letters = {_letters(str(other)) for other in table.columns}
    if standard == "z" and _letters(name) == "z" and letters >= MAGNITUDES:
        # SkyServer's `z` with u, g, r, i: a redshift would be below, a magnitude above 8.
        values = measured(numbers(table[name]))
        return bool(values.size and np.median(values) < 8)
    if standard in ("log_mass", "log_ssfr"):
        values = measured(numbers(table[name]))
        quantity = QUANTITIES[standard]
        return bool(values.size and quantity.low <= np.median(values) <= quantity.high)
    if standard == "a_v" and unit not in ("", "mag"):
        return False
    return True


def _agreed(table: pd.DataFrame, names: list[str]) -> list[str]:
    """Return redshift columns that say the same.

    Raises:
        ValueError: They do not.
    """
    first = numbers(table[names[0]])
    for name in names[1:]:
        other = numbers(table[name])
        both = np.isfinite(first) & np.isfinite(other) & (first > -1) & (other > -1)
        if both.any() and np.median(np.abs(first - other)[both]) > 0.01:
            raise ValueError(
                f"columns {names[0]} and {name} could both be the redshift and differ; "
                f"say which with --column z={name}"
            )
    return names


def _values(
    column: Any,  # noqa: ANN401 - a column of pandas
    standard: str,
    unit: str,
    name: str,
    result: StandardTable,
) -> Any:  # noqa: ANN401 - an array of pandas
    """Return a column in its standard unit, without sentinels and impossible values."""
    if standard in ("ra", "dec") and not pd.api.types.is_numeric_dtype(column):
        column = _sexagesimal(column, standard, name, result)
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.array
    values = numbers(column)
    if standard == "ra" and unit.lower() in ("h", "hr", "hour", "hourangle"):
        result.told.append(f"{name} is in hours and was converted to degrees")
        column, values = column * DEGREES_PER_HOUR, values * DEGREES_PER_HOUR
    wrong = no_value(values)
    if standard in QUANTITIES:
        quantity = QUANTITIES[standard]
        wrong |= np.isfinite(values) & ~((values >= quantity.low) & (values <= quantity.high))
    if wrong.any():
        some = ", ".join(f"{value:g}" for value in np.unique(values[wrong])[:3])
        result.told.append(f"{name}: {int(wrong.sum())} of {len(values)} are no value ({some})")
        return column.mask(
            wrong, pd.NA if pd.api.types.is_extension_array_dtype(column) else np.nan
        ).array
    return column.array


def _sexagesimal(column: pd.Series, standard: str, name: str, result: StandardTable) -> pd.Series:
    """Return positions written as `12 34 56.7` or `12:34:56.7` in degrees; RA is in hours then."""
    from astropy.coordinates import Angle

    text = column.astype("string").str.strip()
    parts = text.str.extract(r"^([+-]?\d+)[\s:hd°]+(\d+)[\s:m']+(\d+(?:\.\d*)?)[s\"]?$")
    good = parts.notna().all(axis=1).to_numpy(bool)
    if not good.any():
        return pd.Series(numbers(column), index=column.index)
    degrees = np.full(len(column), np.nan)
    words = [":".join(row) for row in parts[good].itertuples(index=False)]
    degrees[good] = Angle(words, unit="hourangle" if standard == "ra" else "deg").deg
    result.told.append(f"{name} is sexagesimal and was converted to degrees")
    return pd.Series(degrees, index=column.index)


def _derive_rate(result: StandardTable) -> None:
    """Add the specific star-formation rate where the table has only mass and rate."""
    frame = result.frame
    if "log_ssfr" in frame or "log_mass" not in frame:
        return
    mass = numbers(frame["log_mass"])
    if "log_sfr" in frame:
        rate, source = numbers(frame["log_sfr"]), result.source["log_sfr"]
    elif "sfr" in frame:
        linear, source = numbers(frame["sfr"]), result.source["sfr"]
        rate = np.log10(linear, out=np.full(len(linear), np.nan), where=linear > 0)
    else:
        return
    frame["log_ssfr"] = rate - mass
    result.told.append(f"log_ssfr is computed from {source} and {result.source['log_mass']}")


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _free_name(name: str, used: set[str]) -> str:
    """Return a column's own name in lower case, altered where a standard column has it."""
    plain = name.strip().lower()
    while plain in used:
        plain += "_catalog"
    return plain


def _some(table: pd.DataFrame) -> str:
    return ", ".join(map(str, table.columns[:12])) + (", ..." if len(table.columns) > 12 else "")
