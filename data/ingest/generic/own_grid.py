"""Spectra of any instrument: units, air or vacuum, redshift and position as their headers say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray, FloatArray
from data.grid import INSTRUMENTS
from data.ingest.damage import unit_problem
from data.ingest.generic.assumed import NOTHING_ASSUMED, Assumed
from data.ingest.generic.header_facts import header_facts
from data.ingest.generic.units import PER_FREQUENCY, RELATIVE, flux_scale, wavelengths
from data.ingest.pixel_mask import DEFAULT_POLICY, MaskPolicy
from data.ingest.raw_spectrum import NO_MASK, OTHER, RawSpectrum
from data.lines.indices import air_to_vacuum

OFF_GRID = 0.01
"""Wavelengths up to so many pixels away from those of an instrument's grid lie on it."""
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
        wave: Wavelengths, or what stands for them (`wave_unit`, `axis`), shape (n,).
        flux: Flux, shape (n,).
        variance: Variance of `flux`, shape (n,); not positive where nothing was measured. None
            where the file has no errors.
        mask: The file's mask, 0 or False where a pixel is good, shape (n,); None if it has none.
        wave_unit: Unit of `wave`, `log` for log10(Angstrom); empty if unknown.
        flux_unit: Unit of `flux`; empty if unknown.
        cards: Header of the file: keyword in upper case -> value, and `keyword comment` -> text.
        name: Identifier: the file's name, and what tells its spectra apart.
        no_errors: Where `variance` is None, what the file would need to have errors.
        sdss_mask: Whether the bits of `mask` are those of SDSS.
        facts: Further columns of the catalogue.
        remarks: What the user should know, one line each.
        axis: What `wave` is by its name: wavelength, frequency, wavenumber or energy.
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
    axis: str = "wavelength"


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
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
    return name


@np.errstate(all="ignore")  # values of damaged files overflow: they are refused, or get no weight
def own_grid_spectrum(
    recorded: Recorded,
    *,
    policy: MaskPolicy = DEFAULT_POLICY,
    assumed: Assumed = NOTHING_ASSUMED,
) -> RawSpectrum:
    """Return a spectrum in the units of a survey.

    Args:
        recorded: What the file has.
        policy: Which bits of the mask leave a pixel out.
        assumed: What is taken for granted where the file does not say it.

    Raises:
        ValueError: The arrays do not fit together, a unit is not known, or there are no errors.
    """
    variance, guessed = _variance(recorded, assumed.assumed_snr)
    shapes = {len(recorded.wave), len(recorded.flux), len(variance)}
    if len(shapes) != 1 or shapes == {1}:
        raise ValueError(f"bad shape: wavelength, flux and error have {sorted(shapes)} pixels")
    recorded, variance = _without_padding(recorded, variance)
    unit = recorded.wave_unit or assumed.wave_unit
    wave, in_medium = wavelengths(recorded.wave.astype(float), unit, kind=recorded.axis)
    in_air, remark = _in_air(recorded.cards, air=assumed.air) if in_medium else (False, "")
    order, wave = _increasing(air_to_vacuum(wave) if in_air else wave)
    flux, variance = recorded.flux[order].astype(float), variance[order].astype(float)
    scale, told = flux_scale(recorded.flux_unit, flux, wave, unit)
    measured = np.isfinite(flux) & np.isfinite(variance) & (variance > 0)
    unmeasured = np.where(variance < 0, -1.0, 0.0)
    ivar = np.divide(1.0, variance * scale**2, out=unmeasured, where=measured)
    bad = _left_out(recorded, policy)[order]
    instrument, pixel = _known_grid(wave)
    absolute = told not in (RELATIVE, PER_FREQUENCY)
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


def _without_padding(recorded: Recorded, variance: FloatArray) -> tuple[Recorded, FloatArray]:
    """Return a spectrum, and its variance, without pixels of neither wavelength nor flux."""
    flux, wave = recorded.flux.astype(float), recorded.wave.astype(float)
    used = np.isfinite(wave) | (np.isfinite(flux) & (flux != 0))
    if used.all() or not used.any():
        return recorded, variance
    mask = None if recorded.mask is None else recorded.mask[used]
    return replace(recorded, wave=wave[used], flux=flux[used], mask=mask), variance[used]


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
    """Return which pixels the mask leaves out; bits of unknown meaning count unless none do.

    Raises:
        ValueError: The mask is text.
    """
    mask = recorded.mask
    if mask is None or not (policy.sdss or policy.desi):
        return np.zeros(len(recorded.flux), bool)
    if mask.dtype.kind not in "biuf":
        raise ValueError(f"bad type: the mask must hold numbers or truth values, got {mask[0]!r}")
    whole = mask.dtype.kind in "biu"
    if recorded.sdss_mask and whole:
        return policy.masked(mask)
    return mask.astype(bool) if whole else np.nan_to_num(mask) != 0


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
