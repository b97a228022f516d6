"""Per-object spectra as their files have them: which format a file is in, and what it holds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.arrays import BoolArray, FloatArray, IndexArray
from data.grid import INSTRUMENTS, WaveGrid
from data.ingest.fits_table import FitsFile, Unit

SUFFIXES = (".fits", ".fit", ".fits.gz", ".fit.gz")
"""How names of spectrum files end."""
COMPANIONS = ("redrock-", "zbest-")
"""How names of DESI redshift files begin; they are read with their spectra."""
SDSS_COLUMNS = ("flux", "loglam", "ivar", "and_mask")
SDSS_FACTS = (
    "z z_err class subclass zwarning vdisp plate mjd fiberid plug_ra plug_dec ra dec "
    "sourcetype targettype objtype"
).split()
ZWARNING_SKY = 1
"""Bit 0 of ZWARNING: a sky fibre (SDSS and DESI redshift pipelines)."""
ZWARNING_UNPLUGGED = 128
"""Bit 7 of ZWARNING: a fibre that was not plugged."""
LATTICE_TOLERANCE = 0.1
"""Largest distance of a pixel from its instrument's grid, in pixels."""


@dataclass(frozen=True)
class RawSpectrum:
    """One object as read: flux in 1e-17 erg/s/cm2/A, vacuum Angstrom, observed frame.

    Attributes:
        instrument: `sdss`, `boss` or `desi`.
        pixel: Pixel indices in the instrument's grid, increasing; may reach beyond it.
        flux: Flux density, may be non-finite, shape (n,).
        ivar: Inverse variance of `flux`, shape (n,).
        masked: Where the file's mask is set, shape (n,).
        facts: Catalogue values: `object_id`, `z`, `class`, ... as far as the file has them.
        problem: Why the file itself says that this is no usable object; empty if it does not.
    """

    instrument: str
    pixel: IndexArray
    flux: FloatArray
    ivar: FloatArray
    masked: BoolArray
    facts: dict[str, Any]
    problem: str = ""


def read_file(path: Path) -> Iterator[RawSpectrum]:
    """Yield the objects of a file.

    Raises:
        ValueError: The file is damaged, or in no known format.
        OSError: It can not be opened.
    """
    if path.is_dir():
        raise ValueError("not a file: it is a folder")
    with FitsFile(path) as file:
        file.next_unit()
        table = file.next_unit()
        if table is None:
            raise ValueError("no spectrum: the FITS file has no extension")
        if {"flux", "loglam"} & table.header.columns.keys():
            yield _read_sdss(path, file, table)
            return
        name = table.header.cards.get("EXTNAME", "").upper()
    if name == "FIBERMAP" or name.endswith("_WAVELENGTH"):
        from data.ingest.desi import read_desi  # only who has DESI files waits for its libraries

        yield from read_desi(path)
        return
    raise ValueError(
        "unknown format: neither SDSS/BOSS (columns flux, loglam, ivar in HDU 1) "
        "nor DESI (HDUs FIBERMAP, B_WAVELENGTH, ...)"
    )


def lattice(uniform: FloatArray, grid: WaveGrid) -> IndexArray:
    """Return pixel indices in `grid` of wavelengths that lie on it, or on its continuation.

    Args:
        uniform: Angstrom for a linear grid, log10(Angstrom) for a logarithmic one.
        grid: The grid.

    Raises:
        ValueError: They do not increase, or lie between the pixels of the grid.
    """
    place = (np.asarray(uniform, dtype=float) - grid.start) / grid.step
    if place.size < 2 or not np.all(np.abs(place) < 1e6):
        raise ValueError(f"bad wavelengths: {_span(uniform)} are not optical wavelengths")
    pixel = np.rint(place).astype(np.int64)
    off = float(np.abs(place - pixel).max())
    if off > LATTICE_TOLERANCE:
        raise ValueError(
            f"bad wavelengths: they must lie on the instrument's grid, got pixels {off:.2f} "
            "pixels away from it; resample first"
        )
    if np.any(np.diff(pixel) <= 0):
        raise ValueError(f"bad wavelengths: they must increase, got {_span(uniform)}")
    return pixel


