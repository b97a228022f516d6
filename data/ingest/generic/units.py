"""Units of spectra as files spell them; the spectral axis in Angstrom, flux per Angstrom."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
from astropy import units

from data.arrays import FloatArray
from data.constants import SPEED_OF_LIGHT

FLUX_UNIT = units.Unit("1e-17 erg / (s cm2 Angstrom)")
TINY = 1e-10
"""Fluxes without unit below this are in erg/s/cm2/A."""
SURE = 2500
"""Wavelengths without unit from here on are in Angstrom."""
OPTICAL = (100.0, 1e7)
"""Angstrom; an axis beyond is in another unit than thought."""
RELATIVE = "the flux has no absolute unit: norm is in the unit of the file"
PER_FREQUENCY = "the flux is per frequency and has no absolute unit: turned into one per wavelength"
NO_UNIT_TINY = "the flux has no unit: taken as erg/s/cm2/A"
PLANCK: Any = 6.62607015e-34 * units.J * units.s
LIGHT: Any = SPEED_OF_LIGHT * units.km / units.s
_OTHER_AXES = (units.Hz, 1 / units.cm, units.eV)
_BESIDE = ("sr", "cm-2", "erg s-1 cm-2", "erg s-1 cm-2 ct-1", "erg cm-2 ct-1")
"""What turns a surface brightness, a luminosity, a number or counts per frequency into a flux."""
_CAPITALS = {
    "ERG": "erg", "ERGS": "erg", "CM": "cm", "M": "m", "S": "s", "SEC": "s", "NM": "nm",
    "UM": "um", "JY": "Jy", "UJY": "uJy", "NJY": "nJy", "HZ": "Hz", "GHZ": "GHz", "THZ": "THz",
    "EV": "eV", "KEV": "keV",
}  # fmt: skip
"""Units in capitals that mean one thing; MJY and MHZ may be milli or mega."""
_WORD = re.compile(r"(?<![A-Za-z])[A-Z]+(?![A-Za-z])")
_LOGARITHM = re.compile(r"(?i)(log10|log|dex|ln)\s*[(\[ ]\s*(.+?)\s*[)\]]?")


def unit_of(text: str) -> Any:  # noqa: ANN401 - astropy states no one type of units
    """Return a unit as a file spells it; one that is equivalent to none if it is not known."""
    spelled = text.strip().replace("**", "^").replace("erg/cm/s", "erg/cm2/s")
    spelled = re.sub(r"10\^\((-\d+)\)", r"1e\1", spelled).replace("ergs", "erg")
    spelled = spelled.replace("^(", "(")
    spelled = re.sub(r"\((-?\d+)\)", r"\1", spelled)
    spelled = re.sub(_WORD, lambda word: _CAPITALS.get(word[0], word[0]), spelled)
    spelled = re.sub(r"(?i)\b(angstroms?|ang\.?|A)(?=$|[-^ )/*.])", "Angstrom", spelled)
    spelled = re.sub(r"(?i)\b(microns?|micromet(er|re)s?)\b", "micron", spelled)
    spelled = re.sub(r"(?i)^(nm|nanomet(er|re)s?)$", "nm", spelled)
    spelled = re.sub(r"(?i)\b(hertz|electron[ -]?volts?|jansky)\b", _full_name, spelled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", units.UnitsWarning)  # spellings that are discouraged
        known: Any = units.Unit
        return known(spelled, parse_strict="silent")


def _full_name(word: re.Match[str]) -> str:
    return {"h": "Hz", "e": "eV", "j": "Jy"}[word[0][0].lower()]


def is_known(unit: Any) -> bool:  # noqa: ANN401 - of any type
    """Return whether a unit was recognised."""
    return not isinstance(unit, units.UnrecognizedUnit)


def check_axis_unit(text: str) -> None:
    """Refuse a unit in which no spectral axis can be.

    Raises:
        ValueError: It is no unit of wavelength, frequency, wavenumber or energy.
    """
    _in_angstrom(np.array([1.0]), text)


def wavelengths(
    axis: FloatArray, unit: str, *, kind: str = "wavelength"
) -> tuple[FloatArray, bool]:
    """Return a spectral axis as wavelengths in Angstrom.

    Args:
        axis: Wavelengths, frequencies, wavenumbers or energies, or logarithms of these.
        unit: Its unit, `log` for log10(Angstrom), or empty if it is not known.
        kind: What it is, by its name.

    Returns:
        Wavelengths, and whether they depend on the medium: frequencies do not, and give those
        in vacuum.

    Raises:
        ValueError: The unit is neither stated nor sure, or the wavelengths are not optical.
    """
    low, high = float(np.nanmin(axis)), float(np.nanmax(axis))
    if not unit and (kind != "wavelength" or low < SURE):
        also = "; Angstrom are taken from 2500 on" if kind == "wavelength" else ""
        raise ValueError(
            f"{kind} unit not known: the file states none, and {low:.4g} ... {high:.4g} may be "
            f"{_CANDIDATES[kind]}{also}; choose its unit (--wave-unit)"
        )
    unit = unit or "Angstrom"
    wave, in_medium = _in_angstrom(axis, unit)
    first, last = float(np.nanmin(wave)), float(np.nanmax(wave))
    if not (OPTICAL[0] < first and last < OPTICAL[1]):
        natural = "; natural logarithms have the unit ln(Angstrom)" * (unit == "log" and low > 5)
        raise ValueError(
            f"{kind} unit not right: {low:.4g} ... {high:.4g} in {unit} are "
            f"{first:.4g} ... {last:.4g} A{natural}"
        )
    return wave, in_medium


_CANDIDATES = {
    "wavelength": "micron, nm or a logarithm",
    "frequency": "Hz, GHz or THz",
    "wavenumber": "1/cm or 1/m",
    "energy": "eV or keV",
}


def _in_angstrom(axis: FloatArray, unit: str) -> tuple[FloatArray, bool]:
    if unit == "log":
        return np.power(10.0, axis), True
    logarithm = _LOGARITHM.fullmatch(unit.strip())
    if logarithm:
        base = np.e if logarithm[1].lower() == "ln" else 10.0
        return _in_angstrom(np.power(base, axis), logarithm[2])
    known = unit_of(unit)
    if not (is_known(known) and known.is_equivalent(units.AA, units.spectral())):
        raise ValueError(
            f"wavelength unit not known: {unit!r}; wavelengths, frequencies, wavenumbers, energies "
            "and logarithms such as log(Angstrom) are read"
        )
    in_angstrom = (axis * known).to_value(units.AA, units.spectral())
    return np.asarray(in_angstrom, dtype=float), known.is_equivalent(units.AA)


def flux_scale(
    unit: str, flux: FloatArray, wave: FloatArray, axis_unit: str = ""
) -> tuple[float | FloatArray, str]:
    """Return what turns a flux into 1e-17 erg/s/cm2/A.

    Args:
        unit: Unit of the flux as the file spells it; empty if unknown.
        flux: The flux, shape (n,).
        wave: Vacuum Angstrom, shape (n,).
        axis_unit: Unit of the axis it was given on.

    Returns:
        The factor, and what to say if it gives no absolute flux; `RELATIVE` or `PER_FREQUENCY`.

    Raises:
        ValueError: The unit is that of no flux density, or may mean several things.
    """
    known = unit_of(unit)
    recognised = bool(unit) and is_known(known)
    _refuse_no_density(unit, recognised, axis_unit)
    density = units.spectral_density(wave * units.AA)
    if recognised:
        for factor in (1.0, *_per_axis(axis_unit)):
            candidate = factor * known
            if candidate.unit.is_equivalent(FLUX_UNIT, density):
                scale = (np.ones(len(wave)) * candidate).to_value(FLUX_UNIT, density)
                return np.asarray(scale, dtype=float), ""
        for more in _BESIDE if re.search(r"(?i)hz|jy", unit) else ():
            relative = known * units.Unit(more)
            if relative.is_equivalent(units.Jy):
                shape = np.asarray(wave, dtype=float) ** -2.0
                return shape / np.median(shape), PER_FREQUENCY
    seen = np.abs(flux[np.isfinite(flux) & (flux != 0)])
    if not unit and seen.size and float(np.median(seen)) < TINY:
        return 1e17, NO_UNIT_TINY
    return 1.0, RELATIVE


def _per_axis(axis_unit: str) -> tuple[Any, ...]:
    """Return what turns a flux per energy, or per wavenumber, into one per frequency."""
    axis = unit_of(axis_unit)
    if not is_known(axis):
        return ()
    if axis.is_equivalent(units.eV):
        return (PLANCK,)
    return (1 / LIGHT,) if axis.is_equivalent(1 / units.cm) else ()


def _refuse_no_density(unit: str, recognised: bool, axis_unit: str) -> None:
    """Raise a ValueError for a flux whose shape is not known: the wrong one bends the spectrum."""
    if re.search(r"(?i)\bmag", unit):
        raise ValueError(f"flux unit not known: {unit!r} is a magnitude; convert to a flux density")
    if recognised and unit_of(unit).is_equivalent(units.Unit("erg s-1 cm-2")):
        raise ValueError(
            f"flux unit not known: {unit!r} is per no wavelength or frequency; state the unit of a "
            "flux density, as in erg/s/cm2/Angstrom or Jy"
        )
    if unit and not recognised and re.search(r"(?i)jy|hz", unit):
        raise ValueError(f"flux unit not known: {unit!r}; spell it as in mJy or erg/s/cm2/Hz")
    axis = unit_of(axis_unit)
    if not recognised and is_known(axis) and axis.is_equivalent(_OTHER_AXES):
        raise ValueError(
            f"flux unit not known: on an axis in {axis_unit} it may be per Angstrom or per Hz; "
            "state it (TUNIT, BUNIT)"
        )


def error_factor(error: str, flux: str, power: int) -> float:
    """Return the unit of errors over that of the flux, raised to the power; 1 if not known.

    Args:
        error: Unit of the errors as the file spells it.
        flux: Unit of the flux.
        power: Of the flux's unit that the errors' should be: 1, of variances 2, of ivar -2.

    Raises:
        ValueError: They are of another kind.
    """
    if not error or not flux or error == flux:
        return 1.0
    own, other = unit_of(error), unit_of(flux)
    if not (is_known(own) and is_known(other)):
        return 1.0
    if not own.is_equivalent(other**power):
        raise ValueError(f"errors in {error}, but the flux in {flux}: one can not be right")
    return float(own.to(other**power))
