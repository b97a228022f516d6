"""DESI coadds and spectra: three arms coadded onto one grid, redshifts from redrock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray, IndexArray
from data.grid import INSTRUMENTS
from data.ingest.cells import number, plain_text, positive, whole_number
from data.ingest.damage import (
    IMPOSSIBLE_PIXELS,
    contradiction,
    impossible,
    in_survey_unit,
    unit_problem,
)
from data.ingest.file_list import companions
from data.ingest.pixel_mask import MaskPolicy
from data.ingest.prepare import MIN_IVAR
from data.ingest.raw_spectrum import NO_MASK, RawSpectrum, lattice
from data.sky import SAME_OBJECT, separations

ARMS = ("B", "R", "Z")
COMBINED = "BRZ"
"""Arm of files whose arms were coadded."""
PARTS = ("WAVELENGTH", "FLUX", "IVAR")
GRID = INSTRUMENTS["desi"]
REDSHIFT_TABLES = ("REDSHIFTS", "ZBEST")
"""HDUs with the redshifts, in the file of the spectra or in one beside it."""
WHOLE_FACTS = (
    "tileid", "petal_loc", "night", "fiber", "healpix", "desi_target", "bgs_target",
    "sv1_desi_target", "sv2_desi_target", "sv3_desi_target", "sv3_bgs_target",
)  # fmt: skip
"""Columns of FIBERMAP that are kept as whole numbers, where a file has them."""
TEXT_FACTS = ("survey", "program")
N_TARGET = 100
"""Targets read at a time, so that memory does not grow with the file."""


def read_desi(path: Path, policy: MaskPolicy) -> Iterator[RawSpectrum]:
    """Yield the objects of a coadd or spectra file; exposures of one target are coadded.

    Args:
        path: The file.
        policy: Which bits of its mask leave a pixel out.

    Raises:
        ValueError: A part that is needed is missing or damaged.
        OSError: The file can not be read.
    """
    with fitsio.FITS(str(path)) as file:
        names = {hdu.get_extname().upper() for hdu in file}
        arms = _arms(names)
        needed = ["FIBERMAP"] + [f"{arm}_{part}" for arm in arms for part in PARTS]
        missing = [name for name in needed if name not in names]
        if missing:
            raise ValueError(f"missing parts: DESI file has no HDU {', '.join(missing)}")
        _check_kinds(file, needed)
        _check_sums(file, [*needed, *(f"{arm}_MASK" for arm in arms if f"{arm}_MASK" in names)])
        fibermap = _lower(file["FIBERMAP"].read())
        if len(fibermap) == 0:
            raise ValueError("no object: FIBERMAP has no row")
        _check_targets(file, names, fibermap)
        redshifts = _redshifts(path, file, names)
        remarks = () if all(f"{arm}_MASK" in names for arm in arms) else (NO_MASK,)
        if absent := [arm for arm in ARMS if arm not in arms and COMBINED not in arms]:
            remarks += (f"no arm {', '.join(absent)}: the pixels of {', '.join(arms)} alone",)
        targets = list(dict.fromkeys(fibermap["targetid"].tolist()))
        for start in range(0, len(targets), N_TARGET):
            rows = np.flatnonzero(np.isin(fibermap["targetid"], targets[start : start + N_TARGET]))
            fibers = fibermap[rows]
            flux, ivar, counts, impossible = _coadd_arms(
                file, names, arms, rows=rows, n_row=len(fibermap), policy=policy
            )
            if "fiberstatus" in (fibermap.dtype.names or ()):  # one row an exposure
                ivar[fibers["fiberstatus"] != 0] = 0
            for target in targets[start : start + N_TARGET]:
                own = fibers["targetid"] == target
                yield replace(
                    _coadd_exposures(flux[own], ivar[own], fibers[own], redshifts.get(target)),
                    masked_by={"MASK": int((counts[own, :, 0] - counts[own, :, 1]).sum())},
                    n_measured=int(counts[own, :, 0].sum()),
                    remarks=remarks + _pixel_remarks(arms, counts[own], impossible[own]),
                )


def _check_kinds(file: fitsio.FITS, names: Sequence[str]) -> None:
    """Refuse HDUs of another kind, or in another unit, than their names say.

    Raises:
        ValueError: One is a table instead of an image, or the reverse, or has another unit.
    """
    for name in names:
        image = isinstance(file[name], fitsio.hdu.ImageHDU)
        if image == (name == "FIBERMAP"):
            raise ValueError(f"bad HDU: {name} is {'an image' if image else 'a table'}")
        unit = str(file[name].read_header().get("BUNIT", "")).strip()
        if unit and not _unit_known(unit, name.rpartition("_")[2]):
            raise ValueError(f"bad unit: {name} is in {unit}, not in that of DESI")


def _unit_known(unit: str, part: str) -> bool:
    bare = re.sub(r"[ *^()+]", "", unit).lower()
    if part == "FLUX":
        return in_survey_unit(unit)
    if part == "WAVELENGTH":
        return bare.startswith("angstrom")
    return part != "IVAR" or bool(re.match(r"(10|1(\.0*)?e)34", bare))


def _check_targets(file: fitsio.FITS, names: set[str], fibermap: NDArray[Any]) -> None:
    """Refuse rows whose targets are not known, or not those of the spectra.

    Raises:
        ValueError: TARGETID is missing, no integer, or SCORES has its rows in another order.
    """
    if "targetid" not in (fibermap.dtype.names or ()):
        raise ValueError("missing columns: TARGETID in FIBERMAP")
    targets = fibermap["targetid"]
    _check_integers(targets, "FIBERMAP")
    if "SCORES" in names and not isinstance(file["SCORES"], fitsio.hdu.ImageHDU):
        scores = _lower(file["SCORES"].read())
        if "targetid" in (scores.dtype.names or ()) and len(scores) == len(targets):
            if not np.array_equal(scores["targetid"], targets):
                raise ValueError("contradiction: FIBERMAP and SCORES have targets in other orders")


def _arms(names: set[str]) -> tuple[str, ...]:
    """Return the arms that a file has some part of; all of them where it has none."""
    arms = tuple(arm for arm in ARMS if any(f"{arm}_{part}" in names for part in PARTS))
    if not arms and any(f"{COMBINED}_{part}" in names for part in PARTS):
        return (COMBINED,)
    return arms or ARMS


def _coadd_exposures(
    flux: NDArray[Any],
    ivar: NDArray[Any],
    fibers: NDArray[Any],
    redshift: np.void | None,
) -> RawSpectrum:
    """Return one object from its exposures, shape (n_exposure, n_pixel), weighted by ivar."""
    fiber = fibers[0]
    facts = _facts(fiber, redshift)
    pointed = {
        axis: _cell(fiber, f"{kind}fiber_{axis}")
        for kind in ("mean_", "")
        for axis in ("ra", "dec")
        if number(_cell(fiber, f"{kind}fiber_{axis}"))
    }
    weight = ivar.sum(axis=0)
    weighted = (flux * ivar).sum(axis=0)
    mean = np.divide(weighted, weight, out=np.zeros_like(weighted), where=weight > 0)
    return RawSpectrum(
        instrument="desi",
        pixel=np.arange(GRID.n_pixel),
        flux=mean,
        ivar=weight,
        masked=weight == 0,
        facts=facts,
        problem=_problem(fiber, measured=bool(np.any(weight > 0)))
        or _scattered(fibers)
        or contradiction(pointed, facts)
        or unit_problem(mean, weight),
    )


def _scattered(fibers: NDArray[Any]) -> str:
    """Return why rows of one target are not exposures of one object; empty if they are."""
    if len(fibers) == 1 or not {"target_ra", "target_dec"} <= set(fibers.dtype.names or ()):
        return ""
    ra, dec = (fibers[name].astype(float) for name in ("target_ra", "target_dec"))
    apart = separations(ra, dec, np.full(len(ra), ra[0]), np.full(len(dec), dec[0])).max()
    if apart <= SAME_OBJECT:
        return ""
    return (
        f"contradiction: the {len(fibers)} rows of this TARGETID lie up to {apart:.1f} arcsec apart"
    )


def _coadd_arms(
    file: fitsio.FITS,
    names: set[str],
    arms: Sequence[str],
    *,
    rows: IndexArray,
    n_row: int,
    policy: MaskPolicy,
) -> tuple[NDArray[Any], NDArray[Any], IndexArray, BoolArray]:
    """Return some rows on the grid, arms weighted by ivar.

    Returns:
        Flux and ivar, shape (n, n_pixel); of each row and arm how many pixels are measured and
        how many of them the mask leaves, shape (n, n_arm, 2); whether any of a row is impossible.
    """
    counts = np.zeros((len(rows), len(arms), 2), dtype=np.int64)
    damaged = np.zeros(len(rows), dtype=bool)
    weight, weighted = np.zeros((2, len(rows), GRID.n_pixel))
    for number_of_arm, arm in enumerate(arms):
        pixel = lattice(file[f"{arm}_WAVELENGTH"].read(), GRID)
        shapes = [tuple(file[f"{arm}_{part}"].get_dims()) for part in ("FLUX", "IVAR")]
        expected = (n_row, len(pixel))
        if shapes != [expected, expected]:
            raise ValueError(
                f"bad shape: {arm}_FLUX and {arm}_IVAR must have shape {expected}, got {shapes}"
            )
        if f"{arm}_MASK" in names:
            _check_mask(file[f"{arm}_MASK"], f"{arm}_MASK", expected)
        flux = _rows_of(file[f"{arm}_FLUX"], rows).astype(float)
        ivar = _rows_of(file[f"{arm}_IVAR"], rows).astype(float)
        wrong = impossible(flux, ivar)
        damaged |= wrong.any(axis=1)
        good = np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0) & ~wrong
        counts[:, number_of_arm, 0] = good.sum(axis=1)
        if f"{arm}_MASK" in names:
            good &= ~policy.masked(_rows_of(file[f"{arm}_MASK"], rows), desi=True)
        counts[:, number_of_arm, 1] = (good & (ivar > MIN_IVAR)).sum(axis=1)
        flux, ivar = np.where(good, flux, 0), np.where(good, ivar, 0)
        inside = (pixel >= 0) & (pixel < GRID.n_pixel)
        weight[:, pixel[inside]] += ivar[:, inside]
        weighted[:, pixel[inside]] += (flux * ivar)[:, inside]
    return (
        np.divide(weighted, weight, out=np.zeros_like(weighted), where=weight > 0),
        weight,
        counts,
        damaged,
    )


def _pixel_remarks(arms: Sequence[str], counts: IndexArray, damaged: BoolArray) -> tuple[str, ...]:
    """Return what to say of the pixels of one target.

    Args:
        arms: Names of the arms.
        counts: Pixels measured and, of them, used, of each exposure and arm, shape (n, n_arm, 2).
        damaged: Which exposures have impossible pixels, shape (n,).
    """
    used = counts[:, :, 1].sum(axis=0)
    lost = [arm for arm, n_used in zip(arms, used.tolist(), strict=True) if not n_used]
    told = (IMPOSSIBLE_PIXELS,) if damaged.any() else ()
    return told + (tuple(f"arm {arm} has no good pixel" for arm in lost) if used.any() else ())


def _check_integers(targets: NDArray[Any], source: str) -> None:
    """Refuse identifiers that may have lost digits.

    Raises:
        ValueError: They are no integers.
    """
    if targets.dtype.kind not in "iu" or targets.ndim != 1:
        raise ValueError(
            f"bad identifiers: TARGETID of {source} must hold 64-bit integers, got "
            f"{targets.dtype}; others lose their last digits"
        )


def _check_mask(mask: fitsio.hdu.ImageHDU, name: str, expected: tuple[int, int]) -> None:
    """Refuse what is no mask of the spectra.

    Raises:
        ValueError: Its shape is another, or its values are no integers.
    """
    whole = isinstance(mask, fitsio.hdu.ImageHDU) and (mask.get_info() or {}).get("img_type", 0) > 0
    if not whole or tuple(mask.get_dims()) != expected:
        raise ValueError(f"bad mask: {name} must be an image of integers, shape {expected}")


def _rows_of(image: fitsio.hdu.ImageHDU, rows: IndexArray) -> NDArray[Any]:
    """Return some rows of an image, increasing; only these are read, run by run."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    runs = np.split(rows, breaks)
    return np.concatenate([image[int(run[0]) : int(run[-1]) + 1, :] for run in runs])


