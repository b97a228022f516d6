"""Export a selection: tables as CSV, FITS, VOTable or ECSV, spectra as FITS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, count
from typing import Any

import numpy as np
import pandas as pd
from astropy.io import fits, votable
from astropy.table import Column
from astropy.units import Unit

from data.arrays import IndexArray
from data.columns import column
from data.export.spreadsheet import as_text
from explorer.export.table import as_table
from explorer.state.dataset import Dataset
from explorer.state.guest import Guest

MAX_SPECTRA = 5000
"""More spectra than this are better read from the survey itself."""
VO_UNITS = {
    **{unit: unit for unit in ("deg", "mag", "d", "Gyr")},
    "km / s": "km.s**-1", "Angstrom": "0.1nm",
    "1e-17 erg / (s cm2)": "10**-20W.m**-2", "1e-17 erg / (Angstrom s cm2)": "10**-10W.m**-3",
}  # fmt: skip
"""Units as VOUnit has them, which deprecates erg and Angstrom; others go into the description."""


@dataclass(frozen=True)
class Exported:
    """A file to hand to the browser."""

    name: str
    media_type: str
    content: bytes


def export_table(dataset: Dataset, rows: IndexArray, kind: str) -> Exported:
    """Write rows of the catalogue.

    Args:
        dataset: The atlas.
        rows: What to write.
        kind: `csv`, `fits`, `votable` or `ecsv`.

    Raises:
        ValueError: Another kind was asked for.
    """
    table = as_table(dataset, rows)
    name = f"{stem_of(dataset)}_{len(rows)}_objects"
    if kind == "csv":
        text = _without_formulas(dataset, table.to_pandas()).to_csv(index=False)
        return Exported(f"{name}.csv", "text/csv", text.encode())
    if kind == "ecsv":
        from io import StringIO

        stream = StringIO()
        table.write(stream, format="ascii.ecsv", delimiter=",")
        return Exported(f"{name}.ecsv", "text/csv", stream.getvalue().encode())
    out = BytesIO()
    if kind == "fits":
        fits.HDUList([_primary(dataset), _table_hdu(table)]).writeto(out, checksum=True)
        return Exported(f"{name}.fits", "application/fits", out.getvalue())
    if kind == "votable":
        document = votable.from_table(_with_vo_units(table))
        for field in document.get_first_table().fields:
            field.ucd = column(field.name).ucd or None
        document.to_xml(out)
        return Exported(f"{name}.vot", "application/x-votable+xml", out.getvalue())
    raise ValueError(f"kind must be 'csv', 'fits', 'votable' or 'ecsv', got {kind!r}")


def _without_formulas(dataset: Dataset, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table that spreadsheets do not compute; identifiers stay as they are."""
    exact = {"object_id", *dataset.kinds.identifiers}
    for name in frame.columns.difference([*exact, *frame.select_dtypes(["number", "bool"])]):
        frame[name] = frame[name].map(as_text, na_action="ignore")
    return frame.rename(columns=as_text)


def export_guests(guests: Sequence[Guest]) -> Exported:
    """Write where spectra that the user brought lie, as `python -m model place --out` does.

    Raises:
        ValueError: There are none.
    """
    if not guests:
        raise ValueError("no spectra were brought: drop files on the page first")
    table = pd.DataFrame([guest.facts | guest.placed.row for guest in guests])
    return Exported("placed.csv", "text/csv", table.to_csv(index=False).encode())


def export_spectra(dataset: Dataset, rows: IndexArray) -> Exported:
    """Write the spectra of rows as one FITS file: WAVE, FLUX, IVAR, MODEL, CATALOG.

    Where the rows lie on several grids, there are these five HDUs for each, `WAVE_DESI` and so on.
    Flux is in 1e-17 erg/s/cm2/A again where the catalogue has `norm`, else normalised.

    Raises:
        ValueError: No rows, or more than `MAX_SPECTRA`.
    """
    if not 0 < len(rows) <= MAX_SPECTRA:
        raise ValueError(
            f"spectra of 1 to {MAX_SPECTRA:,} objects can be exported, {len(rows):,} are selected; "
            "select fewer, or read them from the survey (data.survey.Survey)"
        )
    parts = dataset.atlas.source.parts
    hdus: list[Any] = [_primary(dataset)]
    for part in parts:
        some = np.asarray(rows)[part.among(np.asarray(rows))]
        if len(some):
            hdus += _spectrum_hdus(dataset, some, f"_{part.name.upper()}" if len(parts) > 1 else "")
    out = BytesIO()
    fits.HDUList(hdus).writeto(out, checksum=True)
    return Exported(
        f"{stem_of(dataset)}_{len(rows)}_spectra.fits", "application/fits", out.getvalue()
    )


