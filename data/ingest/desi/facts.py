"""Facts of a DESI target: what FIBERMAP and its redshift say, and whether it is an object."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.ingest.cells import number, plain_text, positive, whole_number
from data.ingest.desi.rows import cell
from data.sky import SAME_OBJECT, separations

WHOLE_FACTS = (
    "tileid", "petal_loc", "night", "fiber", "healpix", "desi_target", "bgs_target",
    "sv1_desi_target", "sv2_desi_target", "sv3_desi_target", "sv3_bgs_target",
)  # fmt: skip
"""Columns of FIBERMAP that are kept as whole numbers, where a file has them."""
TEXT_FACTS = ("survey", "program")


def target_facts(fiber: np.void, redshift: np.void | None) -> dict[str, Any]:
    """Return the facts of a `RawSpectrum` from a row of FIBERMAP and one of redshifts."""
    facts: dict[str, Any] = {
        "object_id": str(int(fiber["targetid"])),
        "targetid": int(fiber["targetid"]),
        "ra": number(cell(fiber, "target_ra")),
        "dec": number(cell(fiber, "target_dec")),
        "z": number(cell(redshift, "z")),
        "z_err": positive(cell(redshift, "zerr")),
        "class": plain_text(cell(redshift, "spectype") or "").upper(),
        "subclass": plain_text(cell(redshift, "subtype") or ""),
        "zwarning": number(cell(redshift, "zwarn")),
    }
    cells = {name: cell(fiber, name) for name in (*WHOLE_FACTS, *TEXT_FACTS)}
    exposure = number(cell(fiber, "coadd_exptime"))
    facts |= {"exptime": exposure} if np.isfinite(exposure) else {}
    whole = {name: whole_number(cells[name]) for name in WHOLE_FACTS}
    facts |= {name: value for name, value in whole.items() if value is not None}
    return facts | {name: plain_text(cells[name]) for name in TEXT_FACTS if cells[name] is not None}


def fibre_problem(fiber: np.void, *, measured: bool) -> str:
    """Return why a fibre shows no usable object; empty if it does."""
    kind = cell(fiber, "objtype")
    if int(fiber["targetid"]) < 0 or (kind is not None and plain_text(kind).upper() == "SKY"):
        return "sky or unassigned fibre"
    status = cell(fiber, "coadd_fiberstatus")
    status = cell(fiber, "fiberstatus") if status is None else status
    if not measured:
        return f"dead fibre: no measurement, fibre status {status if status is not None else '?'}"
    bad = cell(fiber, "coadd_fiberstatus")
    return f"bad fibre: COADD_FIBERSTATUS {bad}" if bad else ""


def scattered(fibers: NDArray[Any]) -> str:
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
