"""Planes of two columns that astronomers know, offered where an atlas has what they need."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from data.arrays import FloatArray
from data.lines.bpt import kauffmann, kewley
from explorer.state.dataset import Dataset


@dataclass(frozen=True)
class Preset:
    """A plane.

    Attributes:
        name: What it is called.
        x: Column across.
        y: Column upwards.
        needs: Columns of the atlas that it is made of.
        calculated: Name -> expression of those of its columns that are calculated.
    """

    name: str
    x: str
    y: str
    needs: tuple[str, ...]
    calculated: dict[str, str] = field(default_factory=dict)


_BPT = ("log_nii_halpha", "log_oiii_hbeta")
_LINES = ("nii", "halpha", "oiii", "hbeta")


def _bpt(kind: str) -> Preset:
    needs = tuple(f"{kind}_{name}" for name in _LINES)
    nii, halpha, oiii, hbeta = needs
    return Preset(
        "BPT" if kind == "flux" else "BPT by widths", *_BPT, needs,
        {
            "log_nii_halpha": f"log10({nii} / {halpha})",
            "log_oiii_hbeta": f"log10({oiii} / {hbeta})",
        },
    )  # fmt: skip


def _measured(name: str, x: str, y: str) -> Preset:
    """Return a plane of what an atlas has measured of the spectra themselves."""
    columns = f"{x}_data", f"{y}_data"
    return Preset(name, *columns, columns)


PRESETS = (
    Preset("mass, sSFR", "log_mass", "log_ssfr", ("log_mass", "log_ssfr")),
    Preset("D4000, HδA", "d4000", "hdelta_a", ("d4000", "hdelta_a")),
    _measured("D4000, HδA, measured", "d4000", "hdelta_a"),
    Preset("BPT", *_BPT, _BPT),
    _bpt("flux"),
    _bpt("ew"),
    _measured("BPT, measured", *_BPT),
)
"""Ratios that the catalogue has come first. Those of equivalent widths are near those of
fluxes, for lines that lie beside each other."""

LIMITS = "Dashed: Kauffmann+2003; solid: Kewley+2001."
"""Key of the `curves` of BPT."""


def available(dataset: Dataset) -> list[Preset]:
    """Return the presets of which the atlas has all columns; of BPT the first.

    And the maps of a second atlas.
    """
    columns = set(dataset.numeric_columns) - set(dataset.added)
    there = [item for item in PRESETS if set(item.needs) <= columns]
    known = list({(item.x, item.y): item for item in reversed(there)}.values())[::-1]
    maps = dataset.second.planes() if dataset.second else []
    return [*known, *(Preset(name, x, y, (x, y)) for name, x, y in maps)]


def curves(preset: str) -> list[tuple[FloatArray, FloatArray]]:
    """Return the curves of a plane: of BPT the limits of Kauffmann+2003 and Kewley+2001."""
    if not preset.startswith("BPT"):
        return []
    ends = ((kauffmann, -0.03), (kewley, 0.36))
    return [(x := np.linspace(-2.0, end, 100), limit(x)) for limit, end in ends]
