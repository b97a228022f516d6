"""Per-object spectra of SDSS, BOSS and eBOSS: one file, one spectrum."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.arrays import FloatArray, IndexArray
from data.grid import INSTRUMENTS
from data.ingest.cells import PLACEHOLDERS, number, plain_text, positive, whole_number
from data.ingest.damage import contradiction, in_survey_unit, unit_problem
from data.ingest.fits.file import FitsFile, Unit
from data.ingest.fits.header import Header
from data.ingest.pixel_mask import MaskPolicy
from data.ingest.raw_spectrum import LATTICE_TOLERANCE, NO_MASK, RawSpectrum, lattice

COLUMNS = ("flux", "loglam", "ivar", "and_mask")
FACTS = (
    "z z_err class subclass zwarning vdisp plate mjd fiberid plug_ra plug_dec ra dec racat deccat "
    "field catalogid sdss_id run2d tile survey programname platequality specprimary "
    "sn_median_all sourcetype targettype objtype"
).split()
PURPOSES = FACTS[-3:]
PIPELINE = {"and_mask", "or_mask", "wdisp", "sky"}
"""Columns of which a spectrum has one or more, and a table of somebody's fit none."""
KEYWORDS = {
    "plate": "PLATEID", "mjd": "MJD", "fiber": "FIBERID", "ra": "PLUG_RA", "dec": "PLUG_DEC",
}  # fmt: skip
"""Fact of the table -> keyword of the primary header that says the same."""
LOG_COVERED = (math.log10(3000), math.log10(12000))
"""log10 of wavelengths in Angstrom between which all spectra of the survey lie."""
NO_PURPOSE = "no column tells what fibres were for: those on sky are told by ZWARNING alone"
"""Remark on files without OBJTYPE, SOURCETYPE, TARGETTYPE."""
TEXT_FACTS = {
    "run2d": "run2d", "survey": "survey", "programname": "program", "platequality": "plate_quality",
}  # fmt: skip
"""Column of the file -> column of the catalogue."""
PLATE_MJD_FIBER = re.compile(r"spec-(\d{4,5})-(\d{5})-(\d{4})")
"""How the survey names a file."""
EXPECTED = {"and_mask": "i"}
"""Kind of the numbers of columns; of all others it is `f`."""
TYPES = dict.fromkeys(COLUMNS, "floating-point numbers") | {"and_mask": "whole numbers"}
ZWARNING_SKY = 1
"""Bit 0 of ZWARNING: a sky fibre (SDSS and DESI redshift pipelines)."""
ZWARNING_UNPLUGGED = 128
"""Bit 7 of ZWARNING: a fibre that was not plugged."""


def read_sdss(
    path: Path, file: FitsFile, primary: Header, table: Unit, policy: MaskPolicy
) -> RawSpectrum:
    """Return the object of a per-object file (`spec-PLATE-MJD-FIBER.fits`).

    Args:
        path: The file; its name is the identifier if its tables give none.
        file: The file, opened; the next unit is the table of facts about the object.
        primary: The header of the file.
        table: HDU 1, the table of the coadded spectrum.
        policy: Which bits of the mask leave a pixel out.

    Raises:
        ValueError: The file is damaged, or columns are missing.
    """
    check_header(primary)
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
    kinds = {name: values.dtype for name, values in columns.items()}
    if wrong := [name for name, kind in kinds.items() if kind.kind != EXPECTED.get(name, "f")]:
        raise ValueError(
            f"bad type: {', '.join(wrong)} must be {' or '.join(TYPES[name] for name in wrong)}, "
            f"got {', '.join(str(kinds[name]) for name in wrong)}"
        )
    spectrum = file.next_unit()
    cells = file.read(spectrum, FACTS, n_row=1) if spectrum else {}
    known = {name: cell[0] for name, cell in cells.items() if cell.shape == (1,)}
    facts = object_facts(path, known)
    stated = {name: primary.cards[word] for name, word in KEYWORDS.items() if word in primary.cards}
    instrument, pixel = sdss_pixels(columns["loglam"])
    mask = columns.get("and_mask", np.zeros(len(pixel), np.int32))
    measured = columns["ivar"] > 0
    return RawSpectrum(
        instrument=instrument,
        pixel=pixel,
        flux=columns["flux"],
        ivar=columns["ivar"],
        masked=policy.masked(mask),
        facts=facts,
        problem=fiber_problem(known)
        or contradiction(stated, facts)
        or unit_problem(columns["flux"], columns["ivar"]),
        masked_by=policy.cost(mask[measured]),
        n_measured=int(measured.sum()),
        remarks=(() if "and_mask" in columns else (NO_MASK,))
        + name_remarks(path, facts)
        + (() if known.keys() & {*PURPOSES} else (NO_PURPOSE,)),
        stated_snr=number(known.get("sn_median_all")),
    )


