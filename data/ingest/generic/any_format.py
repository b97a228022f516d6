"""Files of no survey that has a reader of its own: what kind of spectra they hold."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from numpy.typing import NDArray

from data.ingest.generic.assumed import Assumed
from data.ingest.generic.image_axis import is_spectrum_image
from data.ingest.generic.layouts import nearest_layout
from data.ingest.generic.own_grid import Recorded, object_name, own_grid_spectrum
from data.ingest.generic.record_files import (
    HDF5_SUFFIXES,
    PARQUET_SUFFIXES,
    PICKLE_SUFFIXES,
    fits_records,
    read_hdf5,
    read_parquet,
    refuse_arrays,
    refuse_pickle,
)
from data.ingest.generic.spectrum_image import read_images
from data.ingest.generic.spectrum_table import (
    fits_columns,
    is_spectrum_table,
    one_spectrum_a_row,
    spectrum_of_columns,
)
from data.ingest.generic.survey_images import read_parts, rows_of_parts, survey_header
from data.ingest.generic.text_table import TEXT_FORMATS, text_table
from data.ingest.pixel_mask import MaskPolicy
from data.ingest.raw_spectrum import RawSpectrum

AXIS_WORDS = (
    "NAXIS",
    "CRVAL",
    "CRPIX",
    "CDELT",
    "CD1_",
    "CTYPE",
    "CUNIT",
    "COEFF",
    "WAT",
    "DC-FLAG",
)
"""How keywords of the axes of an image begin."""
FIRST_TABLE = "of several tables with spectra in the file only the first is read"


def read_any(path: Path, policy: MaskPolicy, assumed: Assumed) -> Iterator[RawSpectrum]:
    """Yield the spectra of a file of no survey that has a reader of its own.

    Args:
        path: The file.
        policy: Which bits of its mask leave a pixel out.
        assumed: What is taken for granted where the file does not say it.

    Raises:
        ValueError: It holds none, or lacks a part.
    """
    for recorded in _read(path):
        yield own_grid_spectrum(recorded, policy=policy, assumed=assumed)


def _read(path: Path) -> Iterator[Recorded]:
    """Return what a file records, by its name's end: text, Parquet, HDF5, or else FITS."""
    suffix = path.suffix.lower()
    if suffix in PICKLE_SUFFIXES:
        refuse_pickle(path)
    if suffix == ".npz":
        refuse_arrays(path)
    if suffix in TEXT_FORMATS:
        return text_table(path)
    if suffix in PARQUET_SUFFIXES:
        return read_parquet(path)
    return read_hdf5(path) if suffix in HDF5_SUFFIXES else iter(_read_fits(path))


def _read_fits(path: Path) -> list[Recorded]:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", AstropyWarning)  # headers that bend the standard
            with fits.open(path, memmap=False) as hdus:
                return list(_recorded(hdus, object_name(path)))
    except ValueError:
        raise
    except Exception as error:  # astropy raises many kinds for damaged headers
        raise ValueError(f"damaged FITS file: {type(error).__name__}: {error}") from error


def _recorded(hdus: Any, name: str) -> Iterator[Recorded]:  # noqa: ANN401 - an HDUList
    rows = [k for k, hdu in enumerate(hdus) if hdu.is_image and rows_of_parts(hdu.header)]
    if rows:
        yield from read_parts(hdus, {k: _cards(hdus[0], hdus[k]) for k in rows}, name)
        return
    for hdu in hdus:
        if is_spectrum_table(hdu):
            columns, units = fits_columns(hdu)
            read = fits_records if one_spectrum_a_row(columns) else _one_spectrum
            more = sum(is_spectrum_table(other) for other in hdus) > 1
            cards, told = survey_header(_cards(hdus[0], hdu))
            told += (FIRST_TABLE,) * more
            for recorded in read(columns, units, cards, name):
                yield replace(recorded, remarks=recorded.remarks + told)
            return
        if is_spectrum_image(hdu):
            yield from read_images(hdus, _cards(hdus[0], hdu), name)
            return
    parts = ", ".join(_describe(hdu) for hdu in hdus)
    columns = [name for hdu in hdus for name in getattr(getattr(hdu, "columns", None), "names", ())]
    nearest = nearest_layout([hdu.name for hdu in hdus], columns)
    raise ValueError(f"no spectrum of a known format: it has {parts}; {nearest}")


def _one_spectrum(
    columns: dict[str, NDArray[Any]], units: dict[str, str], cards: dict[str, Any], name: str
) -> Iterator[Recorded]:
    yield spectrum_of_columns(columns, units, cards, name)


def _cards(*hdus: Any) -> dict[str, Any]:  # noqa: ANN401 - HDUs of any kind
    """Return keyword -> value, and `keyword comment` -> comment; later HDUs win.

    The axes of an image are its own: those of the images before it are left out.
    """
    cards: dict[str, Any] = {}
    for hdu in hdus:
        foreign = hdu is not hdus[-1] and hdu.header.get("NAXIS", 0) > 0
        for card in hdu.header.cards:
            if foreign and card.keyword.startswith(AXIS_WORDS):
                continue
            try:
                cards[card.keyword] = card.value
                cards[f"{card.keyword} comment"] = card.comment
            except fits.VerifyError:  # a card without a value that can be read has none
                continue
    return cards


def _describe(hdu: Any) -> str:  # noqa: ANN401 - an HDU of any kind
    name = hdu.name or "an HDU without name"
    columns = getattr(hdu, "columns", None)
    if columns is not None:
        return f"{name} (table of {', '.join(columns.names[:6])})"
    return f"{name} (image {getattr(hdu, 'shape', ())})" if hdu.header.get("NAXIS") else name
