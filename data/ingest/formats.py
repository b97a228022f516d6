"""The formats of spectrum files: which one a file is in, and who reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data.ingest.fits_table import FitsFile, Unit
from data.ingest.pixel_mask import DEFAULT_POLICY, MaskPolicy
from data.ingest.raw_spectrum import RawSpectrum
from data.ingest.sdss import read_sdss
from data.ingest.spplate import is_spplate, read_spplate
from data.ingest.spspec import is_spspec, read_spspec

DESI_PARTS = ("_WAVELENGTH", "_FLUX", "_IVAR")
"""How names of HDUs of DESI spectra end."""


def read_file(path: Path, policy: MaskPolicy = DEFAULT_POLICY) -> Iterator[RawSpectrum]:
    """Yield the objects of a file.

    Args:
        path: The file.
        policy: Which bits of its mask leave a pixel out.

    Raises:
        ValueError: The file is damaged, or in no known format.
        OSError: It can not be opened.
    """
    if path.is_dir():
        raise ValueError("not a file: it is a folder")
    with FitsFile(path) as file:
        primary = file.next_unit()
        assert primary is not None  # a file of 0 bytes is refused when opened
        if is_spspec(primary.header):
            yield read_spspec(path, file, primary, policy)
            return
        if is_spplate(primary.header):
            yield from read_spplate(path, file, primary, policy)
            return
        table = file.next_unit()
        if table is None:
            raise ValueError("no spectrum: the FITS file has no extension")
        if {"flux", "loglam"} & table.header.columns.keys():
            yield read_sdss(path, file, table, policy)
            return
        names = _names(file, table)
    spectra = any(name.endswith(DESI_PARTS) for name in names)
    if not spectra and {"REDSHIFTS", "ZBEST"} & set(names):
        raise ValueError(
            "no spectrum: a redrock file of redshifts; give the coadd- or spectra- file, "
            "beside which it is found"
        )
    if spectra or "FIBERMAP" in names:
        from data.ingest.desi import read_desi  # imports fitsio, which SDSS files do not need

        yield from read_desi(path, policy)
        return
    raise ValueError(
        "unknown format: neither SDSS/BOSS (columns flux, loglam, ivar in HDU 1) "
        "nor DESI (HDUs FIBERMAP, B_WAVELENGTH, ...)"
    )


def _names(file: FitsFile, unit: Unit) -> list[str]:
    """Return the names of a unit and all after it, upper case."""
    names: list[str] = []
    following: Unit | None = unit
    while following is not None:
        names.append(following.header.cards.get("EXTNAME", "").upper())
        following = file.next_unit()
    return names