def is_sdss(file: FitsFile, table: Unit, *, air: bool) -> bool:
    """Return whether a table holds a spectrum as the survey writes it: in its units, on its grid.

    Without a column of the pipeline that is looked at: others name their columns alike.

    Args:
        file: The file, opened.
        table: Its first table.
        air: Whether the user says that wavelengths are in air.
    """
    columns, cards = table.header.columns, table.header.cards
    if PIPELINE & columns.keys():
        return "loglam" in columns or {"flux", "ivar", "and_mask"} <= columns.keys()
    if not {"loglam", "flux", "ivar"} <= columns.keys():
        return {"loglam", "model"} <= columns.keys()
    unit = cards.get(f"TUNIT{columns['flux']}", "")
    if air or cards.get("AIRORVAC", "").lower().startswith("air") or (
        unit and not in_survey_unit(unit)
    ):  # fmt: skip
        return False
    steps = np.diff(file.read(table, ["loglam"])["loglam"], axis=0) / INSTRUMENTS["sdss"].step
    whole = np.rint(steps)
    even = np.abs(steps - whole).max(initial=0) < LATTICE_TOLERANCE
    return bool(even and (whole >= 1).all() and steps.size and np.median(whole) == 1)


def check_header(primary: Header) -> None:
    """Refuse a file whose header says that it is not in the survey's units.

    Raises:
        ValueError: Wavelengths are in air, or the flux is in another unit.
    """
    cards = primary.cards
    if cards.get("VACUUM", "T").upper() in ("F", "FALSE", "0"):
        raise ValueError("wavelengths in air: VACUUM is F, SDSS spectra have vacuum wavelengths")
    unit = cards.get("BUNIT", "")
    if unit and not in_survey_unit(unit):
        raise ValueError(f"bad unit: BUNIT is {unit!r}, SDSS spectra are in 1E-17 erg/cm^2/s/Ang")


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
    if not (loglam[0] > LOG_COVERED[0] and loglam[-1] < LOG_COVERED[1]):
        low, high = (10.0 ** float(value) for value in (loglam[0], loglam[-1]))
        raise ValueError(
            f"outside coverage: {low:.0f}-{high:.0f} A, SDSS and BOSS lie within 3000-12000 A"
        )
    return "boss", lattice(loglam, INSTRUMENTS["boss"])


def object_facts(path: Path, cells: dict[str, Any]) -> dict[str, Any]:
    """Return the facts about an object from cells named as in the survey's tables (`FACTS`).

    Args:
        path: The file; its name is the identifier if the cells give none.
        cells: Column name in lower case -> value.
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
    plate, mjd, fiber = (whole_number(cells.get(name)) for name in ("plate", "mjd", "fiberid"))
    if plate is not None and mjd is not None and fiber is not None:
        facts |= {"plate": plate, "mjd": mjd, "fiber": fiber}
        if plate not in PLACEHOLDERS and fiber not in PLACEHOLDERS:
            facts["object_id"] = f"{plate:04d}-{mjd:05d}-{fiber:04d}"
    whole = {name: whole_number(cells.get(name)) for name in ("catalogid", "sdss_id", "tile")}
    facts |= {name: value for name, value in whole.items() if value is not None and value > 0}
    field = whole_number(cells.get("field"))
    if "catalogid" in facts and field is not None and mjd is not None:  # SDSS-V
        facts["object_id"] = f"{field:06d}-{mjd:05d}-{facts['catalogid']}"
    for name, standard in TEXT_FACTS.items():
        if name in cells:
            facts[standard] = plain_text(cells[name])
    primary = number(cells.get("specprimary"))
    facts |= {"spec_primary": int(primary)} if math.isfinite(primary) else {}
    return facts


def name_remarks(path: Path, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what to say of an object whose identifier is that of its file, or another's."""
    if "plate" not in facts and "catalogid" not in facts:
        return ("no plate, MJD and fibre, nor a catalogue number: identified by the file's name",)
    named = PLATE_MJD_FIBER.fullmatch(path.name.split(".")[0])
    key = tuple(facts.get(name) for name in ("plate", "mjd", "fiber"))
    if named and tuple(map(int, named.groups())) != key:
        return ("contradiction: the file's name has other numbers than its tables",)
    return ()


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
    purposes = {plain_text(cells[k]).upper() for k in PURPOSES if k in cells}
    if "SKY" in purposes or bits & ZWARNING_SKY:
        return "sky fibre"
    return "unplugged fibre" if bits & ZWARNING_UNPLUGGED else ""
