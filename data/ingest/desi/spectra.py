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

from data.ingest.cells import number
from data.ingest.damage import contradiction, in_survey_unit, unit_problem
from data.ingest.desi.arms import ARMS, COMBINED, GRID, PARTS, arms_of, coadd_arms, pixel_remarks
from data.ingest.desi.facts import fibre_problem, scattered, target_facts
from data.ingest.desi.redshifts import redshifts
from data.ingest.desi.rows import cell, check_integers, lower_names
from data.ingest.pixel_mask import MaskPolicy
from data.ingest.raw_spectrum import NO_MASK, RawSpectrum

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
        arms = arms_of(names)
        needed = ["FIBERMAP"] + [f"{arm}_{part}" for arm in arms for part in PARTS]
        missing = [name for name in needed if name not in names]
        if missing:
            raise ValueError(f"missing parts: DESI file has no HDU {', '.join(missing)}")
        _check_kinds(file, needed)
        _check_sums(file, [*needed, *(f"{arm}_MASK" for arm in arms if f"{arm}_MASK" in names)])
        fibermap = lower_names(file["FIBERMAP"].read())
        if len(fibermap) == 0:
            raise ValueError("no object: FIBERMAP has no row")
        _check_targets(file, names, fibermap)
        known = redshifts(path, file, names)
        remarks = () if all(f"{arm}_MASK" in names for arm in arms) else (NO_MASK,)
        if absent := [arm for arm in ARMS if arm not in arms and COMBINED not in arms]:
            remarks += (f"no arm {', '.join(absent)}: the pixels of {', '.join(arms)} alone",)
        targets = list(dict.fromkeys(fibermap["targetid"].tolist()))
        for start in range(0, len(targets), N_TARGET):
            rows = np.flatnonzero(np.isin(fibermap["targetid"], targets[start : start + N_TARGET]))
            fibers = fibermap[rows]
            flux, ivar, counts, impossible = coadd_arms(
                file, names, arms, rows=rows, n_row=len(fibermap), policy=policy
            )
            if "fiberstatus" in (fibermap.dtype.names or ()):  # one row an exposure
                ivar[fibers["fiberstatus"] != 0] = 0
            for target in targets[start : start + N_TARGET]:
                own = fibers["targetid"] == target
                yield replace(
                    _coadd_exposures(flux[own], ivar[own], fibers[own], known.get(target)),
                    masked_by={"MASK": int((counts[own, :, 0] - counts[own, :, 1]).sum())},
                    n_measured=int(counts[own, :, 0].sum()),
                    remarks=remarks + pixel_remarks(arms, counts[own], impossible[own]),
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
    check_integers(targets, "FIBERMAP")
    if "SCORES" in names and not isinstance(file["SCORES"], fitsio.hdu.ImageHDU):
        scores = lower_names(file["SCORES"].read())
        if "targetid" in (scores.dtype.names or ()) and len(scores) == len(targets):
            if not np.array_equal(scores["targetid"], targets):
                raise ValueError("contradiction: FIBERMAP and SCORES have targets in other orders")


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


def _coadd_exposures(
    flux: NDArray[Any],
    ivar: NDArray[Any],
    fibers: NDArray[Any],
    redshift: np.void | None,
) -> RawSpectrum:
    """Return one object from its exposures, shape (n_exposure, n_pixel), weighted by ivar."""
    fiber = fibers[0]
    facts = target_facts(fiber, redshift)
    pointed = {
        axis: cell(fiber, f"{kind}fiber_{axis}")
        for kind in ("mean_", "")
        for axis in ("ra", "dec")
        if number(cell(fiber, f"{kind}fiber_{axis}"))
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
        problem=fibre_problem(fiber, measured=bool(np.any(weight > 0)))
        or scattered(fibers)
        or contradiction(pointed, facts)
        or unit_problem(mean, weight),
    )
