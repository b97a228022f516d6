"""Redshifts of DESI targets: in the file of their spectra, or in the one of redrock beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fitsio
import numpy as np
from numpy.typing import NDArray

from data.ingest.desi.rows import check_integers, lower_names
from data.ingest.file_list import companions

REDSHIFT_TABLES = ("REDSHIFTS", "ZBEST")
"""HDUs with the redshifts, in the file of the spectra or in one beside it."""


def redshifts(path: Path, file: fitsio.FITS, names: set[str]) -> dict[int, np.void]:
    """Return the redshift of each target: from the file itself, or from one beside it."""
    for name in REDSHIFT_TABLES:
        if name in names:
            return _best_redshifts(lower_names(file[name].read()), f"HDU {name}")
    for companion in companions(path):
        with fitsio.FITS(str(companion)) as beside:
            return _best_redshifts(lower_names(beside[1].read()), companion.name)
    return {}


def _best_redshifts(rows: NDArray[Any], source: str) -> dict[int, np.void]:
    """Return one row for each target: without warning if there is one, the most significant."""
    columns = rows.dtype.names or ()
    if not {"targetid", "z"} <= set(columns):
        raise ValueError(f"missing columns: {source} must have TARGETID and Z")
    check_integers(rows["targetid"], source)
    warned = rows["zwarn"] != 0 if "zwarn" in columns else np.zeros(len(rows), bool)
    chi2 = rows["deltachi2"] if "deltachi2" in columns else np.zeros(len(rows))
    best_last: Any = np.lexsort((-np.arange(len(rows)), chi2, ~warned))
    by_target: Any = {int(rows["targetid"][row]): rows[row] for row in best_last}
    return by_target
