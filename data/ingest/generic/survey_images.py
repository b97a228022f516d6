"""Images of the surveys of the AAT and the UKST: 2dFGRS, 6dFGS, GAMA and what it collected.

The rows of an image are parts of one spectrum: its flux, its errors, the sky. What each row is
follows from the survey (www.2dfgrs.net and www-wfau.roe.ac.uk/6dFGS/fits.html for the first two)
or from the keywords ROWn or ARRAYn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from data.arrays import FloatArray
from data.ingest.cells import number, plain_text, whole_number
from data.ingest.generic.image_axis import axis_unit, axis_values
from data.ingest.generic.own_grid import Recorded, variance_of
from data.ingest.generic.units import FLUX_UNIT

AIR_2DFDR = (
    "wavelengths taken as air, as 2dfdr writes those of AAT and UKST (VACUUM says otherwise)"
)
TWO_DF = ("flux", "variance", "sky")
SIX_DF = ("flux", "variance", "sky", "wavelength")
GAMA = ("flux", "error", "counts", "error of counts", "sky")
SIX_DF_KEYWORDS = ("OBSRA", "OBSDEC", "Z", "Z_HELIO", "QUALITY")
ROW_WORDS = {
    "spectrum": "flux", "flux": "flux", "variance": "variance", "error": "error",
    "sigma": "error", "stdev": "error",
}  # fmt: skip
"""What ROWn or ARRAYn call a row -> what it is."""
ERRORS = {"variance": 1, "error": 2}
"""Kind of a row of errors -> which power of it the variance is."""
SAME_WAVE = 0.5
"""Pixels by which the row of wavelengths may differ from the header."""


def rows_of_parts(cards: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the rows of an image are, if they are parts of one spectrum; else nothing.

    Args:
        cards: Header of the image's own HDU.
    """
    if number(cards.get("NAXIS")) != 2:
        return ()
    n_row = whole_number(cards.get("NAXIS2")) or 0
    if "GAMA" in plain_text(cards.get("ORIGIN", "")) and "GAMANAME" in cards:
        return GAMA if n_row == len(GAMA) else ()
    for word in ("ROW", "ARRAY"):
        named = [plain_text(cards.get(f"{word}{row}", "")).lower() for row in range(1, n_row + 1)]
        if "flux" in (parts := tuple(ROW_WORDS.get(name, name) for name in named)):
            return parts
    if plain_text(cards.get("IMAGE", "")) == "SPECTRUM" and n_row == len(TWO_DF):
        return TWO_DF
    return SIX_DF[:n_row] if _is_6dfgs(cards) and n_row in (3, 4) else ()


def is_2dfdr(cards: Mapping[str, Any]) -> bool:
    """Return whether a file is of a survey whose spectra 2dfdr reduced."""
    survey = "GAMANAME" in cards and "Liverpool" not in plain_text(cards.get("ORIGIN", ""))
    return (
        survey
        or _is_6dfgs(cards)
        or _is_2dfgrs(cards)
        or _is_ozdes(cards)
        or "2018MNRAS.474.4151D" in plain_text(cards.get("REFCODE", ""))  # WiggleZ
    )


def _is_2dfgrs(cards: Mapping[str, Any]) -> bool:
    return plain_text(cards.get("IMAGE", "")) in ("SKYCHART", "SPECTRUM")


def _is_6dfgs(cards: Mapping[str, Any]) -> bool:
    return all(word in cards for word in SIX_DF_KEYWORDS)


def _is_ozdes(cards: Mapping[str, Any]) -> bool:
    return "ozdes" in plain_text(cards.get("REFERENC", "")).lower()


def has_variance_next(cards: Mapping[str, Any]) -> bool:
    """Return whether the HDU after the first is the variance, whatever its name."""
    wigglez = "GAMANAME" in cards and "WiggleZ" in plain_text(cards.get("SURVEY", ""))
    return wigglez or _is_ozdes(cards)


