"""The truth of mock galaxies beyond what a catalogue of real ones holds: lines, break, class."""

from __future__ import annotations

from typing import Any

import numpy as np

from data.arrays import FloatArray
from data.lines.classes import below_curve
from data.mock.light import Light
from data.mock.lines import FWHM, MAIN_LINES, line_index
from data.rounding import four_digits

BPT_CLASSES = ("no lines", "star-forming", "composite", "Seyfert", "LINER")
"""Column `bpt_class`."""
_WEAKEST = 0.5
"""Equivalent width of H-alpha below which a galaxy has no lines, Angstrom."""


def truth_columns(light: Light) -> dict[str, Any]:
    """Return catalogue columns of what mock galaxies are made of.

    Returns:
        For each of `MAIN_LINES` `flux_*`, 1e-17 erg/s/cm2 in the fibre, dimmed by the galaxy's
        dust alone, and `ew_*`, Angstrom: narrow lines without absorption by stars, but for
        `ew_halpha`, which holds the broad line too. `d4000` of the stars and the gas's continuum;
        `bpt_class`; `a_v_gas`, the attenuation of the lines, V mag; `fwhm_broad`, full width at
        half maximum of the broad lines, km/s, NaN without any. Numbers to four digits.
    """
    columns: dict[str, Any] = {"d4000": light.d4000, "bpt_class": bpt_class(light)}
    gas = light.galaxies.gas
    columns["a_v_gas"] = gas.a_v + gas.a_v_cloud
    for number, (name, waves) in enumerate(MAIN_LINES.items()):
        line = light.lines[:, [line_index(wave) for wave in waves]].sum(axis=1)
        columns[f"flux_{name}"] = line * light.scale * (1 + light.z)
        columns[f"ew_{name}"] = line / light.line_continuum[:, number]
    columns["ew_halpha"] = light.halpha_ew
    columns["fwhm_broad"] = np.where(light.broad[:, 0] > 0, FWHM * light.broad_vdisp, np.nan)
    return {n: v if n == "bpt_class" else four_digits(v) for n, v in columns.items()}


def bpt_class(light: Light) -> Any:  # noqa: ANN401
    """Return the class by emitted line ratios, of `BPT_CLASSES`, shape (n_galaxy,)."""

    def log_ratio(above: tuple[str, ...], below: str) -> FloatArray:
        top = light.lines[:, [line_index(w) for name in above for w in MAIN_LINES[name]]]
        bottom = light.lines[:, line_index(MAIN_LINES[below][0])]
        return np.log10(top.sum(axis=1).clip(1e-30) / bottom.clip(1e-30))

    n2, o3, s2 = (
        log_ratio(("nii",), "halpha"), log_ratio(("oiii",), "hbeta"), log_ratio(("sii",), "halpha")
    )  # fmt: skip
    code = np.select(
        [
            light.halpha_ew < _WEAKEST,
            below_curve(n2, o3, 0.61, 0.05, 1.30),  # Kauffmann+2003, eq. 1
            below_curve(n2, o3, 0.61, 0.47, 1.19),  # Kewley+2001, eq. 5
            o3 > 1.89 * s2 + 0.76,  # Kewley+2006, eq. 6
        ],
        [0, 1, 2, 3],
        4,
    )
    return np.array(BPT_CLASSES, dtype=object)[code]
