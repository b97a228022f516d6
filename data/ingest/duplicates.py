"""Repeat observations: the best spectrum of each object is kept."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data.arrays import FloatArray, IndexArray
from data.sky import SAME_OBJECT, object_groups, separations


def best_of_object(catalog: pd.DataFrame) -> IndexArray:
    """Return, for each row, the row with the best spectrum of the same object.

    The best has ZWARNING 0 if one has, then the highest S/N; the first of equals.

    Args:
        catalog: Has `object_id`, `ra`, `dec` (degrees) and `snr`; may have `zwarning`.
    """
    ra, dec, snr = (catalog[name].to_numpy(float) for name in ("ra", "dec", "snr"))
    groups = object_groups(ra, dec, radius=SAME_OBJECT, ids=catalog["object_id"].to_numpy())
    return _best_of_group(groups, snr, _doubt(catalog))


def repeat_reason(catalog: pd.DataFrame, row: int, best: int) -> str:
    """Return why a spectrum is left out in favour of another one of its object."""
    ids, snr = catalog["object_id"].to_numpy(), catalog["snr"].to_numpy(float)
    doubt = _doubt(catalog)
    ra, dec = (catalog[name].to_numpy(float)[[row, best]] for name in ("ra", "dec"))
    apart = float(separations(ra[:1], dec[:1], ra[1:], dec[1:])[0])
    if ids[row] == ids[best] and apart > SAME_OBJECT:
        return (
            f"contradiction: {ids[best]} is the identifier of another place too, "
            f"{_angle(apart)} away; the one with S/N {snr[best]:.2f} is kept"
        )
    worse = "a redshift warning" if doubt[row] > doubt[best] else f"{snr[row]:.2f}"
    return (
        f"duplicate: {ids[best]} observes the same object with S/N {snr[best]:.2f}, "
        f"this one has {worse}"
    )


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
