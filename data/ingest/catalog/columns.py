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

from data.arrays import BoolArray, FloatArray
from data.ingest.catalog.table_file import UNITS

SENTINELS = (-99.0, -99.9, -99.99, -999.0, -999.9, -9999.0, -99999.0)
"""What tables write where they have no value, if it stands apart from all other values."""
HUGE = 1e20
"""Numbers from here on are no measurement of a galaxy in any unit tables use."""
APART = 3.0
"""A sentinel is so many times as low as the lowest other value, or lower."""
MAGNITUDES = {"g", "r", "i"}
"""Columns beside which `z` is the magnitude in that band."""


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A standard column and what it is recognised by.

    Attributes:
        names: Names in tables, lower case, letters and digits only, the most certain first.
        low: Lowest value possible.
        high: Highest value possible.
    """

    names: tuple[str, ...]
    low: float = -np.inf
    high: float = np.inf


QUANTITIES = {
    "object_id": Quantity(names=("objectid",)),
    "targetid": Quantity(names=("targetid",)),
    "path": Quantity(names=("path", "filepath", "file", "filename", "specfile")),
    "plate": Quantity(names=("plate", "plateid"), low=1),
    "mjd": Quantity(names=("mjd",), low=40000, high=80000),
    "fiber": Quantity(names=("fiber", "fiberid", "fibre"), low=0),
    "ra": Quantity(
        names=(
            "ra", "raj2000", "raicrs", "targetra", "plugra", "radeg", "meanfiberra", "alphaj2000",
            "rightascension",
        ),
        low=0, high=360,
    ),
    "dec": Quantity(
        names=(
            "dec", "dej2000", "deicrs", "decl", "targetdec", "plugdec", "dedeg", "decdeg", "de",
            "meanfiberdec", "deltaj2000", "declination",
        ),
        low=-90, high=90,
    ),
    "z": Quantity(
        names=("z", "redshift", "zspec", "zhp", "zbest", "zsp", "zhelio", "zredrock"),
        low=-0.02, high=12,
    ),
    "z_err": Quantity(
        names=("zerr", "ez", "redshifterr", "redshifterror", "zerror"), low=0, high=12
    ),
    "class": Quantity(names=("class", "spectype")),
    "subclass": Quantity(names=("subclass", "subtype")),
    "zwarning": Quantity(names=("zwarning", "zwarn")),
    "log_mass": Quantity(
        names=(
            "logmass", "logmstar", "lgmtotp50", "provabgslogmstarbf", "provabgslogmstar", "logm",
            "lmass", "logmassstar", "logms", "logstellarmass",
        ),
        low=3, high=14,
    ),
    "log_ssfr": Quantity(
        names=("logssfr", "specsfrtotp50", "logspecsfr", "lssfr"), low=-20, high=-4
    ),
    "log_sfr": Quantity(names=("logsfr", "logsfrsed", "sfrtotp50", "lsfr"), low=-12, high=5),
    "sfr": Quantity(names=("sfr", "provabgsavgsfr1gyrbf"), low=0, high=1e5),
    "a_v": Quantity(names=("av", "avmag"), low=-1, high=30),
}  # fmt: skip
"""Standard column -> what MPA-JHU, GSWLC, FastSpecFit, PROVABGS, SkyServer and VizieR call it."""
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
        values = _measured(numbers(table[name]))
        return bool(values.size and np.median(values) < 8)
    if standard in ("log_mass", "log_ssfr"):
        values = _measured(numbers(table[name]))
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


def no_value(values: FloatArray) -> BoolArray:
    """Return which numbers stand for a missing one, shape (n,).

    Those of `HUGE` size, and the sentinels (-99, -9999 ...) below which nothing lies and that stand
    apart from all others: -99 is no mass, but a velocity among others.
    """
    finite = np.isfinite(values)
    wrong = finite & (np.abs(values) >= HUGE)
    for sentinel in sorted(SENTINELS):
        hit = np.isclose(values, sentinel, rtol=1e-6) & ~wrong
        others = values[finite & ~wrong & ~hit]
        lowest = others.min() if others.size else 0.0
        if hit.any() and lowest > sentinel / APART:
            wrong |= hit
    return wrong


def numbers(column: Any) -> FloatArray:  # noqa: ANN401 - a column of a table
    """Return a column as numbers, NaN where it holds none."""
    values: Any = pd.to_numeric(column, errors="coerce")
    return np.asarray(values.to_numpy(dtype=float, na_value=np.nan))


def _measured(values: FloatArray) -> FloatArray:
    return values[np.isfinite(values) & ~no_value(values)]


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
