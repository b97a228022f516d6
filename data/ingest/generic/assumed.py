"""What is taken for granted of files that do not say it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from data.commands import setting


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """What the user knows of files that do not say it; what a file says comes first.

    Attributes:
        air: Whether wavelengths are in air.
        assumed_snr: Signal to noise per pixel of spectra without errors; NaN refuses them.
        wave_unit: Unit of wavelengths, frequencies, wavenumbers or energies; empty if unknown.
    """

    air: bool = setting(
        default=False, help="wavelengths are in air where a file does not say in what they are"
    )
    assumed_snr: float = setting(
        default=math.nan,
        help="signal to noise per pixel of spectra whose files have no errors; without it they are "
        "left out",
    )
    wave_unit: str = setting(
        default="",
        help="unit of wavelengths where a file states none, as in nm, um, log(Angstrom), Hz, 1/cm",
    )

    def __post_init__(self) -> None:
        """Refuse a unit of nothing that an axis can be, and no signal.

        Raises:
            ValueError: `wave_unit` is such a unit, or `assumed_snr` is not positive.
        """
        if self.assumed_snr <= 0:
            raise ValueError(f"--assumed-snr must be positive, got {self.assumed_snr:g}")
        if self.wave_unit:
            from data.ingest.generic.units import check_axis_unit  # imports astropy

            check_axis_unit(self.wave_unit)


NOTHING_ASSUMED = Assumed()
