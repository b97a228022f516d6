"""Spectra of any instrument: units, air or vacuum, redshift and position as their headers say."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from numpy.typing import NDArray

from data.arrays import BoolArray, FloatArray
from data.grid import INSTRUMENTS
from data.ingest.damage import unit_problem
from data.ingest.generic.header_facts import header_facts
from data.ingest.pixel_mask import DEFAULT_POLICY, MaskPolicy
from data.ingest.raw_spectrum import NO_MASK, OTHER, RawSpectrum
from data.lines.indices import air_to_vacuum

FLUX_UNIT = units.Unit("1e-17 erg / (s cm2 Angstrom)")
OFF_GRID = 0.01
"""Wavelengths up to so many pixels away from those of an instrument's grid lie on it."""
TINY = 1e-10
"""Fluxes without unit below this are in erg/s/cm2/A."""
RELATIVE = "the flux has no absolute unit: norm is in the unit of the file"
VACUUM_ASSUMED = "the file does not say whether wavelengths are in air: taken as vacuum (--air)"
AIR_ASSUMED = "the file does not say whether wavelengths are in air: taken as air (--air)"
ENDINGS = (
    ".gz", ".fz", ".fits", ".fit", ".csv", ".ecsv", ".vot", ".votable", ".xml", ".txt", ".dat",
    ".parquet", ".pq", ".hdf5", ".h5", ".spec",
)  # fmt: skip
"""What ends names of files and tells their format, outermost first."""
SPACE = ("JWST", "HST")
"""Telescopes without air before them."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A spectrum as a file records it.

    Attributes:
        wave: Wavelengths, or their logarithms where `wave_unit` is `log`; shape (n,).
        flux: Flux, shape (n,).
        variance: Variance of `flux`, shape (n,); not positive where nothing was measured. None
            where the file has no errors.
        mask: The file's mask, 0 or False where a pixel is good, shape (n,); None if it has none.
        wave_unit: Unit of `wave`; empty if unknown.
        flux_unit: Unit of `flux`; empty if unknown.
        cards: Header of the file: keyword in upper case -> value, and `keyword comment` -> text.
        name: Identifier: the file's name, and what tells its spectra apart.
        no_errors: Where `variance` is None, what the file would need to have errors.
        sdss_mask: Whether the bits of `mask` are those of SDSS.
        facts: Further columns of the catalogue.
        remarks: What the user should know, one line each.
    """

    wave: FloatArray
    flux: FloatArray
    variance: FloatArray | None
    mask: NDArray[Any] | None
    wave_unit: str
    flux_unit: str
    cards: Mapping[str, Any]
    name: str
    no_errors: str = ""
    sdss_mask: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def variance_of(values: NDArray[Any], power: int) -> FloatArray:
    """Return the variance from errors (power 2), variances (1) or inverse variances (-1).

    It is 0 where nothing was measured, and -1 where the file has a negative number: these are told.
    """
    values = np.asarray(values, dtype=float)
    good = np.isfinite(values) & (values > 0)
    return np.power(values, power, out=np.where(values < 0, -1.0, 0.0), where=good)


def object_name(path: Path) -> str:
    """Return a file's name without what tells its format."""
    name = path.name
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name


@np.errstate(all="ignore")  # values of damaged files overflow: they are refused, or get no weight
def own_grid_spectrum(
    recorded: Recorded,
    *,
    air: bool,
    policy: MaskPolicy = DEFAULT_POLICY,
    assumed_snr: float = math.nan,
) -> RawSpectrum:
    """Return a spectrum in the units of a survey.

    Args:
        recorded: What the file has.
        air: Whether wavelengths are in air where the file does not say it.
        policy: Which bits of the mask leave a pixel out.
        assumed_snr: Signal to noise per pixel of a spectrum without errors; NaN refuses it.

    Raises:
        ValueError: The arrays do not fit together, a unit is not known, or there are no errors.
    """
    variance, guessed = _variance(recorded, assumed_snr)
    shapes = {len(recorded.wave), len(recorded.flux), len(variance)}
    if len(shapes) != 1 or shapes == {1}:
        raise ValueError(f"bad shape: wavelength, flux and error have {sorted(shapes)} pixels")
    wave = _angstrom(recorded.wave.astype(float), recorded.wave_unit)
    in_air, remark = _in_air(recorded.cards, air=air)
    order, wave = _increasing(air_to_vacuum(wave) if in_air else wave)
    flux, variance = recorded.flux[order].astype(float), variance[order].astype(float)
    scale, told = _flux_scale(recorded.flux_unit, flux, wave)
    measured = np.isfinite(flux) & np.isfinite(variance) & (variance > 0)
    unmeasured = np.where(variance < 0, -1.0, 0.0)
    ivar = np.divide(1.0, variance * scale**2, out=unmeasured, where=measured)
    bad = _left_out(recorded, policy)[order]
    instrument, pixel = _known_grid(wave)
    absolute = told != RELATIVE
    return RawSpectrum(
        instrument=instrument,
        pixel=pixel,
        wave=wave if instrument == OTHER else None,
        flux=flux * scale,
        ivar=ivar,
        masked=bad,
        problem=unit_problem(flux * scale, ivar) if absolute else "",
        facts=header_facts(recorded.cards, recorded.name) | dict(recorded.facts),
        masked_by={"MASK": int((bad & measured).sum())},
        n_measured=int(measured.sum()),
        remarks=recorded.remarks
        + tuple(
            text
            for text in (
                remark,
                told,
                guessed,
                "" if recorded.mask is not None else NO_MASK,
            )
            if text
        ),
    )


