"""Classes of galaxies by their lines, by the rules of Portillo+2020, section 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray, FloatArray

QUIESCENT, EMISSION_LINE = "quiescent", "emission-line"
NARROW_AGN, BROAD_AGN = "narrow-line AGN", "broad-line AGN"
QSO = "QSO"
"""Class of the pipeline that makes an object a broad-line AGN (Portillo+2020)."""
CLASSES = (QUIESCENT, EMISSION_LINE, NARROW_AGN, BROAD_AGN)
SIGNIFICANT = 3.0
"""Times its error by which a Balmer line is seen (Portillo+2020)."""
BROAD_WIDTH, BROAD_SIGNIFICANT = 3.0, 5.0
"""Equivalent width (Angstrom) of the wings of a broad H-alpha, and times its error, at least: in
3000 mock galaxies nothing else has such wings."""
BROAD_SIDE = 0.2
"""Share of that on either side at least."""


def line_classes(
    lines: Mapping[str, FloatArray], broad: BoolArray | NDArray[Any]
) -> NDArray[np.object_]:
    """Return the class of each galaxy, of `CLASSES`, or an empty text, shape (n_galaxy,).

    Broad-line AGN are told by the caller. Of the rest, those whose H-alpha or H-beta is below
    3 sigma are quiescent; the others are divided by Kewley+2001, with [N II] and [O III] taken at
    their error where they are weaker. What is not observed leaves no class.

    Args:
        lines: `flux_*` of halpha, hbeta, nii and oiii without the absorption of the stars, and
            `*_err`; shape (n_galaxy,).
        broad: Which ones have broad lines, same shape.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # of spectra that are 0
        halpha, hbeta = (
            lines[f"flux_{name}"] / lines[f"flux_{name}_err"] for name in ("halpha", "hbeta")
        )
        height = {
            name: np.fmax(lines[f"flux_{name}"], lines[f"flux_{name}_err"])
            for name in ("halpha", "hbeta", "nii", "oiii")
        }
        star_forming = kewley2001(
            np.log10(height["nii"] / height["halpha"]), np.log10(height["oiii"] / height["hbeta"])
        )
        quiescent = (halpha < SIGNIFICANT) | (hbeta < SIGNIFICANT)
    unknown = np.isnan(halpha + hbeta + lines["flux_nii"] + lines["flux_oiii"])
    return np.select(
        [broad, quiescent, unknown, star_forming],
        [BROAD_AGN, QUIESCENT, "", EMISSION_LINE],
        NARROW_AGN,
    ).astype(object)


def broad_halpha(measured: Mapping[str, FloatArray]) -> BoolArray:
    """Return whether H-alpha has broad wings, shape (n_galaxy,).

    Args:
        measured: `ew_*` of `data.lines.indices.WINGS`, Angstrom, and `*_err`, if known; shape
            (n_galaxy,).
    """
    blue, red = (measured[f"ew_halpha_{side}_wing"] for side in ("blue", "red"))
    noise = [measured.get(f"ew_halpha_{side}_wing_err", 0 * blue) for side in ("blue", "red")]
    error, total = np.hypot(noise[0], noise[1]), blue + red
    two_sided = np.minimum(blue, red) > BROAD_SIDE * total
    return (total > BROAD_WIDTH) & (total > BROAD_SIGNIFICANT * np.nan_to_num(error)) & two_sided


def kewley2001(log_nii_halpha: FloatArray, log_oiii_hbeta: FloatArray) -> BoolArray:
    """Return what starbursts can do (Kewley+2001, equation 5), shape as given."""
    return below_curve(log_nii_halpha, log_oiii_hbeta, 0.61, 0.47, 1.19)


def below_curve(x: FloatArray, y: FloatArray, scale: float, pole: float, top: float) -> BoolArray:
    """Return where y < scale / (x - pole) + top, left of the pole: how BPT planes are divided."""
    return (x < pole) & (y < scale / np.minimum(x - pole, -1e-9) + top)