def survey_header(cards: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a header whose facts stand where those of others do, and what to say of it."""
    if not is_2dfdr(cards):
        return dict(cards), ()
    told = () if "VACUUM" in cards else (AIR_2DFDR,)
    return {"VACUUM": "F", **cards, **dict(_facts(cards))}, told


def image_base(cards: Mapping[str, Any], n_pixel: int, name: str) -> Recorded:
    """Return what the spectra of an image have in common."""
    header, remarks = survey_header(cards)
    return Recorded(
        wave=axis_values(cards, n_pixel),
        flux=np.zeros(n_pixel),
        variance=np.zeros(n_pixel),
        mask=None,
        wave_unit=axis_unit(cards),
        flux_unit=str(cards.get("BUNIT", "")),
        cards=header,
        name=name,
        facts=_quality(cards) if is_2dfdr(cards) else {},
        remarks=remarks,
    )


def read_parts(
    hdus: Sequence[Any], headers: Mapping[int, Mapping[str, Any]], name: str
) -> Iterator[Recorded]:
    """Yield the spectra of a file whose images have their parts as rows.

    Args:
        hdus: The HDUs of the file.
        headers: Number of an HDU with such an image -> header of it and of the file.
        name: Name of the file's object.
    """
    both = [place for place in headers if hdus[place].name.upper().endswith("VR")]
    for count, place in enumerate(both or headers, start=1):  # 6dFGS: V, R, and both as VR
        image = np.asarray(hdus[place].data)
        own = name if len(both or headers) == 1 else f"{name}-{count}"
        base = image_base(headers[place], image.shape[-1], own)
        yield _of_rows(image, rows_of_parts(hdus[place].header), base)


def _of_rows(image: FloatArray, parts: Sequence[str], base: Recorded) -> Recorded:
    """Return the spectrum whose parts are the rows of an image.

    Raises:
        ValueError: The row of wavelengths is not what the header says.
    """
    rows = {name: np.asarray(image[row], dtype=float) for row, name in enumerate(parts)}
    step = abs(float(base.wave[-1] - base.wave[0])) / (len(base.wave) - 1)
    stated = rows.get("wavelength", base.wave)
    if not np.abs(stated - base.wave).max() < SAME_WAVE * step:
        raise ValueError("bad rows: the row of wavelengths is not what the header says")
    kind = next((kind for kind in ERRORS if kind in rows), None)
    gama = tuple(parts) == GAMA
    return replace(
        base,
        flux=rows["flux"],
        variance=None if kind is None else variance_of(rows[kind], ERRORS[kind]),
        flux_unit=base.flux_unit or (str(FLUX_UNIT) if gama else ""),
        wave_unit=base.wave_unit or "Angstrom",
        no_errors=f"the rows of the image are {', '.join(parts)}",
    )


def _facts(cards: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield keywords by which the facts of the object are found in the header of these surveys.

    The redshift is the heliocentric one; 2dFGRS gives positions in radian, of B1950.
    """
    if -0.1 < number(cards.get("Z_HELIO")) < 20:
        yield "Z", number(cards["Z_HELIO"])
    if "GAMANAME" in cards:
        return
    if _is_2dfgrs(cards):
        ra, dec = _from_b1950(number(cards.get("OBSRA")), number(cards.get("OBSDEC")))
        yield from (("RA", ra), ("DEC", dec), ("RA comment", ""), ("DEC comment", ""))
    elif "OBSRA" in cards:
        yield from (("RA", cards["OBSRA"]), ("DEC", cards.get("OBSDEC")))


def _quality(cards: Mapping[str, Any]) -> dict[str, Any]:
    """Return the quality of the redshift as the survey grades it, if it does."""
    graded = next((whole_number(cards[word]) for word in ("QUALITY", "NQ") if word in cards), None)
    return {} if graded is None else {"z_quality": graded}


def _from_b1950(ra: float, dec: float) -> tuple[float, float]:
    """Return ICRS degrees of a position of B1950 (FK4) in radian; NaN if it is none."""
    if not (0 <= ra <= math.tau and abs(dec) <= math.pi / 2):
        return math.nan, math.nan
    from astropy.coordinates import SkyCoord  # an import of half a second

    place: Any = SkyCoord(ra, dec, unit="rad", frame="fk4", equinox="B1950").icrs
    return float(place.ra.deg), float(place.dec.deg)
