"""Per-object spectra of SDSS, BOSS and eBOSS: one file, one spectrum."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from data.arrays import FloatArray, IndexArray
from data.grid import INSTRUMENTS
from data.ingest.cells import PLACEHOLDERS, in_range, number, plain_text, positive
from data.ingest.fits_table import FitsFile, Unit
from data.ingest.pixel_mask import MaskPolicy
from data.ingest.raw_spectrum import NO_MASK, RawSpectrum, lattice

COLUMNS = ("flux", "loglam", "ivar", "and_mask")
FACTS = (
    "z z_err class subclass zwarning vdisp plate mjd fiberid plug_ra plug_dec ra dec racat deccat "
    "field catalogid sdss_id run2d tile survey programname platequality specprimary "
    "sourcetype targettype objtype"
).split()
PIPELINE = {"and_mask", "or_mask", "wdisp", "sky"}
"""Columns of which a spectrum has one or more, and a table of somebody's fit none."""
LIMITS = {
    "plate": (0, 1e6), "mjd": (0, 1e5), "fiberid": (0, 1e5),
    "ra": (-180, 360), "dec": (-90, 90), "z": (-0.1, 20),
}  # fmt: skip
"""Facts outside these are damaged: no survey has them."""
TEXT_FACTS = {
    "run2d": "run2d", "survey": "survey", "programname": "program", "platequality": "plate_quality",
}  # fmt: skip
"""Column of the file -> column of the catalogue."""
SMALLEST_SIGMA = 1e-9
"""Noise below this is no noise in 1e-17 erg/s/cm2/A: the flux is in another unit."""
ZWARNING_SKY = 1
"""Bit 0 of ZWARNING: a sky fibre (SDSS and DESI redshift pipelines)."""
ZWARNING_UNPLUGGED = 128
"""Bit 7 of ZWARNING: a fibre that was not plugged."""


def read_sdss(path: Path, file: FitsFile, table: Unit, policy: MaskPolicy) -> RawSpectrum:
    """Return the object of a per-object file (`spec-PLATE-MJD-FIBER.fits`).

    Args:
        path: The file; its name is the identifier if its tables give none.
        file: The file, opened; the next unit is the table of facts about the object.
        table: HDU 1, the table of the coadded spectrum.
        policy: Which bits of the mask leave a pixel out.

    Raises:
        ValueError: The file is damaged, or columns are missing.
    """
    columns = file.read(table, COLUMNS)
    if "model" in table.header.columns and not PIPELINE & table.header.columns.keys():
        raise ValueError(
            "no spectrum: a fit to one (its table holds models, and nothing of the pipeline's "
            f"{', '.join(sorted(PIPELINE))}); give the file that was fitted"
        )
    missing = [name for name in COLUMNS[:3] if name not in columns]
    if missing:
        raise ValueError(f"missing columns: {', '.join(missing)} in HDU 1")
    if any(values.ndim != 1 for values in columns.values()):
        raise ValueError("bad shape: flux, loglam, ivar must hold one number a row")
    spectrum = file.next_unit()
    cells = file.read(spectrum, FACTS, n_row=1) if spectrum else {}
    facts = {name: cell[0] for name, cell in cells.items() if cell.shape == (1,)}
    instrument, pixel = sdss_pixels(columns["loglam"])
    mask = columns.get("and_mask", np.zeros(len(pixel), np.int32))
    measured = columns["ivar"] > 0
    return RawSpectrum(
        instrument=instrument,
        pixel=pixel,
        flux=columns["flux"],
        ivar=columns["ivar"],
        masked=policy.masked(mask),
        facts=object_facts(path, facts),
        problem=fiber_problem(facts) or unit_problem(columns["flux"], columns["ivar"]),
        masked_by=policy.cost(mask[measured]),
        n_measured=int(measured.sum()),
        remarks=() if "and_mask" in columns else (NO_MASK,),
    )


