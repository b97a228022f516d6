"""Per-object spectra of SDSS-I/II (`spSpec-MJD-PLATE-FIBER.fit`): an image of rows and a header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data.arrays import FloatArray, IntArray
from data.ingest.cells import PLACEHOLDERS, number, plain_text
from data.ingest.damage import unit_problem
from data.ingest.fits.file import FitsFile, Unit
from data.ingest.fits.header import Header
from data.ingest.pixel_mask import MaskPolicy
from data.ingest.raw_spectrum import RawSpectrum
from data.ingest.sdss import check_header, name_remarks, object_facts, sdss_pixels

FLUX, NOISE, MASK = 0, 2, 3
"""Rows of the image; row 1 is the flux less the continuum."""
CLASSES = {1: "STAR", 2: "GALAXY", 3: "QSO", 4: "QSO", 6: "STAR", 7: "GALAXY"}
"""SPEC_CLN: 4 are quasars of high redshift, 6 late stars, 7 galaxies by their emission lines."""
SKY_CLASS = 5
NO_REDSHIFT = (0, 1)
"""Z_STATUS: not measured, failed."""
KEYWORDS = {
    "z": "Z", "z_err": "Z_ERR", "zwarning": "Z_WARNIN", "vdisp": "VEL_DIS", "plate": "PLATEID",
    "mjd": "MJD", "fiberid": "FIBERID", "plug_ra": "RAOBJ", "plug_dec": "DECOBJ", "tile": "TILEID",
}  # fmt: skip
"""Column of later releases -> keyword of the header."""


def is_spspec(header: Header) -> bool:
    """Return whether the header of a primary image is that of a spSpec file."""
    words = {"COEFF0", "COEFF1", "PLATEID", "FIBERID"}
    return words <= header.cards.keys() and header.cards.get("NAXIS") == "2"


def read_spspec(path: Path, file: FitsFile, primary: Unit, policy: MaskPolicy) -> RawSpectrum:
    """Return the object of a spSpec file.

    Args:
        path: The file.
        file: The file, opened; the next unit is its second.
        primary: The image of rows.
        policy: Which bits of the mask leave a pixel out.

    Raises:
        ValueError: The file is damaged, or rows are missing.
    """
    header = primary.header
    file.verify(primary)
    rows = file.image(primary)
    if rows.ndim != 2 or len(rows) <= NOISE:
        raise ValueError(
            "missing rows: a spSpec image has flux, flux less continuum, noise, mask; "
            f"this one has shape {rows.shape}"
        )
    flux, noise = rows[FLUX], rows[NOISE]
    instrument, pixel = sdss_pixels(log_wavelengths(header, len(flux)))
    measured = np.isfinite(noise) & (noise > 0)
    ivar = np.zeros(len(noise))
    ivar[measured] = noise[measured].astype(float) ** -2
    mask = _mask(file, rows)
    cells: dict[str, Any] = {name: header.cards.get(word) for name, word in KEYWORDS.items()}
    cells["class"] = CLASSES.get(int(number(header.cards.get("SPEC_CLN", 0))), "")
    if number(header.cards.get("Z_STATUS", NO_REDSHIFT[-1] + 1)) in NO_REDSHIFT:
        cells["z"] = None
    if number(cells["z"]) in PLACEHOLDERS:
        cells["z"] = None
    facts = object_facts(path, cells)
    return RawSpectrum(
        instrument=instrument,
        pixel=pixel,
        flux=flux,
        ivar=ivar,
        masked=policy.masked(mask),
        facts=facts,
        problem=_problem(header) or unit_problem(flux, ivar),
        masked_by=policy.cost(mask[measured]),
        n_measured=int(measured.sum()),
        remarks=name_remarks(path, facts),
    )


def log_wavelengths(header: Header, n_pixel: int) -> FloatArray:
    """Return log10 of the vacuum wavelengths in Angstrom that a header states, shape (n_pixel,).

    Raises:
        ValueError: It states none, others in other words, or wavelengths in air.
    """
    start, step = (number(header.cards.get(word)) for word in ("COEFF0", "COEFF1"))
    if not np.isfinite([start, step]).all():
        raise ValueError("no wavelengths: COEFF0 and COEFF1 must be numbers")
    for word, value in (("CRVAL1", start), ("CD1_1", step)):
        stated = number(header.cards.get(word, value))
        if abs(stated - value) > 0.1 * abs(step):
            raise ValueError(f"contradiction: {word} is {stated:g}, COEFFn says {value:g}")
    check_header(header)
    return start + step * np.arange(n_pixel)


def _mask(file: FitsFile, rows: FloatArray) -> IntArray:
    """Return the bits set in every exposure: of the table that has them, or of the image."""
    while (unit := file.next_unit()) is not None:
        if "andmask" in unit.header.columns:
            mask = file.read(unit, ["andmask"])["andmask"]
            if mask.shape != rows[0].shape:
                raise ValueError(f"bad shape: {len(mask)} masks for {rows.shape[1]} pixels")
            return mask
    if len(rows) <= MASK:
        raise ValueError("missing rows: a spSpec image has its mask in row 4")
    return np.nan_to_num(rows[MASK]).astype(np.int64)


def _problem(header: Header) -> str:
    kind = plain_text(header.cards.get("OBJTYPE", "")).upper()
    sky = kind == "SKY" or number(header.cards.get("SPEC_CLN")) == SKY_CLASS
    return "sky fibre" if sky else ""
