"""Spectra in images: IRAF and long-slit, 2dF/AAOmega, MUSE, LAMOST."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import FloatArray
from data.ingest.cells import number, plain_text
from data.ingest.generic.image_axis import is_spectrum_image
from data.ingest.generic.multispec import is_multispec, multispec_wavelengths
from data.ingest.generic.own_grid import Recorded, variance_of
from data.ingest.generic.survey_images import has_variance_next, image_base
from data.ingest.generic.units import error_factor

POWERS = {
    "VARIANCE": 1, "VAR": 1, "STAT": 1, "ERROR": 2, "ERR": 2, "ERRS": 2, "SIGMA": 2, "NOISE": 2,
    "STDEV": 2, "IVAR": -1, "INVVAR": -1,
}  # fmt: skip
"""Name of an HDU -> which power of its values the variance is."""
FIBRE_TABLES = ("FIBRES", "FIBRES_IFU", "FIBERS")
SKY_FIBRES = ("S", "N", "U", "F")
"""TYPE of 2dF fibres without target: sky, not used, unallocated, guide."""
LAMOST_ROWS = "Flux Inverse Wavelength Andmask Ormask"
"""Rows of LAMOST images, unless EXTEN0 names others: DR1 has Subcontinuum as its third."""
LAMOST_WAVE = 1e-5
"""Relative difference of wavelengths in row and header: they are stored in single precision."""


def read_images(hdus: Sequence[Any], cards: Mapping[str, Any], name: str) -> Iterator[Recorded]:
    """Yield the spectra of a file whose first image has their fluxes.

    Args:
        hdus: The HDUs of the file.
        cards: Header of the file.
        name: Name of the file's object.
    """
    found = [k for k, hdu in enumerate(hdus) if is_spectrum_image(hdu)]
    first = found[0]
    image = np.asarray(hdus[first].data)
    base = image_base(cards, image.shape[-1], name)
    if str(cards.get("TELESCOP", "")).upper() == "LAMOST" and image.ndim == 2:
        yield _lamost(image, base)
    elif image.ndim == 3:
        yield from _bands(image, base)
    else:
        others = hdus[first + 1 :]
        variance, lacks = _variance(others, image.shape, base)
        yield from _rows(hdus, image, variance, replace(base, no_errors=lacks))


def _lamost(image: NDArray[Any], base: Recorded) -> Recorded:
    """Return the spectrum of a LAMOST image.

    Raises:
        ValueError: A row is missing, or that of wavelengths is another: the order may be wrong.
    """
    named = str(base.cards.get("EXTEN0", LAMOST_ROWS)).lower().split()
    rows = {name: image[number].astype(float) for number, name in enumerate(named[: len(image)])}
    if missing := [name for name in ("flux", "inverse", "andmask") if name not in rows]:
        raise ValueError(f"missing rows: a LAMOST image without {', '.join(missing)} (EXTEN0)")
    if np.any(rows["andmask"] != np.rint(rows["andmask"])) or np.any(rows["inverse"] < 0):
        raise ValueError("bad rows: masks must be whole numbers, inverse variances not negative")
    stated = np.power(10.0, base.wave) if base.wave_unit == "log" else base.wave
    if np.abs(rows.get("wavelength", stated) / stated - 1).max() > LAMOST_WAVE:
        raise ValueError("bad rows: the row of wavelengths is not what the header says")
    return replace(
        base,
        flux=rows["flux"],
        variance=variance_of(rows["inverse"], -1),
        mask=np.nan_to_num(rows["andmask"]).astype(np.int64),
        sdss_mask=True,
        flux_unit="",
    )


def _rows(
    hdus: Sequence[Any], image: FloatArray, variance: FloatArray | None, base: Recorded
) -> Iterator[Recorded]:
    """Yield the rows of an image, of 2dF those of targets."""
    rows = image.reshape(-1, image.shape[-1])
    waves = _wavelength_image(hdus, image.shape)
    if waves is None and is_multispec(base.cards):
        waves = _of_apertures(base.cards, len(rows), image.shape[-1])
    for row, fibre in enumerate(_fibres(hdus, len(rows))):
        if fibre.get("TYPE", "P") in SKY_FIBRES:
            continue
        cards = {**base.cards, **fibre}
        if fibre:
            cards.setdefault("VACUUM", "F")  # 2dfdr has wavelengths in air unless it says so
        yield replace(
            base,
            flux=rows[row],
            variance=None if variance is None else variance.reshape(rows.shape)[row],
            cards=cards,
            wave=base.wave if waves is None else waves.reshape(rows.shape)[row],
            name=base.name if len(rows) == 1 else f"{base.name}-{fibre.get('NAME') or row + 1}",
        )


def _bands(image: NDArray[Any], base: Recorded) -> Iterator[Recorded]:
    """Yield the apertures of an IRAF file (band, aperture, pixel): one band is the noise."""
    bands = range(1, len(image) + 1)
    named = [str(base.cards.get(f"BANDID{band}", "")).lower() for band in bands]
    sigma = next((band for band, text in enumerate(named) if text.startswith("sigma")), None)
    lacks = (
        "nearest to an IRAF spectrum (bands spectrum, raw, background, sigma), but "
        f"no band is named sigma (BANDIDn): {named}"
    )
    waves = [base.wave] * image.shape[1]
    if is_multispec(base.cards):
        waves = list(_of_apertures(base.cards, image.shape[1], image.shape[2]))
    for aperture in range(image.shape[1]):
        yield replace(
            base,
            wave=waves[aperture],
            flux=image[0, aperture],
            variance=None if sigma is None else variance_of(image[sigma, aperture], 2),
            no_errors=lacks,
            name=base.name if image.shape[1] == 1 else f"{base.name}-{aperture + 1}",
        )


def _of_apertures(cards: Mapping[str, Any], n_aperture: int, n_pixel: int) -> FloatArray:
    """Return the wavelengths of a multispec image, shape (n_aperture, n_pixel).

    Raises:
        ValueError: It has other apertures than its header says.
    """
    waves = multispec_wavelengths(cards, n_pixel)
    if len(waves) != n_aperture:
        raise ValueError(f"bad shape: {n_aperture} spectra, but {len(waves)} apertures in WAT2")
    return np.array(waves)


def _variance(
    hdus: Sequence[Any], shape: tuple[int, ...], base: Recorded
) -> tuple[FloatArray | None, str]:
    """Return the variance from the HDU that is named as such, or what is missing."""
    alike: list[str] = []
    for place, hdu in enumerate(hdus):
        name = str(hdu.name or hdu.header.get("HDUNAME", "")).upper().strip()
        if getattr(hdu, "shape", None) != shape:
            continue
        if place == 0 and has_variance_next(base.cards):
            name = "VARIANCE"
        if name in POWERS:
            power = POWERS[name]
            unit = str(hdu.header.get("BUNIT", ""))
            factor = error_factor(unit, base.flux_unit, 2 // power)
            return variance_of(np.asarray(hdu.data, dtype=float) * factor, power), ""
        alike.append(name or "without name")
    also = f"; of the flux's shape are the HDUs {', '.join(alike)}" if alike else ""
    return None, (
        "nearest to an image of a spectrum with its errors beside it, but no HDU is "
        f"named VARIANCE, STAT, ERROR, SIGMA or IVAR{also}"
    )


def _wavelength_image(hdus: Sequence[Any], shape: tuple[int, ...]) -> FloatArray | None:
    for hdu in hdus:
        if hdu.name.upper() == "WAVELENGTH" and getattr(hdu, "shape", None) == shape:
            return np.asarray(hdu.data, dtype=float)
    return None


def _fibres(hdus: Sequence[Any], n_row: int) -> list[dict[str, Any]]:
    """Return what is known of each row; 2dF gives positions in radian."""
    for hdu in hdus:
        if hdu.name.upper() in FIBRE_TABLES:
            columns = getattr(getattr(hdu, "columns", None), "names", [])
            missing = [name for name in ("NAME", "TYPE", "RA", "DEC") if name not in columns]
            if missing or len(hdu.data) != n_row:
                raise ValueError(
                    f"bad table of fibres: {hdu.name} must have NAME, TYPE, RA, DEC of {n_row} "
                    f"spectra; it has {len(hdu.data)} rows and lacks {', '.join(missing) or 'none'}"
                )
            return [
                {
                    "NAME": plain_text(row["NAME"]),
                    "TYPE": plain_text(row["TYPE"]),
                    "RA": math.degrees(number(row["RA"])),
                    "DEC": math.degrees(number(row["DEC"])),
                }
                for row in hdu.data
            ]
    return [{}] * n_row