def sdss_pixels(loglam: FloatArray) -> tuple[str, IndexArray]:
    """Return the instrument of a spectrum, and its pixels in the instrument's grid.

    Args:
        loglam: log10 of vacuum wavelengths in Angstrom, shape (n,).

    Raises:
        ValueError: They lie on no grid of the survey.
    """
    pixel = lattice(loglam, INSTRUMENTS["sdss"])
    if pixel[0] >= 0 and pixel[-1] < INSTRUMENTS["sdss"].n_pixel:
        return "sdss", pixel
    return "boss", lattice(loglam, INSTRUMENTS["boss"])


def object_facts(path: Path, cells: dict[str, Any]) -> dict[str, Any]:
    """Return the facts about an object from cells named as in the survey's tables (`FACTS`).

    Args:
        path: The file; its name is the identifier if the cells give none.
        cells: Column name in lower case -> value.

    Raises:
        ValueError: A value can not be true.
    """
    facts: dict[str, Any] = {
        "object_id": path.name.split(".")[0].removeprefix("spec-"),
        "ra": _position(cells, "ra"),
        "dec": _position(cells, "dec"),
        "z": number(cells.get("z")),
        "z_err": positive(cells.get("z_err")),
        "class": plain_text(cells.get("class", "")).upper(),
        "subclass": plain_text(cells.get("subclass", "")),
        "zwarning": number(cells.get("zwarning")),
        "vdisp": positive(cells.get("vdisp")),
    }
    in_range(cells | facts, LIMITS)
    key = [number(cells.get(name)) for name in ("plate", "mjd", "fiberid")]
    if all(math.isfinite(value) for value in key):
        plate, mjd, fiber = (int(value) for value in key)
        facts |= {"plate": plate, "mjd": mjd, "fiber": fiber}
        facts["object_id"] = f"{plate:04d}-{mjd:05d}-{fiber:04d}"
    whole = {name: number(cells.get(name)) for name in ("catalogid", "sdss_id", "tile")}
    facts |= {name: int(cells[name]) for name, value in whole.items() if value > 0}
    field = number(cells.get("field"))
    if "catalogid" in facts and math.isfinite(field) and math.isfinite(key[1]):  # SDSS-V
        facts["object_id"] = f"{int(field):06d}-{int(key[1]):05d}-{facts['catalogid']}"
    for name, standard in TEXT_FACTS.items():
        if name in cells:
            facts[standard] = plain_text(cells[name])
    primary = number(cells.get("specprimary"))
    return facts | ({"spec_primary": int(primary)} if math.isfinite(primary) else {})


def _position(cells: dict[str, Any], axis: str) -> float:
    """Return right ascension or declination: of the fibre, the catalogue, or the photometry."""
    names = (f"plug_{axis}", f"{axis}cat", axis)
    values = (number(cells[name]) for name in names if name in cells)
    known = (value for value in values if math.isfinite(value) and value not in PLACEHOLDERS)
    return next(known, math.nan)


def fiber_problem(cells: dict[str, Any]) -> str:
    """Return why a fibre observed no object, from cells named as in the survey's tables."""
    zwarning = number(cells.get("zwarning"))
    bits = int(zwarning) if math.isfinite(zwarning) else 0
    purposes = {plain_text(cells[k]).upper() for k in FACTS[-3:] if k in cells}
    if "SKY" in purposes or bits & ZWARNING_SKY:
        return "sky fibre"
    return "unplugged fibre" if bits & ZWARNING_UNPLUGGED else ""


def unit_problem(flux: FloatArray, ivar: FloatArray) -> str:
    """Return why the flux can not be in its unit; empty if it can."""
    if ivar.max(initial=0) < SMALLEST_SIGMA**-2:  # so is the median of those that count
        return ""
    measured = np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
    if not measured.any():
        return ""
    sigma = float(np.median(np.asarray(ivar, dtype=float)[measured])) ** -0.5
    if sigma < SMALLEST_SIGMA:
        return (
            f"flux not in its unit: a noise of {sigma:.2g} is none in 1e-17 erg/s/cm2/A; "
            "multiply flux by 1e17 and ivar by 1e-34 if they are in erg/s/cm2/A"
        )
    return ""
