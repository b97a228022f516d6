"""Files of no survey that has a reader of its own: what kind of spectra they hold."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from data.ingest.generic.own_grid import Recorded, object_name, own_grid_spectrum
from data.ingest.generic.spectrum_image import is_spectrum_image, read_images
from data.ingest.generic.spectrum_table import fits_table, is_spectrum_table
from data.ingest.raw_spectrum import RawSpectrum

KNOWN = (
    "SDSS spec (table of flux, loglam, ivar), spSpec, spPlate; DESI coadd and spectra (FIBERMAP, "
    "B_WAVELENGTH, B_FLUX, B_IVAR, ...); tables with wavelength, flux, error; images with a "
    "wavelength axis and an HDU of errors"
)


def read_any(path: Path, *, air: bool) -> Iterator[RawSpectrum]:
    """Yield the spectra of a FITS file, by what its HDUs are.

    Args:
        path: The file.
        air: Whether wavelengths are in air where the file does not say it.

    Raises:
        ValueError: It holds none, or lacks a part.
    """
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", AstropyWarning)  # headers that bend the standard
            with fits.open(path, memmap=False) as hdus:
                found = list(_recorded(hdus, object_name(path)))
    except ValueError:
        raise
    except Exception as error:  # astropy raises many kinds for damaged headers
        raise ValueError(f"damaged FITS file: {type(error).__name__}: {error}") from error
    for recorded in found:
        yield own_grid_spectrum(recorded, air=air)


def _recorded(hdus: Any, name: str) -> Iterator[Recorded]:  # noqa: ANN401 - an HDUList
    for hdu in hdus:
        if is_spectrum_table(hdu):
            yield from fits_table(hdu, _cards(hdus[0], hdu), name)
            return
        if is_spectrum_image(hdu):
            yield from read_images(hdus, _cards(hdus[0], hdu), name)
            return
    parts = ", ".join(_describe(hdu) for hdu in hdus)
    raise ValueError(f"no spectrum of a known format: it has {parts}; known are {KNOWN}")


def _cards(*hdus: Any) -> dict[str, Any]:  # noqa: ANN401 - HDUs of any kind
    """Return keyword -> value, and `keyword comment` -> comment; later HDUs win."""
    cards: dict[str, Any] = {}
    for hdu in hdus:
        for card in hdu.header.cards:
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
