"""What is taken for granted of files that do not say it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """What the user knows of files that do not say it; what a file says comes first.

    Attributes:
        air: Whether wavelengths are in air.
        snr: Signal to noise per pixel of spectra without errors; NaN refuses them.
        wave_unit: Unit of wavelengths, frequencies, wavenumbers or energies; empty if unknown.
    """

    air: bool = False
    snr: float = math.nan
    wave_unit: str = ""


NOTHING_ASSUMED = Assumed()
