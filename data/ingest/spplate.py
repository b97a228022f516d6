"""Whole plates of SDSS, BOSS and eBOSS (`spPlate-PLATE-MJD.fits`), fields of SDSS-V (`spField-`).

Images of one row a fibre: flux, ivar, masks; a table of what each fibre observed; redshifts in a
file beside it (`spZbest-`, `spZall-`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data.arrays import BoolArray
from data.ingest.cells import number, whole_number
from data.ingest.damage import unit_problem
from data.ingest.file_list import companions
from data.ingest.fits.file import FitsFile, Unit
from data.ingest.fits.header import Header
from data.ingest.pixel_mask import MaskPolicy
from data.ingest.raw_spectrum import NO_MASK, RawSpectrum
from data.ingest.sdss import FACTS, NO_PURPOSE, PURPOSES, fiber_problem, object_facts, sdss_pixels
from data.ingest.spspec import log_wavelengths

POSITIONS = {"FLUX": 0, "IVAR": 1, "ANDMASK": 2}
"""Numbers of the images; old files do not name them."""
N_ROW = 100
"""Fibres read at a time."""
UNIT_STRIDE = 16
"""Every so many pixels are looked at to tell whether the flux is in its unit."""


def is_spplate(header: Header) -> bool:
    """Return whether the header of a primary image is that of a plate or a field."""
    cards = header.cards
    return (
        {"COEFF0", "COEFF1"} <= cards.keys()
        and cards.get("NAXIS") == "2"
        and bool({"PLATEID", "FIELDID"} & cards.keys())
    )


def read_spplate(
    path: Path, file: FitsFile, primary: Unit, policy: MaskPolicy
) -> Iterator[RawSpectrum]:
    """Yield the objects of a plate, fibre by fibre; sky fibres as such.

    Args:
        path: The file.
        file: The file, opened; the next unit is its second.
        primary: The image of the flux.
        policy: Which bits of the mask leave a pixel out.

    Raises:
        ValueError: A part that is needed is missing or damaged.
    """
    images, plugmap = _parts(file, primary)
    n_fiber, n_pixel = (primary.header.integer(axis) for axis in ("NAXIS2", "NAXIS1"))
    instrument, pixel = sdss_pixels(log_wavelengths(primary.header, n_pixel))
    cells = _cells(path, file, primary.header, plugmap, n_fiber)
    for unit in images.values():
        file.verify(unit)
    remarks = () if "ANDMASK" in images else (NO_MASK,)
    remarks += () if cells and cells[0].keys() & {*PURPOSES} else (NO_PURPOSE,)
    for first in range(0, n_fiber, N_ROW):
        last = min(first + N_ROW, n_fiber)
        block = {name: file.image(unit, first=first, last=last) for name, unit in images.items()}
        flux, ivar = block["FLUX"], block["IVAR"]
        mask = block.get("ANDMASK", np.zeros(flux.shape, np.int32))
        masked, measured = policy.masked(mask), ivar > 0
        n_measured = measured.sum(axis=1)
        flagged: BoolArray = np.any(mask, axis=1)
        problem = unit_problem(flux[:, ::UNIT_STRIDE], ivar[:, ::UNIT_STRIDE])
        for row in range(last - first):
            known = cells[first + row]
            yield RawSpectrum(
                instrument=instrument,
                pixel=pixel,
                flux=flux[row],
                ivar=ivar[row],
                masked=masked[row],
                facts=object_facts(path, known),
                problem=fiber_problem(known) or problem,
                masked_by=policy.cost(mask[row][measured[row]]) if flagged[row] else {},
                n_measured=int(n_measured[row]),
                remarks=remarks,
                stated_snr=number(known.get("sn_median_all")),
            )


def _parts(file: FitsFile, primary: Unit) -> tuple[dict[str, Unit], Unit]:
    """Return the images by name, and the table of the fibres.

    Raises:
        ValueError: One that is needed is missing, or has another shape than the flux.
    """
    images, plugmap = {"FLUX": primary}, None
    number = 0
    while (unit := file.next_unit()) is not None:
        number += 1
        named = unit.header.cards.get("EXTNAME", "").upper()
        if "fiberid" in unit.header.columns or "catalogid" in unit.header.columns:
            plugmap = plugmap or unit
        for name, position in POSITIONS.items():
            if named == name or (not named and number == position and not unit.header.n_field):
                images[name] = unit
    missing = ["IVAR"] if "IVAR" not in images else []
    missing += ["PLUGMAP"] if plugmap is None else []
    if missing or plugmap is None:
        raise ValueError(
            f"missing parts: a file of a whole plate (spPlate) without {' and '.join(missing)}; "
            "a plate has the images FLUX, IVAR, ANDMASK and the table PLUGMAP"
        )
    axes = ("NAXIS", "NAXIS1", "NAXIS2")
    shapes = {name: [unit.header.integer(a) for a in axes] for name, unit in images.items()}
    if any(shape != shapes["FLUX"] for shape in shapes.values()):
        raise ValueError(f"bad shape: images must have equal axes, got {shapes}")
    return images, plugmap


def _cells(
    path: Path, file: FitsFile, header: Header, plugmap: Unit, n_fiber: int
) -> list[dict[str, Any]]:
    """Return what is known of each fibre, by column names of the survey's tables."""
    columns = {k: v for k, v in file.read(plugmap, FACTS).items() if v.ndim == 1}
    if any(len(values) != n_fiber for values in columns.values()):
        n_row = plugmap.header.integer("NAXIS2")
        raise ValueError(f"bad shape: PLUGMAP has {n_row} rows for {n_fiber} spectra")
    plate, field, mjd = (whole_number(header.cards.get(w)) for w in ("PLATEID", "FIELDID", "MJD"))
    if (plate or 0) <= 0 and (field or 0) <= 0 or (mjd or 0) <= 0:
        raise ValueError("no plate: PLATEID or FIELDID, and MJD, must be whole numbers above 0")
    words = {"plate": "PLATEID", "field": "FIELDID", "mjd": "MJD", "run2d": "RUN2D"}
    whole = {name: header.cards[word] for name, word in words.items() if word in header.cards}
    columns.setdefault("fiberid", np.arange(1, n_fiber + 1))
    key = "catalogid" if "catalogid" in columns else "fiberid"
    redshifts = _redshifts(path, key)
    rows: list[dict[str, Any]] = []
    for row in range(n_fiber):
        own = {name: values[row] for name, values in columns.items()}
        found = redshifts.get(int(own[key]), {})
        rows.append(found | own | whole)
    return rows


def _redshifts(path: Path, key: str) -> dict[int, dict[str, Any]]:
    """Return fibre or catalogue number -> cells of its best redshift, from a file beside.

    `spZall` lists all fits of a fibre together, the best one first.
    """
    best: dict[int, dict[str, Any]] = {}
    for companion in companions(path):
        with FitsFile(companion) as file:
            file.next_unit()
            table = file.next_unit()
            if table is None or not {key, "z"} <= table.header.columns.keys():
                needed = f"{key.upper()} and Z"
                raise ValueError(f"missing columns: {companion.name} must have {needed}")
            columns = {k: v for k, v in file.read(table, FACTS).items() if v.ndim == 1}
        for row in np.unique(columns[key], return_index=True)[1]:
            cells = {name: values[row] for name, values in columns.items()}
            best[int(cells[key])] = cells
        break
    return best
