"""Spectral lines of galaxies: names, vacuum wavelengths, and what is drawn by default.

Vacuum wavelengths from the NIST Atomic Spectra Database and the line list of SDSS
(https://classic.sdss.org/dr7/algorithms/linestable.php).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SpectralLine:
    """One line: short label, vacuum wavelength (Angstrom), kind, drawn by default or not."""

    name: str
    wave: float
    kind: Literal["emission", "absorption"]
    major: bool = False


LINES: tuple[SpectralLine, ...] = (
    SpectralLine("Mg II", 2799.12, "emission", True),
    SpectralLine("[Ne V]", 3426.84, "emission"),
    SpectralLine("[O II] 3727", 3727.09, "emission", True),
    SpectralLine("[O II] 3730", 3729.88, "emission"),
    SpectralLine("[Ne III]", 3869.86, "emission"),
    SpectralLine("H8", 3890.16, "emission"),
    SpectralLine("Hε", 3971.20, "emission"),
    SpectralLine("Hδ", 4102.90, "emission", True),
    SpectralLine("Hγ", 4341.69, "emission", True),
    SpectralLine("[O III] 4363", 4364.44, "emission"),
    SpectralLine("He II", 4687.02, "emission"),
    SpectralLine("Hβ", 4862.69, "emission", True),
    SpectralLine("[O III] 4959", 4960.30, "emission", True),
    SpectralLine("[O III] 5007", 5008.24, "emission", True),
    SpectralLine("He I", 5877.25, "emission"),
    SpectralLine("[O I]", 6302.05, "emission", True),
    SpectralLine("[N II] 6548", 6549.86, "emission"),
    SpectralLine("Hα", 6564.61, "emission", True),
    SpectralLine("[N II] 6583", 6585.27, "emission", True),
    SpectralLine("[S II] 6716", 6718.29, "emission", True),
    SpectralLine("[S II] 6731", 6732.68, "emission", True),
    SpectralLine("[Ar III]", 7137.77, "emission"),
    SpectralLine("[S III]", 9071.1, "emission"),
    SpectralLine("Ca K", 3934.78, "absorption", True),
    SpectralLine("Ca H", 3969.59, "absorption", True),
    SpectralLine("G band", 4305.61, "absorption", True),
    SpectralLine("Mg b", 5176.63, "absorption", True),
    SpectralLine("Fe 5270", 5270.9, "absorption"),
    SpectralLine("Na D", 5895.6, "absorption", True),
    SpectralLine("Ca II 8500", 8500.36, "absorption"),
    SpectralLine("Ca II 8544", 8544.44, "absorption"),
    SpectralLine("Ca II 8665", 8664.52, "absorption"),
)

WEAK_LINES: tuple[SpectralLine, ...] = tuple(
    SpectralLine(name, wave, "emission")
    for name, wave in (
        ("[Ne V] 3346", 3346.8), ("H12", 3751.22), ("H11", 3771.70), ("H10", 3798.98),
        ("H9", 3836.47), ("[Ne III] 3968", 3968.59), ("He I 4026", 4027.33),
        ("[S II] 4069", 4069.75),
        ("[S II] 4076", 4077.50), ("He I 4471", 4472.73), ("[Fe III] 4658", 4659.35),
        ("[Ar IV] 4711", 4712.69), ("[Ar IV] 4740", 4741.50), ("He I 4922", 4923.30),
        ("He I 5016", 5017.08), ("[N I] 5198", 5199.35), ("[N I] 5200", 5201.71),
        ("[Cl III] 5518", 5519.24), ("[Cl III] 5538", 5539.41), ("[N II] 5755", 5756.19),
        ("[Fe VII] 6087", 6088.66), ("[S III] 6312", 6313.81), ("[O I] 6364", 6365.54),
        ("He I 6678", 6679.99), ("He I 7065", 7067.14), ("He I 7281", 7283.36),
        ("[O II] 7320", 7322.01), ("[O II] 7330", 7332.75), ("[Ar III] 7751", 7753.24),
        ("[Cl IV] 8046", 8047.83), ("Pa10", 9017.38), ("Pa9", 9231.55),
        ("[S III] 9531", 9533.23), ("Pa8", 9548.59),
    )
)  # fmt: skip
"""Lines seen where emission is strong; they are not drawn, but residuals are told by them.

Air wavelengths of the NIST Atomic Spectra Database in vacuum (Ciddor 1996)."""


def find_line(name: str) -> SpectralLine:
    """Return the line of that name.

    Raises:
        ValueError: No line has that name.
    """
    for candidate in LINES:
        if candidate.name == name:
            return candidate
    raise ValueError(f"line must be one of {[item.name for item in LINES]}, got {name!r}")
