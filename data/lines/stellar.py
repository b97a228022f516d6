"""Corrections of measured lines for the stars under them, and of stars for the lines over them.

BPT limits presuppose emission lines without the absorption of the stars. Without a fit of the
stars, that follows closely from the 4000 A break: the table here was measured, with the bands of
`data.lines.indices`, on the stellar templates of the mock survey (`data/templates`) for constant
star formation over 0.1 to 12 Gyr and exponentially declining star formation (age 4 to 12 Gyr, time
scale 0.5 to 4 Gyr) at five metallicities, smoothed to 130 km/s: the medians and the scatter in
bins of D4000.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.arrays import FloatArray
from data.lines.indices import RATIOS

D4000 = np.array([1.08, 1.22, 1.29, 1.44, 1.59, 1.75, 1.91, 2.10])
STARS: dict[str, FloatArray] = {
    "halpha": np.array([-2.79, -2.41, -2.05, -1.88, -1.67, -1.59, -1.42, -1.22]),
    "nii": np.array([-0.62, -0.44, -0.27, -0.21, -0.13, -0.06, 0.00, 0.07]),
    "hbeta": np.array([-4.76, -4.20, -3.45, -2.96, -2.47, -2.07, -2.00, -1.88]),
    "oiii": np.array([-0.23, -0.31, -0.27, -0.47, -0.49, -0.56, -0.74, -0.99]),
    "oii": np.array([-0.19, -0.40, -0.80, -1.42, -1.73, -2.37, -2.79, -4.01]),
    "oi": np.array([-0.06, -0.03, -0.08, -0.13, -0.13, -0.14, -0.17, -0.20]),
    "sii": np.array([0.01, 0.00, -0.10, -0.18, -0.20, -0.22, -0.24, -0.25]),
}
"""Equivalent width of the stars alone in the band of a line (Angstrom, negative: absorption)."""
SCATTER: dict[str, float] = {
    "halpha": 0.2, "nii": 0.1, "hbeta": 0.5, "oiii": 0.2, "oii": 0.3, "oi": 0.1, "sii": 0.1,
}  # fmt: skip
"""Scatter of the above at one D4000, Angstrom."""
LEAST = 2.0
"""A line weaker than so many times the scatter has no ratio."""
BALMER_DELTA = 0.259
"""H-delta over H-beta of ionised gas without dust (Osterbrock & Ferland 2006, case B, 1e4 K)."""
BALMER_ALPHA = 2.86
"""H-alpha over H-beta, likewise."""
DUST_POWER = -0.77
"""(H-delta / H-beta) falls with this power of (H-alpha / H-beta): 0.83 / 1.08, the differences of
the extinction curve of Cardelli+1989 at the three lines."""


def without_stars(
    measured: Mapping[str, FloatArray], d4000: FloatArray | None = None
) -> dict[str, FloatArray]:
    """Return emission lines without the absorption of the stars under them.

    Args:
        measured: Of `data.lines.indices.measure`; arrays of shape (n_galaxy,).
        d4000: The break that tells the stars, where a better one is known than that measured.

    Returns:
        `flux_*` and `ew_*` of each of `STARS`, as in `measured`, and `*_err`: of the noise, where
        `measured` has it, and of the stars; shape (n_galaxy,).
    """
    d4000 = measured["d4000"] if d4000 is None else d4000
    result: dict[str, FloatArray] = {}
    for name in STARS:
        flux, width = f"flux_{name}", f"ew_{name}"
        with np.errstate(divide="ignore", invalid="ignore"):
            continuum = measured[flux] / measured[width]
        stars = np.interp(d4000, D4000, STARS[name])
        for line, stellar, scatter in (
            (flux, stars * continuum, SCATTER[name] * np.abs(continuum)),
            (width, stars, SCATTER[name]),
        ):
            result[line] = measured[line] - stellar
            result[f"{line}_err"] = np.hypot(measured.get(f"{line}_err", 0.0), scatter)
    return result


def corrected(
    measured: Mapping[str, FloatArray], d4000: FloatArray | None = None
) -> dict[str, FloatArray]:
    """Return line ratios without the absorption of the stars, and H-delta_A without emission.

    Args:
        measured: Of `data.lines.indices.measure`; arrays of shape (n_galaxy,).
        d4000: As for `without_stars`.

    Returns:
        `log_nii_halpha` and `log_oiii_hbeta` (dex; NaN unless both lines are well above the
        scatter of the correction), their `*_err` where the fluxes have errors, and `hdelta_a`
        (Angstrom, positive in absorption), with `hdelta_a_err` where `measured` has it: of the
        index and of the emission that H-alpha and H-beta imply.
    """
    lines = without_stars(measured, d4000)
    flux, error = {}, {}
    for name in ("halpha", "nii", "hbeta", "oiii"):
        strong = (lines[f"ew_{name}"] > LEAST * SCATTER[name]) & (lines[f"flux_{name}"] > 0)
        flux[name] = np.where(strong, lines[f"flux_{name}"], np.nan)
        known = f"flux_{name}_err" in measured
        error[name] = lines[f"flux_{name}_err"] / flux[name] if known else np.nan
    result = {}
    for ratio in ("log_nii_halpha", "log_oiii_hbeta"):
        above, below = RATIOS[ratio]
        result[ratio] = np.log10(flux[above] / flux[below])
        result[f"{ratio}_err"] = np.hypot(error[above], error[below]) / np.log(10)
    filling, filling_error = _filling(measured, flux, error)
    result["hdelta_a"] = measured["hdelta_a"] + filling
    if "hdelta_a_err" in measured:
        result["hdelta_a_err"] = np.hypot(measured["hdelta_a_err"], filling_error)
    return result


def _filling(
    measured: Mapping[str, FloatArray],
    flux: Mapping[str, FloatArray],
    error: Mapping[str, FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Return the equivalent width of H-delta in emission that H-beta implies, and its error.

    Args:
        measured: As for `corrected`.
        flux: Of H-alpha and H-beta without the stars, NaN where too weak.
        error: Theirs, relative to the flux.

    Returns:
        Angstrom, 0 where nothing is known.
    """
    halpha, hbeta = flux["halpha"], flux["hbeta"]
    with np.errstate(divide="ignore", invalid="ignore"):
        continuum = measured["flux_hdelta"] / measured["ew_hdelta"]
        reddened = np.nan_to_num(halpha / hbeta, nan=BALMER_ALPHA) / BALMER_ALPHA
        power = np.where(reddened > 1, DUST_POWER, 0.0)
        width = BALMER_DELTA * reddened**power * hbeta / continuum
        of_halpha = power * np.nan_to_num(error["halpha"])
        relative = np.hypot((1 - power) * error["hbeta"], of_halpha)
    known = np.isfinite(width) & (continuum > 0)
    return np.where(known, width, 0.0), np.where(known, width * relative, 0.0)
