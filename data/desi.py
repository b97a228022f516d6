"""DESI coadds and spectra: three arms coadded onto one grid, redshifts from redrock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
from numpy.typing import NDArray

from data.grid import INSTRUMENTS
from data.readers import COMPANIONS, RawSpectrum, lattice, number, plain_text, positive

ARMS = ("B", "R", "Z")
GRID = INSTRUMENTS["desi"]


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
        flux, ivar = _coadd_arms(file, n_row=len(fibermap))
    redshifts = _redshifts(path)
    for target in dict.fromkeys(fibermap["targetid"].tolist()):
        rows = np.flatnonzero(fibermap["targetid"] == target)
        weight = ivar[rows].sum(axis=0)
        weighted = (flux[rows] * ivar[rows]).sum(axis=0)
        mean = np.divide(weighted, weight, out=np.zeros_like(weighted), where=weight > 0)
        yield RawSpectrum(
            instrument="desi",
            pixel=np.arange(GRID.n_pixel),
            flux=mean,
            ivar=weight,
            masked=weight == 0,
            facts=_facts(fibermap[rows[0]], redshifts.get(target)),
            problem=_problem(fibermap[rows], bool(np.any(weight > 0)), path, redshifts),
        )


def _coadd_arms(file: Any, *, n_row: int) -> tuple[NDArray[Any], NDArray[Any]]:  # noqa: ANN401
    """Return flux and ivar on the grid, mean of the arms weighted by ivar, (n_row, n_pixel)."""
    weight, weighted = np.zeros((2, n_row, GRID.n_pixel))
    extensions = {hdu.get_extname().upper() for hdu in file}
    for arm in ARMS:
        pixel = lattice(file[f"{arm}_WAVELENGTH"].read(), GRID)
        flux = np.asarray(file[f"{arm}_FLUX"].read(), dtype=float)
        ivar = np.asarray(file[f"{arm}_IVAR"].read(), dtype=float)
        expected = (n_row, len(pixel))
        if flux.shape != expected or ivar.shape != expected:
            raise ValueError(
                f"bad shape: {arm}_FLUX and {arm}_IVAR must have shape {expected}, "
                f"got {flux.shape} and {ivar.shape}"
            )
        good = np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
        if f"{arm}_MASK" in extensions:
            good &= file[f"{arm}_MASK"].read() == 0
        inside = (pixel >= 0) & (pixel < GRID.n_pixel)
        weight[:, pixel[inside]] += np.where(good, ivar, 0)[:, inside]
        weighted[:, pixel[inside]] += np.where(good, flux * np.where(good, ivar, 0), 0)[:, inside]
    return np.divide(weighted, weight, out=np.zeros_like(weighted), where=weight > 0), weight


def _redshifts(path: Path) -> dict[int, Any]:
    """Return the rows of the redshift file that lies beside the spectra, by target."""
    for prefix in COMPANIONS:
        name = path.name
        for own in ("coadd-", "spectra-"):
            name = prefix + name.removeprefix(own) if name.startswith(own) else name
        companion = path.with_name(name)
        if name != path.name and companion.is_file():
            with fitsio.FITS(str(companion)) as file:
                rows = _lower(file[1].read())
            wanted = {"targetid", "z"}
            if not wanted <= set(rows.dtype.names or ()):
                raise ValueError(f"missing columns: {companion.name} must have TARGETID and Z")
            return {int(row["targetid"]): row for row in rows}
    return {}


def _facts(fiber: Any, redshift: Any) -> dict[str, Any]:  # noqa: ANN401 - rows of tables
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


def _problem(fibers: Any, measured: bool, path: Path, redshifts: dict[int, Any]) -> str:  # noqa: ANN401
    fiber = fibers[0]
    kind = _cell(fiber, "objtype")
    if int(fiber["targetid"]) < 0 or (kind is not None and plain_text(kind).upper() == "SKY"):
        return "sky or unassigned fibre"
    status = _cell(fiber, "coadd_fiberstatus")
    if not measured:
        return f"dead fibre: no measurement, fibre status {status if status is not None else '?'}"
    if status:
        return f"bad fibre: COADD_FIBERSTATUS {status}"
    return ""


def _cell(row: Any, name: str) -> Any:  # noqa: ANN401 - a value of any type
    return row[name] if row is not None and name in (row.dtype.names or ()) else None


def _lower(table: Any) -> Any:  # noqa: ANN401 - a structured array
    table.dtype.names = tuple(name.lower() for name in table.dtype.names)
    return table
