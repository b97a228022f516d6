"""The spectral axis of an image as its header has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from data.arrays import FloatArray
from data.ingest.cells import number

SKY_AXES = ("RA--", "DEC-", "GLON", "GLAT", "ELON", "ELAT")
"""How types of axes on the sky begin."""


def is_spectrum_image(hdu: Any) -> bool:  # noqa: ANN401 - an HDU of any kind
    """Return whether an HDU is an image of spectra along its first axis, and none of the sky."""
    header = hdu.header
    if not header.get("NAXIS", 0) or header["NAXIS1"] < 10:
        return False
    kind = str(header.get("CTYPE1", "")).upper()
    sky = kind.startswith(SKY_AXES) or str(header.get("IMAGE", "")).strip() == "SKYCHART"
    step = any(word in header for word in ("CD1_1", "CDELT1", "COEFF1"))
    return not sky and ((step and "CRVAL1" in header) or {"CRVAL", "CDELT"} <= {*header})


def axis_values(cards: Mapping[str, Any], n_pixel: int) -> FloatArray:
    """Return the coordinates of the first axis (FITS standard 4.0, equation 9).

    Of an axis of type -LOG they grow exponentially (Greisen+2006, section 3.3).
    """
    axis = "1" if "CRVAL1" in cards else ""  # the spectra of LT in GAMA do without the number
    words = ("CD1_1", f"CDELT{axis}", "COEFF1")
    step = next(number(cards[word]) for word in words if word in cards)
    reference, value = number(cards.get(f"CRPIX{axis}", 1)), number(cards[f"CRVAL{axis}"])
    offset = step * (np.arange(1, n_pixel + 1) - reference)
    if str(cards.get("CTYPE1", "")).upper().endswith("-LOG"):
        return value * np.exp(offset / value)
    return value + offset


def axis_unit(cards: Mapping[str, Any]) -> str:
    """Return the unit of the first axis, or `log`."""
    logarithmic = number(cards.get("DC-FLAG", 0)) == 1 or cards.get("LOGSCALE") is True
    if logarithmic or "COEFF1" in cards:
        return "log"
    described = str(cards.get("WAT1_001", ""))
    iraf = described.rpartition("units=")[2].split()[:1] if "units=" in described else []
    return iraf[0].strip('"') if iraf else str(cards.get("CUNIT1", ""))
