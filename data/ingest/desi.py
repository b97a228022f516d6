"""DESI coadds and spectra: three arms coadded onto one grid, redshifts from redrock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
from numpy.typing import NDArray

from data.grid import INSTRUMENTS
from data.ingest.cells import number, plain_text, positive
from data.ingest.file_list import companions
from data.ingest.raw_spectrum import RawSpectrum, lattice

ARMS = ("B", "R", "Z")
GRID = INSTRUMENTS["desi"]
N_TARGET = 100
"""Targets read at a time, so that memory does not grow with the file."""


def read_desi(path: Path) -> Iterator[RawSpectrum]:
    """Yield the objects of a coadd or spectra file; exposures of one target are coadded.

    Raises:
        ValueError: A part that is needed is missing or damaged.
        OSError: The file can not be read.
    """
    with fitsio.FITS(str(path)) as file:
        names = {hdu.get_extname().upper() for hdu in file}
        needed = ["FIBERMAP"] + [
            f"{arm}_{part}" for arm in ARMS for part in ("WAVELENGTH", "FLUX", "IVAR")
        ]
        missing = [name for name in needed if name not in names]
        if missing:
            raise ValueError(f"missing parts: DESI file has no HDU {', '.join(missing)}")
        fibermap = _lower(file["FIBERMAP"].read())
        if "targetid" not in (fibermap.dtype.names or ()):
            raise ValueError("missing columns: TARGETID in FIBERMAP")
        redshifts = _redshifts(path)
        targets = list(dict.fromkeys(fibermap["targetid"].tolist()))
        for start in range(0, len(targets), N_TARGET):
            rows = np.flatnonzero(np.isin(fibermap["targetid"], targets[start : start + N_TARGET]))
            span = slice(int(rows[0]), int(rows[-1]) + 1)
            flux, ivar = _coadd_arms(file, names, span=span, n_row=len(fibermap))
            if "fiberstatus" in (fibermap.dtype.names or ()):  # one row an exposure
                ivar[fibermap["fiberstatus"][span] != 0] = 0
            for target in targets[start : start + N_TARGET]:
                own = fibermap["targetid"][span] == target
                fiber = fibermap[span][own][0]
                yield _coadd_exposures(flux[own], ivar[own], fiber, redshifts.get(target))


def _coadd_exposures(
    flux: NDArray[Any],
    ivar: NDArray[Any],
    fiber: np.void,
    redshift: np.void | None,
) -> RawSpectrum:
    """Return one object from its exposures, shape (n_exposure, n_pixel), weighted by ivar."""
    weight = ivar.sum(axis=0)
    weighted = (flux * ivar).sum(axis=0)
    return RawSpectrum(
        instrument="desi",
        pixel=np.arange(GRID.n_pixel),
        flux=np.divide(weighted, weight, out=np.zeros_like(weighted), where=weight > 0),
        ivar=weight,
        masked=weight == 0,
        facts=_facts(fiber, redshift),
        problem=_problem(fiber, measured=bool(np.any(weight > 0))),
    )


def _coadd_arms(
    file: fitsio.FITS,
    names: set[str],
    *,
    span: slice,
    n_row: int,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return flux and ivar of some rows on the grid, arms weighted by ivar, (n, n_pixel)."""
    weight, weighted = np.zeros((2, span.stop - span.start, GRID.n_pixel))
    for arm in ARMS:
        pixel = lattice(file[f"{arm}_WAVELENGTH"].read(), GRID)
        shapes = [tuple(file[f"{arm}_{part}"].get_dims()) for part in ("FLUX", "IVAR")]
        expected = (n_row, len(pixel))
        if shapes != [expected, expected]:
            raise ValueError(
                f"bad shape: {arm}_FLUX and {arm}_IVAR must have shape {expected}, got {shapes}"
            )
        flux = np.asarray(file[f"{arm}_FLUX"][span, :], dtype=float)
        ivar = np.asarray(file[f"{arm}_IVAR"][span, :], dtype=float)
        good = np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
        if f"{arm}_MASK" in names:
            good &= file[f"{arm}_MASK"][span, :] == 0
        flux, ivar = np.where(good, flux, 0), np.where(good, ivar, 0)
        inside = (pixel >= 0) & (pixel < GRID.n_pixel)
        weight[:, pixel[inside]] += ivar[:, inside]
        weighted[:, pixel[inside]] += (flux * ivar)[:, inside]
    return np.divide(weighted, weight, out=np.zeros_like(weighted), where=weight > 0), weight


def _redshifts(path: Path) -> dict[int, np.void]:
    """Return the rows of the redshift file that lies beside the spectra, by target."""
    for companion in companions(path):
        with fitsio.FITS(str(companion)) as file:
            rows = _lower(file[1].read())
        wanted = {"targetid", "z"}
        if not wanted <= set(rows.dtype.names or ()):
            raise ValueError(f"missing columns: {companion.name} must have TARGETID and Z")
        return {int(row["targetid"]): row for row in rows}
    return {}


def _facts(fiber: np.void, redshift: np.void | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "object_id": str(int(fiber["targetid"])),
        "targetid": int(fiber["targetid"]),
        "ra": number(_cell(fiber, "target_ra")),
        "dec": number(_cell(fiber, "target_dec")),
        "z": number(_cell(redshift, "z")),
        "z_err": positive(_cell(redshift, "zerr")),
        "class": plain_text(_cell(redshift, "spectype") or "").upper(),
        "subclass": plain_text(_cell(redshift, "subtype") or ""),
        "zwarning": number(_cell(redshift, "zwarn")),
    }
    return facts


def _problem(fiber: np.void, *, measured: bool) -> str:
    kind = _cell(fiber, "objtype")
    if int(fiber["targetid"]) < 0 or (kind is not None and plain_text(kind).upper() == "SKY"):
        return "sky or unassigned fibre"
    status = _cell(fiber, "coadd_fiberstatus")
    status = _cell(fiber, "fiberstatus") if status is None else status
    if not measured:
        return f"dead fibre: no measurement, fibre status {status if status is not None else '?'}"
    bad = _cell(fiber, "coadd_fiberstatus")
    return f"bad fibre: COADD_FIBERSTATUS {bad}" if bad else ""


def _cell(row: np.void | None, name: str) -> Any:  # noqa: ANN401 - a value of any type
    return row[name] if row is not None and name in (row.dtype.names or ()) else None


def _lower(table: NDArray[Any]) -> NDArray[Any]:
    table.dtype.names = tuple(name.lower() for name in table.dtype.names or ())
    return table
