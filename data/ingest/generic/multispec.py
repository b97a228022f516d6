"""Wavelengths of IRAF's multispec images: one dispersion for each aperture, in WAT2 keywords.

Valdes (1993), "The IRAF/NOAO spectral world coordinate systems": each aperture has
`specN = "aperture beam type w1 dw nw z low high [functions]"`; w1 + dw p at pixel p, counted from
0, is the wavelength (type 0) or its logarithm to base 10 (type 1), over 1 + z.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from data.arrays import FloatArray
from data.ingest.cells import number

CARD_WIDTH = 68
"""Characters of one keyword's text; blanks at its end are lost in the file."""
LINEAR, LOGARITHMIC = 0, 1


def is_multispec(cards: Mapping[str, Any]) -> bool:
    """Return whether a header is that of a multispec image."""
    return str(cards.get("CTYPE1", "")).upper().startswith("MULTISPE")


def multispec_wavelengths(cards: Mapping[str, Any], n_pixel: int) -> list[FloatArray]:
    """Return the wavelengths of each aperture in the unit of the header, shape (n_pixel,) each.

    Raises:
        ValueError: None are stated, or by functions other than lines and logarithms.
    """
    words = sorted(word for word in cards if re.fullmatch(r"WAT2_\d{3}", word))
    text = "".join(str(cards[word]).ljust(CARD_WIDTH) for word in words)
    waves: list[FloatArray] = []
    for aperture, fields in re.findall(r'spec(\d+)\s*=\s*"([^"]*)"', text):
        values = [number(field) for field in fields.split()[:7]]
        if len(values) < 7 or values[2] not in (LINEAR, LOGARITHMIC):
            raise ValueError(
                f"wavelengths not known: aperture {aperture} has dispersion "
                "functions (or none); IRAF's dispcor makes them linear"
            )
        _, _, kind, first, step, _, z = values
        steps = first + step * np.arange(n_pixel)
        waves.append((np.power(10.0, steps) if kind == LOGARITHMIC else steps) / (1 + z))
    if not waves:
        raise ValueError("wavelengths not known: a multispec image without WAT2 keywords")
    return waves
