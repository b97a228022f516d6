"""The formats of spectrum files: which one a file is in, and who reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data.ingest.fits.file import FitsFile, Unit
from data.ingest.generic.assumed import NOTHING_ASSUMED, Assumed
from data.ingest.pixel_mask import DEFAULT_POLICY, MaskPolicy
from data.ingest.raw_spectrum import RawSpectrum
from data.ingest.sdss import is_sdss, read_sdss
from data.ingest.spplate import is_spplate, read_spplate
from data.ingest.spspec import is_spspec, read_spspec

DESI_PARTS = ("_WAVELENGTH", "_FLUX", "_IVAR")
"""How names of HDUs of DESI spectra end."""
NO_FITS_SUFFIXES = (
    ".csv", ".ecsv", ".txt", ".dat", ".vot", ".votable", ".xml", ".parquet", ".pq", ".hdf5", ".h5",
    ".hdf", ".pkl", ".pickle", ".npy", ".npz", ".joblib",
)  # fmt: skip
"""How names of files end that hold no FITS: text, Parquet, HDF5; pickles and NumPy are refused."""


def read_file(
    path: Path,
    policy: MaskPolicy = DEFAULT_POLICY,
    assumed: Assumed = NOTHING_ASSUMED,
) -> Iterator[RawSpectrum]:
    """Yield the objects of a file.

    Args:
        path: The file.
        policy: Which bits of its mask leave a pixel out.
        assumed: What is taken for granted where the file does not say it.

    Raises:
        ValueError: The file is damaged, or in no known format.
        OSError: It can not be opened.
    """
    if path.is_dir():
        raise ValueError("not a file: it is a folder")
    if path.suffix.lower() in NO_FITS_SUFFIXES:
        yield from _read_any(path, policy, assumed)
        return
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
        if table and is_sdss(file, table, air=assumed.air):
            yield read_sdss(path, file, primary.header, table, policy)
            return
        file.require(primary)
        names = _names(file, table)
    spectra = any(name.endswith(DESI_PARTS) for name in names)
    if not spectra and {"REDSHIFTS", "ZBEST"} & set(names):
        raise ValueError(
            "no spectrum: a redrock file of redshifts; give the coadd- or spectra- file, "
            "beside which it is found"
        )
    if spectra or "FIBERMAP" in names:
        # Imports fitsio, which SDSS files do not need.
        from data.ingest.desi.spectra import read_desi

        yield from read_desi(path, policy)
        return
    yield from _read_any(path, policy, assumed)


def _read_any(path: Path, policy: MaskPolicy, assumed: Assumed) -> Iterator[RawSpectrum]:
    from data.ingest.generic.any_format import read_any  # imports astropy, which others do not need

    return read_any(path, policy, assumed)


def _names(file: FitsFile, unit: Unit | None) -> list[str]:
    """Return the names of a unit and all after it, upper case.

    Raises:
        ValueError: The file ends before the data of one do.
    """
    names: list[str] = []
    while unit is not None:
        file.require(unit)
        names.append(unit.header.cards.get("EXTNAME", "").upper())
        unit = file.next_unit()
    return names
