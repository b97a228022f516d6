"""Arms of DESI spectra: which a file has, and their coaddition onto one grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fitsio
import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray, IndexArray
from data.grid import INSTRUMENTS
from data.ingest.damage import IMPOSSIBLE_PIXELS, impossible
from data.ingest.pixel_mask import MaskPolicy
from data.ingest.prepare import MIN_IVAR
from data.ingest.raw_spectrum import lattice

ARMS = ("B", "R", "Z")
COMBINED = "BRZ"
"""Arm of files whose arms were coadded."""
PARTS = ("WAVELENGTH", "FLUX", "IVAR")
GRID = INSTRUMENTS["desi"]


def arms_of(names: set[str]) -> tuple[str, ...]:
    """Return the arms that a file has some part of; all of them where it has none."""
    arms = tuple(arm for arm in ARMS if any(f"{arm}_{part}" in names for part in PARTS))
    if not arms and any(f"{COMBINED}_{part}" in names for part in PARTS):
        return (COMBINED,)
    return arms or ARMS


def coadd_arms(
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


def pixel_remarks(arms: Sequence[str], counts: IndexArray, damaged: BoolArray) -> tuple[str, ...]:
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