def plain_text(value: Any) -> str:  # noqa: ANN401 - whatever a table cell holds
    """Return a table cell as one line of printable text; markup stays text."""
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return "".join(c if c.isprintable() else " " for c in text).strip()


def number(value: Any) -> float:  # noqa: ANN401 - whatever a table cell holds
    """Return a table cell as a number; NaN where it holds none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def positive(value: Any) -> float:  # noqa: ANN401 - whatever a table cell holds
    """Return a positive number, or NaN: pipelines write 0 or less where they failed."""
    result = number(value)
    return result if result > 0 else math.nan


def _read_sdss(path: Path, file: FitsFile, table: Unit) -> RawSpectrum:
    columns = file.read(table, SDSS_COLUMNS)
    missing = [name for name in SDSS_COLUMNS[:3] if name not in columns]
    if missing:
        raise ValueError(f"missing columns: {', '.join(missing)} in HDU 1")
    if any(values.ndim != 1 for values in columns.values()):
        raise ValueError("bad shape: flux, loglam, ivar must hold one number a row")
    spectrum = file.next_unit()
    cells = file.read(spectrum, SDSS_FACTS, n_row=1) if spectrum else {}
    facts = {name: cell[0] for name, cell in cells.items() if cell.shape == (1,)}
    pixel = lattice(columns["loglam"], INSTRUMENTS["sdss"])
    instrument = "sdss"
    if pixel[-1] >= INSTRUMENTS["sdss"].n_pixel or pixel[0] < 0:
        instrument, pixel = "boss", lattice(columns["loglam"], INSTRUMENTS["boss"])
    return RawSpectrum(
        instrument=instrument,
        pixel=pixel,
        flux=columns["flux"],
        ivar=columns["ivar"],
        masked=columns.get("and_mask", np.zeros(len(pixel), np.int32)) != 0,
        facts=_sdss_facts(path, facts),
        problem=_sdss_problem(facts),
    )


def _sdss_facts(path: Path, cells: dict[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "object_id": path.name.split(".")[0].removeprefix("spec-"),
        "ra": number(cells.get("plug_ra", cells.get("ra"))),
        "dec": number(cells.get("plug_dec", cells.get("dec"))),
        "z": number(cells.get("z")),
        "z_err": positive(cells.get("z_err")),
        "class": plain_text(cells.get("class", "")).upper(),
        "subclass": plain_text(cells.get("subclass", "")),
        "zwarning": number(cells.get("zwarning")),
        "vdisp": positive(cells.get("vdisp")),
    }
    key = [number(cells.get(name)) for name in ("plate", "mjd", "fiberid")]
    if all(math.isfinite(value) for value in key):
        plate, mjd, fiber = (int(value) for value in key)
        facts |= {"plate": plate, "mjd": mjd, "fiber": fiber}
        facts["object_id"] = f"{plate:04d}-{mjd:05d}-{fiber:04d}"
    return facts


def _sdss_problem(cells: dict[str, Any]) -> str:
    zwarning = number(cells.get("zwarning"))
    bits = int(zwarning) if math.isfinite(zwarning) else 0
    purposes = {plain_text(cells[k]).upper() for k in SDSS_FACTS[-3:] if k in cells}
    if "SKY" in purposes or bits & ZWARNING_SKY:
        return "sky fibre"
    return "unplugged fibre" if bits & ZWARNING_UNPLUGGED else ""


def _span(uniform: FloatArray) -> str:
    if len(uniform) == 0:
        return "no pixels"
    return f"{uniform[0]:.6g} ... {uniform[-1]:.6g} ({len(uniform)} pixels)"
