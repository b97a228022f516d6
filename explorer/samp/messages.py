"""What SAMP messages say of the objects of an atlas (IVOA, SAMP 1.3 and its list of MTypes)."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

import numpy as np
from astropy import units
from astropy.table import Table

from data.arrays import IndexArray
from data.columns import column
from explorer.guests.placing import MOST_BYTES, Upload
from explorer.samp.hub import is_local
from explorer.spectrum.inspection import Inspection

HIGHLIGHT, SELECT = "table.highlight.row", "table.select.rowList"
LOAD_TABLE, LOAD_SPECTRUM = "table.load.votable", "spectrum.load.ssa-generic"
POINT = "coord.pointAt.sky"
HEARD = (HIGHLIGHT, SELECT, POINT, LOAD_SPECTRUM)
"""Messages that are listened to."""
SECONDS = 20.0
"""How long a file that a message names may take to come."""


Tables = Mapping[str, IndexArray]
"""The tables sent: their addresses, which are also their identifiers, and their rows."""


def row_told(params: Mapping[str, Any], tables: Tables) -> int | None:
    """Return the row of the catalogue that `table.highlight.row` is about; None if it is not ours.

    Args:
        params: Of the message.
        tables: Those sent, with their rows in the catalogue.
    """
    chosen = rows_told({**params, "row-list": [params.get("row")]}, tables)
    return chosen[0] if chosen else None


def rows_told(params: Mapping[str, Any], tables: Tables) -> list[int]:
    """Return the rows of the catalogue that `table.select.rowList` is about; none if not ours."""
    name = params.get("table-id")
    if name is None:  # either may be left out; Java writes file:/ where others write file:///
        address = urlsplit(str(params.get("url", "")))
        name = address._replace(netloc="").geturl() if address.scheme == "file" else ""
    rows = tables.get(str(name))
    wanted = params.get("row-list")
    if rows is None or not isinstance(wanted, list):
        return []
    numbers = [str(item) for item in wanted]
    return [int(rows[int(item)]) for item in numbers if item.isdecimal() and int(item) < len(rows)]


def position_told(params: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return right ascension and declination, degrees, of `coord.pointAt.sky`."""
    try:
        ra, dec = float(params["ra"]), float(params["dec"])
    except (KeyError, TypeError, ValueError):
        return None
    return (ra, dec) if np.isfinite([ra, dec]).all() and abs(dec) <= 90 else None


def spectrum_told(params: Mapping[str, Any]) -> Upload:
    """Fetch the file that `spectrum.load.ssa-generic` names; slow.

    Raises:
        ValueError: It lies on another machine, or is too large.
        OSError: It can not be read.
    """
    address = urlsplit(str(params.get("url", "")))
    path = unquote(address.path)
    name = Path(path).name or "spectrum"
    if address.scheme not in ("file", "http", "https") or (
        not is_local(address.hostname or "") and (address.scheme != "file" or address.hostname)
    ):
        raise ValueError(f"a spectrum must lie on this machine, got {address.geturl()[:200]}")
    if address.scheme == "file":
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    else:
        with urlopen(address.geturl(), timeout=SECONDS) as answer:
            content = answer.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{name} has more than {MOST_BYTES / 1e6:.0f} MB")
    kind = str(dict(params.get("meta") or {}).get("Access.Format", ""))
    if not Path(name).suffix:
        name += {"text/csv": ".csv", "application/x-votable+xml": ".vot"}.get(kind, ".fits")
    return Upload(name, content)


def spectrum_file(item: Inspection, *, norm: float) -> bytes:
    """Return a spectrum as a FITS table that other programs and our ingest read.

    Args:
        item: The object.
        norm: What its flux was divided by, 1e-17 erg/s/cm2/A; NaN leaves it normalised.
    """
    scale = norm if np.isfinite(norm) else 1.0
    unit = units.Unit(column("norm").unit) if np.isfinite(norm) else None
    table: Any = Table(
        {
            "WAVELENGTH": item.wave,
            "FLUX": item.flux * scale,
            "ERROR": np.nan_to_num(item.noise) * scale,  # 0 where nothing was measured
            "MODEL": item.model * scale,
        }
    )
    table["WAVELENGTH"].unit = units.AA
    for name in ("FLUX", "ERROR", "MODEL"):
        table[name].unit = unit
    table.meta |= {"REDSHIFT": item.z, "AIRORVAC": "vac"}
    out = BytesIO()
    table.write(out, format="fits")
    return out.getvalue()
