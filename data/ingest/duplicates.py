"""Repeat observations: the best spectrum of each object is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import FloatArray, IndexArray
from data.ingest.generic.own_grid import object_name
from data.sky import SAME_OBJECT, object_groups, separations

COUNT = 8
"""A number of fewer digits counts the objects of one file, and identifies none beyond it."""


def tell_apart(catalog: pd.DataFrame) -> int:
    """Put the folder, or the file, before identifiers that several objects share.

    `spectrum` is what the files of many folders are called, and 1 what the first row of many tables
    is. Those of one redshift, S/N and norm are copies of one spectrum and left as they are.

    Args:
        catalog: Has `object_id`, `file`, `z`, `snr` and `norm`; its identifiers are changed.

    Returns:
        How many were changed.
    """
    ids, files = (catalog[name].to_numpy(dtype=object) for name in ("object_id", "file"))
    shared = np.flatnonzero(catalog["object_id"].duplicated(keep=False))
    own = np.array([row for row in shared if _is_local(ids[row], files[row])], dtype=np.int64)
    changed = 0
    for places in catalog.iloc[own].groupby("object_id", sort=False).indices.values():
        rows = own[places]
        same = catalog.iloc[rows][["z", "snr", "norm"]].drop_duplicates()
        if len(same) == 1 or len({*files[rows]}) == 1:
            continue
        ids[rows] = _with_folders(ids[rows], files[rows])
        changed += len(rows)
    catalog["object_id"] = ids
    return changed


def _is_local(object_id: str, file: str) -> bool:
    """Return whether an identifier is the file's name, or a number that counts."""
    name = object_name(Path(file))
    return object_id == name or (object_id.isdigit() and len(object_id) < COUNT)


def _with_folders(ids: NDArray[Any], files: NDArray[Any]) -> list[str]:
    """Return identifiers with as much of their files' paths before them as tells these apart."""
    parts = []
    for object_id, file in zip(ids, files, strict=True):
        name = object_name(Path(file))
        folders = os.path.dirname(os.path.abspath(file)).split(os.sep)
        parts.append((folders if object_id == name else [*folders, name], object_id))
    n_file, longest = len({*files}), max(len(path) for path, _ in parts)
    depth = next(
        depth
        for depth in range(1, longest + 1)
        if depth == longest or len({tuple(path[-depth:]) for path, _ in parts}) == n_file
    )
    return ["/".join([*path[-depth:], object_id]).lstrip("/") for path, object_id in parts]


def best_of_object(catalog: pd.DataFrame) -> IndexArray:
    """Return, for each row, the row with the best spectrum of the same object.

    The best has ZWARNING 0 if one has, then the highest S/N; the first of equals.

    Args:
        catalog: Has `object_id`, `ra`, `dec` (degrees) and `snr`; may have `zwarning`.
    """
    ra, dec, snr = (catalog[name].to_numpy(float) for name in ("ra", "dec", "snr"))
    groups = object_groups(ra, dec, radius=SAME_OBJECT, ids=catalog["object_id"].to_numpy())
    return _best_of_group(groups, snr, _doubt(catalog))


def repeat_reasons(catalog: pd.DataFrame, best: IndexArray) -> dict[int, str]:
    """Return why spectra are left out in favour of the best of their object: row -> reason.

    Args:
        catalog: As for `best_of_object`.
        best: What that returned, shape (n_row,).
    """
    rows = np.flatnonzero(best != np.arange(len(best)))
    kept = best[rows]
    ids, snr, doubt = (
        catalog["object_id"].to_numpy(),
        catalog["snr"].to_numpy(float),
        _doubt(catalog),
    )
    ra, dec = (catalog[name].to_numpy(float) for name in ("ra", "dec"))
    apart = separations(ra[rows], dec[rows], ra[kept], dec[kept])
    reasons: dict[int, str] = {}
    for row, other, distance in zip(rows.tolist(), kept.tolist(), apart.tolist(), strict=True):
        if ids[row] == ids[other] and distance > SAME_OBJECT:
            reasons[row] = (
                f"contradiction: {ids[other]} is the identifier of another place too, "
                f"{_angle(distance)} away; the one with S/N {snr[other]:.2f} is kept"
            )
        else:
            worse = "a redshift warning" if doubt[row] > doubt[other] else f"{snr[row]:.2f}"
            reasons[row] = (
                f"duplicate: {ids[other]} observes the same object with S/N {snr[other]:.2f}, "
                f"this one has {worse}"
            )
    return reasons


def _doubt(catalog: pd.DataFrame) -> FloatArray:
    """Return 0 where the redshift is sure, 1 where it has a warning, 0.5 where nothing is known."""
    if "zwarning" not in catalog:
        return np.full(len(catalog), 0.5)
    warning = catalog["zwarning"].to_numpy(float, na_value=np.nan)
    return np.where(np.isnan(warning), 0.5, np.where(warning == 0, 0.0, 1.0))


def _best_of_group(groups: IndexArray, snr: FloatArray, doubt: FloatArray) -> IndexArray:
    rows = np.arange(len(groups))
    order = np.lexsort((rows, -snr, doubt, groups))
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    best = np.empty(int(groups.max()) + 1, dtype=np.int64)
    best[groups[order][starts]] = order[starts]
    return best[groups]


def _angle(arcsec: float) -> str:
    return f"{arcsec / 3600:.2g} degrees" if arcsec >= 360 else f"{arcsec:.3g} arcsec"
