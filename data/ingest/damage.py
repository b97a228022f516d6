"""What can not be true of an object or of its spectrum: signs of damaged or mixed-up files."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from data.arrays import BoolArray, FloatArray
from data.ingest.cells import PLACEHOLDERS, number
from data.ingest.raw_spectrum import RawSpectrum

LIMITS = {
    "plate": (0, 1e6), "mjd": (0, 1e5), "fiber": (0, 1e5),
    "ra": (-180, 360), "dec": (-90, 90), "z": (-0.1, 20),
    "zwarning": (0, 2**32),
}  # fmt: skip
"""Facts outside these are damaged: no survey has them."""
SMALLEST = 1e-12
"""Facts nearer to 0 are what misread bytes look like."""
LARGEST_FLUX = 1e9
"""1e-17 erg/s/cm2/A; Vega has a third of it."""
SMALLEST_SIGMA = 1e-9
"""Noise below this is no noise in 1e-17 erg/s/cm2/A: the flux is in another unit."""
LOWEST_SNR = 0.01
"""Median of the absolute flux over its error that no spectrum has: noise alone has 0.67."""
HIGHEST_SNR = 1e5
"""Signal to noise that no pixel has: it takes 1e10 photons."""
BLANKS = (-999.0, -9999.0, -32768.0)
"""Fluxes that stand for none."""
SAME_PLACE = 1 / 60
"""Degrees by which two statements of one position may differ: proper motion, offset fibres."""
IMPOSSIBLE_PIXELS = (
    "some pixels with impossible values (signal to noise above "
    f"{HIGHEST_SNR:g}, inverse variance below 0, flux no number or -999, -9999, -32768) left out"
)
"""Remark on a spectrum with such pixels."""
MOST_IMPOSSIBLE = 0.5
"""Share of pixels with impossible values from which on the whole spectrum is refused."""


def fact_problem(facts: Mapping[str, Any]) -> str:
    """Return which fact of an object can not be true; empty if all can.

    What is missing, and what stands for it, passes.
    """
    for name, (low, high) in LIMITS.items():
        value = facts.get(name, math.nan)
        if value not in PLACEHOLDERS and (value < low or value > high):
            return f"damaged: {name} must be {low:g} to {high:g}, got {value:g}"
        if 0 < abs(value) < SMALLEST:
            return f"damaged: {name} is {value:g}, which is nothing that anybody measures"
    kind = str(facts.get("class", ""))
    return f"damaged: class is {kind!r}" if kind and not kind[0].isalpha() else ""


def contradiction(stated: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return where two parts of a file say different things of its object; empty if nowhere.

    Args:
        stated: What one part says, by the names of `facts`; what is not known is left out.
        facts: What another part says.
    """
    shrink = max(math.cos(math.radians(min(abs(number(facts.get("dec", 0))), 90))), 1e-3)
    for name, value in stated.items():
        here, there = number(value), number(facts.get(name))
        apart = abs(here - there)
        if name == "ra":
            apart = min(apart, 360 - apart) * shrink
        tolerance = SAME_PLACE if name in ("ra", "dec") else 0
        if apart > tolerance and not {here, there} & {*PLACEHOLDERS}:
            return f"contradiction: the file says {name} {here:.9g} and {there:.9g}"
    return ""


def in_survey_unit(unit: str) -> bool:
    """Return whether a unit as a file spells it is 1e-17 erg/s/cm2/A."""
    bare = re.sub(r"[ *^()]", "", unit).lower()
    return bool(re.match(r"(10|1(\.0*)?e)-17erg", bare))


def unit_problem(flux: FloatArray, ivar: FloatArray) -> str:
    """Return why the flux can not be in its unit; empty if it can."""
    if ivar.max(initial=0) < SMALLEST_SIGMA**-2 and flux.max(initial=0) < LARGEST_FLUX:
        return ""  # so are the medians of those that count
    measured = np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
    if not measured.any():
        return ""
    level = float(np.median(np.abs(flux[measured])))
    if level > LARGEST_FLUX:
        return f"flux not in its unit: {level:.2g} x 1e-17 erg/s/cm2/A is brighter than Vega"
    sigma = float(np.median(np.asarray(ivar, dtype=float)[measured])) ** -0.5
    if sigma < SMALLEST_SIGMA:
        return (
            f"flux not in its unit: a noise of {sigma:.2g} is none in 1e-17 erg/s/cm2/A; "
            "multiply flux by 1e17 and ivar by 1e-34 if they are in erg/s/cm2/A"
        )
    return ""


def without_impossible(raw: RawSpectrum) -> RawSpectrum:
    """Return a spectrum whose impossible pixels are masked, and told.

    Raises:
        ValueError: Most of its pixels are impossible.
    """
    wrong = impossible(raw.flux, raw.ivar)
    if not wrong.any():
        return raw
    n_wrong = int(np.count_nonzero(wrong & np.isfinite(raw.flux)))
    if n_wrong > MOST_IMPOSSIBLE * max(raw.n_measured, 1):
        raise ValueError(
            f"impossible values: {n_wrong} of {len(raw.flux)} pixels have a signal to "
            f"noise above {HIGHEST_SNR:g}, a negative inverse variance, or a flux that means none"
        )
    told = (*raw.remarks, IMPOSSIBLE_PIXELS)
    return replace(raw, flux=np.where(wrong, 0, raw.flux), masked=raw.masked | wrong, remarks=told)


def impossible(flux: FloatArray, ivar: FloatArray) -> BoolArray:
    """Return which pixels have values that no measurement has, shape as `flux`."""
    with np.errstate(all="ignore"):
        wrong = (flux * flux * ivar > HIGHEST_SNR**2) | (ivar < 0)
    if not np.isfinite(np.sum(flux, dtype=float)):
        wrong |= ~np.isfinite(flux) & (ivar > 0)
    if np.fmin.reduce(flux, axis=None) <= max(BLANKS):
        wrong |= np.isin(flux, BLANKS) & (ivar > 0)
    return wrong


def snr_problem(snr: float) -> str:
    """Return why flux and errors do not belong together; empty if they may."""
    if snr >= LOWEST_SNR:
        return ""
    return (
        f"impossible values: the median of |flux| over its error is {snr:.2g}, noise alone has "
        "0.67; flux and errors are in different units"
    )


def other_snr(snr: float, stated: float) -> bool:
    """Return whether a median signal to noise is not the stated one.

    Of 293 SDSS, BOSS and eBOSS spectra all are within half of SN_MEDIAN_ALL, plus or minus 0.5.
    """
    known = math.isfinite(stated) and stated != 0 and stated not in PLACEHOLDERS
    return known and abs(snr - abs(stated)) > 0.5 * abs(stated) + 0.5