def _variance(recorded: Recorded, assumed_snr: float) -> tuple[FloatArray, str]:
    """Return the variance of the flux, and what to say if it is only assumed.

    Raises:
        ValueError: The file has no errors, and no signal to noise is assumed.
    """
    if recorded.variance is not None:
        return recorded.variance, ""
    if not assumed_snr > 0:
        raise ValueError(f"no errors: {recorded.no_errors} (--assumed-snr does without)")
    seen = np.abs(recorded.flux[np.isfinite(recorded.flux)])
    sigma = float(np.median(seen)) / assumed_snr if seen.size else 0.0
    told = f"no errors: noise taken as the median flux over {assumed_snr:g} (--assumed-snr)"
    return np.full(len(recorded.flux), sigma**2), told


def _left_out(recorded: Recorded, policy: MaskPolicy) -> BoolArray:
    """Return which pixels the mask leaves out; bits of unknown meaning count unless none do."""
    mask = recorded.mask
    if mask is None or not (policy.sdss or policy.desi):
        return np.zeros(len(recorded.flux), bool)
    whole = mask.dtype.kind in "biu"
    if recorded.sdss_mask and whole:
        return policy.masked(mask)
    return mask.astype(bool) if whole else np.nan_to_num(mask) != 0


def _angstrom(wave: FloatArray, unit: str) -> FloatArray:
    """Return wavelengths in Angstrom.

    Raises:
        ValueError: Their unit is neither stated nor sure.
    """
    low, high = float(np.nanmin(wave)), float(np.nanmax(wave))
    if unit == "log":
        return np.power(10.0, wave)
    if unit:
        known = unit_of(unit)
        if not known.is_equivalent(units.AA):
            raise ValueError(f"wavelength unit not known: {unit!r}")
        return wave * known.to(units.AA)
    if low >= 2500:
        return wave
    raise ValueError(
        f"wavelength unit not known: the file states none, and {low:.4g} ... {high:.4g} may be "
        "micron, nm or a logarithm; Angstrom are taken from 2500 on"
    )


def _increasing(wave: FloatArray) -> tuple[slice, FloatArray]:
    order = slice(None, None, -1 if wave[0] > wave[-1] else 1)
    wave = wave[order]
    if not (np.all(np.isfinite(wave)) and wave[0] > 0 and np.all(np.diff(wave) > 0)):
        raise ValueError("bad wavelengths: they must be finite and increase or decrease")
    return order, wave


def _in_air(cards: Mapping[str, Any], *, air: bool) -> tuple[bool, str]:
    """Return whether wavelengths are in air, and what to say if the header does not tell."""
    vacuum = str(cards.get("VACUUM", "")).upper()
    stated = str(cards.get("AIRORVAC", "")).lower()
    axis = str(cards.get("CTYPE1", "")).upper()
    if vacuum in ("T", "TRUE", "1") or stated.startswith("vac"):
        return False, ""
    if vacuum in ("F", "FALSE", "0") or stated.startswith("air") or axis.startswith("AWAV"):
        return True, ""
    if axis.startswith("WAVE-") or axis == "WAVE":  # FITS WCS paper III: WAVE is vacuum
        return False, ""
    if any("obs.atmos" in str(cards.get(f"TUCD{column}", "")) for column in range(1, 10)):
        return True, ""  # the ESO science data product standard
    if str(cards.get("TELESCOP", "")).upper() in SPACE:
        return False, ""
    return air, AIR_ASSUMED if air else VACUUM_ASSUMED


def _flux_scale(unit: str, flux: FloatArray, wave: FloatArray) -> tuple[float | FloatArray, str]:
    """Return what turns the flux into 1e-17 erg/s/cm2/A, and what to say if nothing does."""
    known = unit_of(unit) if unit else None
    density = units.spectral_density(wave * units.AA)
    if known is not None and known.is_equivalent(FLUX_UNIT, density):
        scale = (np.ones(len(wave)) * known).to_value(FLUX_UNIT, density)
        return np.asarray(scale, dtype=float), ""
    seen = np.abs(flux[np.isfinite(flux) & (flux != 0)])
    if known is None and seen.size and float(np.median(seen)) < TINY:
        return 1e17, "the flux has no unit: taken as erg/s/cm2/A"
    return 1.0, RELATIVE


def unit_of(text: str) -> Any:  # noqa: ANN401 - astropy states no one type of units
    """Return a unit as a file spells it; one that is equivalent to none if it is not known."""
    spelled = text.strip().replace("**", "^").replace("erg/cm/s", "erg/cm2/s")
    spelled = re.sub(r"10\^\((-\d+)\)", r"1e\1", spelled).replace("ergs", "erg")
    spelled = spelled.replace("^(", "(")
    spelled = re.sub(r"\((-?\d+)\)", r"\1", spelled)
    spelled = re.sub(r"(?i)\b(angstroms?|ang\.?|A)(?=$|[-^ )])", "Angstrom", spelled)
    spelled = re.sub(r"(?i)\bmicrons?\b", "micron", spelled)
    spelled = re.sub(r"(?i)^(nm|nanomet(er|re)s?)$", "nm", spelled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", units.UnitsWarning)  # spellings that are discouraged
        known: Any = units.Unit
        return known(spelled, parse_strict="silent")


def _known_grid(wave: FloatArray) -> tuple[str, NDArray[np.int64]]:
    """Return the instrument on whose grid wavelengths lie, and their pixels; none if on none."""
    for name in ("sdss", "boss", "desi"):
        grid = INSTRUMENTS[name]
        position = grid.pixel(wave)
        pixel = np.rint(position).astype(np.int64)
        inside = pixel[0] >= 0 and pixel[-1] < grid.n_pixel
        if inside and np.abs(position - pixel).max() < OFF_GRID and np.all(np.diff(pixel) == 1):
            return name, pixel
    return OTHER, np.zeros(0, np.int64)