def _spectrum_hdus(dataset: Dataset, rows: IndexArray, suffix: str) -> list[Any]:
    """Return the HDUs of spectra on one grid; `suffix` ends their names."""
    atlas = dataset.atlas
    spectra = atlas.source.read([int(row) for row in rows])
    model, inside = atlas.model.reconstruct(
        np.asarray(atlas.latents[rows]), spectra.z, spectra.grid
    )
    norm, unit = np.ones((len(rows), 1), dtype=np.float32), Unit("")
    if "norm" in dataset.catalog:
        norm = dataset.catalog["norm"].to_numpy(np.float32)[rows][:, None]
        unit = Unit(column("norm").unit)
    images = {
        "FLUX": (spectra.flux * norm, unit),
        "IVAR": (spectra.ivar / norm**2, unit**-2),
        "MODEL": (np.where(inside, model, np.nan) * norm, unit),
    }
    wave = fits.ImageHDU(np.asarray(spectra.wave), name=f"WAVE{suffix}")
    wave.header["BUNIT"] = ("Angstrom", "vacuum, observed frame")
    hdus: list[Any] = [wave]
    for name, (values, power) in images.items():
        hdu = fits.ImageHDU(values.astype(np.float32), name=f"{name}{suffix}")
        hdu.header["BUNIT"] = (power.to_string("fits"), "empty: normalised flux")
        hdus.append(hdu)
    table = _table_hdu(as_table(dataset, rows))
    table.name += suffix
    return [*hdus, table]


def _primary(dataset: Dataset) -> fits.PrimaryHDU:
    primary = fits.PrimaryHDU()
    primary.header["ATLAS"] = (_ascii(dataset.name)[:60], "atlas the objects were selected from")
    return primary


def _table_hdu(table: Any) -> fits.BinTableHDU:  # noqa: ANN401 - a Table
    """Return a FITS table: text as ASCII, no unit or comment that FITS does not know."""
    plain = table.copy()
    plain.meta.clear()
    plain.rename_columns(plain.colnames, _fits_names(plain.colnames))
    for name in plain.colnames:
        values = plain[name]
        values.info.description = None
        if values.dtype.kind == "U":
            text = [_ascii(value) for value in values]
            plain[name] = Column(np.array(text, dtype="S") if text else np.array([], dtype="S1"))
        elif values.unit is not None and str(values.unit).startswith("dex"):
            values.unit = None  # FITS knows no logarithmic units
    hdu = fits.table_to_hdu(plain)
    hdu.name = "CATALOG"
    return hdu


def _fits_names(names: Sequence[str]) -> list[str]:
    """Return names of columns in ASCII, different also where capitals do not count."""
    found: dict[str, str] = {}
    for name in (_ascii(name).replace("\\", "") for name in names):
        numbered = (f"{name}_{number}" for number in count(2))
        free = next(item for item in chain([name], numbered) if item.lower() not in found)
        found[free.lower()] = free
    return list(found.values())


def _with_vo_units(table: Any) -> Any:  # noqa: ANN401 - a Table
    """Return the table with units as VOUnit has them, those that it lacks in the description."""
    plain = table.copy()
    for name in plain.colnames:
        if plain[name].dtype.kind == "U" and plain[name].dtype.itemsize <= np.dtype("U1").itemsize:
            about = plain[name].description
            plain[name] = plain[name].astype("U2")  # a single letter has no length of its own
            plain[name].description = about
        unit = plain[name].unit
        if str(unit) in VO_UNITS:
            plain[name].unit = Unit(VO_UNITS[str(unit)], format="vounit")
        elif unit is not None:
            plain[name].unit = None
            plain[name].info.description += f" [{unit}]"
    return plain


def _ascii(text: str) -> str:
    """Return printable ASCII: FITS knows no other text."""
    return "".join(
        c if " " <= c <= "~" else c.encode("unicode_escape").decode("ascii") for c in str(text)
    )


def stem_of(dataset: Dataset) -> str:
    """Return the atlas's name as the beginning of a file's name."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in dataset.name)[:40] or "atlas"