def _check_sums(file: fitsio.FITS, names: Sequence[str]) -> None:
    """Compare the data with their checksums, where the file states them.

    Raises:
        ValueError: They differ.
    """
    for name in names:
        if "DATASUM" in file[name].read_header():
            try:
                file[name].verify_checksum()
            except ValueError as error:
                message = f"damaged: the data of HDU {name} do not match their checksum"
                raise ValueError(message) from error


def _redshifts(path: Path, file: fitsio.FITS, names: set[str]) -> dict[int, np.void]:
    """Return the redshift of each target: from the file itself, or from one beside it."""
    for name in REDSHIFT_TABLES:
        if name in names:
            return _best_redshifts(_lower(file[name].read()), f"HDU {name}")
    for companion in companions(path):
        with fitsio.FITS(str(companion)) as beside:
            return _best_redshifts(_lower(beside[1].read()), companion.name)
    return {}


def _best_redshifts(rows: NDArray[Any], source: str) -> dict[int, np.void]:
    """Return one row for each target: without warning if there is one, the most significant."""
    columns = rows.dtype.names or ()
    if not {"targetid", "z"} <= set(columns):
        raise ValueError(f"missing columns: {source} must have TARGETID and Z")
    _check_integers(rows["targetid"], source)
    warned = rows["zwarn"] != 0 if "zwarn" in columns else np.zeros(len(rows), bool)
    chi2 = rows["deltachi2"] if "deltachi2" in columns else np.zeros(len(rows))
    best_last: Any = np.lexsort((-np.arange(len(rows)), chi2, ~warned))
    by_target: Any = {int(rows["targetid"][row]): rows[row] for row in best_last}
    return by_target


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
    cells = {name: _cell(fiber, name) for name in (*WHOLE_FACTS, *TEXT_FACTS)}
    exposure = number(_cell(fiber, "coadd_exptime"))
    facts |= {"exptime": exposure} if np.isfinite(exposure) else {}
    whole = {name: whole_number(cells[name]) for name in WHOLE_FACTS}
    facts |= {name: value for name, value in whole.items() if value is not None}
    return facts | {name: plain_text(cells[name]) for name in TEXT_FACTS if cells[name] is not None}


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
