"""The layouts of spectrum files that are read, and which of them an unknown file is nearest to."""

from __future__ import annotations

from collections.abc import Iterable

from data.ingest.generic.spectrum_table import ERRORS, FLUXES, IVARS, LOG_WAVES, VARIANCES, WAVES

DESI_ARM = ("WAVELENGTH", "FLUX", "IVAR")
LAYOUTS = {
    "an SDSS spec file": {"flux", "loglam", "ivar"},
    "an SDSS spPlate file": {"PRIMARY image", "IVAR", "ANDMASK", "PLUGMAP"},
    "a DESI coadd or spectra file": {"FIBERMAP"}
    | {f"{arm}_{part}" for arm in "BRZ" for part in DESI_ARM},
    "a table of a spectrum": {"wavelength", "flux", "error"},
    "an image of a spectrum": {"wavelength axis", "HDU of errors"},
}
"""Layout -> its parts: names of HDUs in upper case, columns in lower case."""
COLUMNS = {
    **dict.fromkeys(WAVES, "wavelength"), **dict.fromkeys(FLUXES, "flux"),
    **dict.fromkeys((*ERRORS, *VARIANCES), "error"), **dict.fromkeys(LOG_WAVES, "loglam"),
    **dict.fromkeys(IVARS, "ivar"),
}  # fmt: skip
"""Column as files spell it -> part of a layout."""
ERROR_HDUS = ("VARIANCE", "VAR", "STAT", "ERROR", "ERR", "ERRS", "SIGMA", "NOISE", "INVVAR")


def nearest_layout(hdus: Iterable[str], columns: Iterable[str]) -> str:
    """Say which layout a file is nearest to and what of it is missing.

    Args:
        hdus: Names of its HDUs.
        columns: Names of the columns of its tables.
    """
    names = {name.upper() for name in hdus}
    parts = names | {COLUMNS.get(name.lower(), name.lower()) for name in columns}
    parts |= {"HDU of errors"} if names & {*ERROR_HDUS, "IVAR"} else set()
    found = {layout: needed & parts for layout, needed in LAYOUTS.items()}
    nearest = max(LAYOUTS, key=lambda layout: len(found[layout]) / len(LAYOUTS[layout]))
    if not found[nearest]:
        listed = "; ".join(
            f"{layout} ({', '.join(sorted(needed))})" for layout, needed in LAYOUTS.items()
        )
        return f"it is like none of those that are read: {listed}"
    missing = ", ".join(sorted(LAYOUTS[nearest] - found[nearest]))
    return f"nearest to {nearest}, but without {missing}"
