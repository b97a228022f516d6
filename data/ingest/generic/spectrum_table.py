"""Spectra in tables, one pixel a row or one spectrum a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.units import Jy
from numpy.typing import NDArray

from data.arrays import FloatArray
from data.ingest.cells import number
from data.ingest.generic.own_grid import Recorded, variance_of
from data.ingest.generic.units import FLUX_UNIT, error_factor, unit_of

LOG_WAVES = ("loglam", "log_lambda", "loglambda", "log_wave", "logwave", "log_wavelength")
LN_WAVES = ("lnlam", "ln_lambda", "lnlambda", "ln_wave", "lnwave")
MEDIUM_WAVES = ("wave_vac", "wave_air", "wavelength_vac", "wavelength_air", "lambda_vac",
                "lambda_air")  # fmt: skip
WAVES = ("wave", "wavelength", "lambda", "lam", "wl", *MEDIUM_WAVES, "wavelengths", "waves",
         "spectral_axis")  # fmt: skip
OTHER_AXES = {
    **dict.fromkeys(("frequency", "freq", "nu"), "frequency"),
    **dict.fromkeys(("wavenumber", "wavenumbers", "wave_number"), "wavenumber"),
    **dict.fromkeys(("energy", "photon_energy"), "energy"),
}
"""Columns that stand for wavelengths -> what they are; their unit must be known."""
AXES = (*LOG_WAVES, *LN_WAVES, *WAVES, *OTHER_AXES)
NU_FLUXES = ("fnu", "f_nu", "flux_nu", "flux_fnu")
"""Fluxes per frequency, whatever their unit."""
LAMBDA_FLUXES = ("flam", "f_lambda", "flux_lambda", "flux_flam")
FLUXES = ("flux", "flux_density", "fluxdensity", *LAMBDA_FLUXES, "spec", "fluxes", *NU_FLUXES)
ERRORS = ("err", "error", "flux_err", "flux_error", "err_flux", "fluxerr", "sigma", "e_flux",
          "noise", "std", "eflux", "flux_unc", "uncertainty")  # fmt: skip
IVARS = ("ivar", "flux_ivar", "ivar_flux", "inverse_variance", "invvar")
VARIANCES = ("var", "variance", "flux_var", "var_flux")
SNRS = ("snr", "s/n", "sn", "s_n", "s2n", "signal_to_noise", "signal_noise", "flux_snr")
MASKS = ("mask", "and_mask", "andmask", "dq", "qual", "quality")
SDSS_MASKS = ("and_mask", "andmask")
"""Masks whose bits are those of SDSS."""
FROM_SNR = "errors taken as the flux over its signal to noise"
WHOLE = "the flux or its error is stored in whole numbers"


def is_spectrum_table(hdu: Any) -> bool:  # noqa: ANN401 - an HDU of any kind
    """Return whether an HDU is a table with wavelengths and fluxes."""
    if not isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
        return False
    columns: Any = hdu.columns
    names = {name.lower() for name in columns.names}
    return bool(names & {*AXES}) and _flux_name(names) is not None


def fits_columns(hdu: Any) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:  # noqa: ANN401
    """Return the columns of a FITS table, and their units; an empty unit is unknown."""
    columns = {column.name: _without_null(hdu, column) for column in hdu.columns}
    return columns, {column.name: str(column.unit or "") for column in hdu.columns}


def _without_null(hdu: Any, column: Any) -> NDArray[Any]:  # noqa: ANN401 - of astropy
    """Return a column; integers that stand for none (TNULL) become NaN."""
    values = np.asarray(hdu.data[column.name])
    raw = np.asarray(hdu.data.view(np.ndarray)[column.name]) if column.null is not None else values
    if column.null is None or raw.dtype.kind not in "iu" or raw.shape != values.shape:
        return values
    missing = raw == column.null
    return np.where(missing, np.nan, values) if missing.any() else values


def one_spectrum_a_row(columns: Mapping[str, NDArray[Any]]) -> bool:
    """Return whether the cells of a table with wavelengths are arrays."""
    wave = next(v for k, v in columns.items() if k.lower() in AXES)
    return wave.ndim > 1 or wave.dtype == object


def _flux_name(names: set[str]) -> str | None:
    """Return the column of the flux: one so named, or one whose error is named after it."""
    known = [name for name in FLUXES if name in names]
    siblings = sorted(name for name in names if f"{name}_err" in names and "flux" in name)
    return (known + siblings[::-1] + [None])[0]


@np.errstate(all="ignore")  # values of damaged files overflow: they get no weight
def spectrum_of_columns(
    columns: Mapping[str, NDArray[Any]],
    units: Mapping[str, str],
    cards: dict[str, Any],
    name: str,
) -> Recorded:
    """Return the spectrum whose pixels are the rows of some columns.

    Args:
        columns: Name -> values, shape (n_pixel,).
        units: Name -> unit; empty if unknown.
        cards: Header of the file.
        name: Identifier of the object.

    Raises:
        ValueError: There is no column of wavelengths or of fluxes.
    """
    spelled = {key.lower(): key for key in columns}
    wave = next((w for w in AXES if w in spelled), None)
    flux = _flux_name(set(spelled))
    if wave is None or flux is None:
        lacks = "wavelength" if wave is None else "flux"
        raise ValueError(
            f"nearest to a table of a spectrum (columns wavelength, flux, error), but no {lacks} "
            f"column: it has {', '.join(list(columns)[:12])}"
        )
    for key in (spelled[wave], spelled[flux]):
        _require_numbers(key, columns[key])
    mask = next((m for m in MASKS if m in spelled), None)
    variance, errors = _variance(
        {key: columns[own] for key, own in spelled.items()},
        {key: units.get(own, "") for key, own in spelled.items()},
        flux,
    )
    used = [columns[spelled[key]] for key in (flux, errors) if key]
    whole = any(column.dtype.kind in "iu" for column in used)
    return Recorded(
        wave=columns[spelled[wave]].astype(float),
        flux=columns[spelled[flux]].astype(float),
        variance=variance,
        no_errors=f"the table has {flux}, but no column of its errors ({', '.join(ERRORS[:4])}), "
        f"variance, inverse variance or signal to noise; it has {', '.join(list(columns)[:12])}",
        mask=None if mask is None else columns[spelled[mask]],
        sdss_mask=mask in SDSS_MASKS,
        wave_unit=_axis_unit(wave, units[spelled[wave]]),
        axis=OTHER_AXES.get(wave, "wavelength"),
        flux_unit=_flux_unit(flux, units[spelled[flux]] or str(cards.get("BUNIT", ""))),
        cards=cards | ({"AIRORVAC": wave[-3:]} if wave in MEDIUM_WAVES else {}),
        name=name,
        remarks=(WHOLE,) * whole + (FROM_SNR,) * (errors in SNRS),
    )


def _require_numbers(name: str, values: NDArray[Any]) -> None:
    """Raise a ValueError for a column of text."""
    if values.dtype.kind in "US":
        other = next((str(value) for value in values.tolist() if np.isnan(number(value))), "")
        raise ValueError(
            f"bad column: {name} holds text, as {other[:30]!r}, where numbers are expected; "
            "begin lines that are no rows with #"
        )


def _axis_unit(name: str, unit: str) -> str:
    """Return the unit of a spectral axis: of logarithms as their name, or their unit, says."""
    if name in LN_WAVES:
        return "ln(Angstrom)"
    logarithm = unit.lower().startswith(("log", "dex", "ln"))
    return "log" if name in LOG_WAVES and not logarithm else unit


def _flux_unit(name: str, unit: str) -> str:
    """Return the unit of a flux; of one per frequency by its name at least that.

    Raises:
        ValueError: Name and unit contradict each other.
    """
    known = unit_of(unit) if unit else None
    if known is None:
        return "1/Hz" if name in NU_FLUXES else unit
    per_frequency, per_wavelength = known.is_equivalent(Jy), known.is_equivalent(FLUX_UNIT)
    if (name in NU_FLUXES and per_wavelength) or (name in LAMBDA_FLUXES and per_frequency):
        raise ValueError(f"contradiction: the column {name} is in {unit}; rename it, or its unit")
    return unit


def _variance(
    columns: Mapping[str, NDArray[Any]], units: Mapping[str, str], flux: str
) -> tuple[FloatArray | None, str]:
    """Return the variance of the flux from what the table has, and the column, if any."""
    own = (f"{flux}_err", f"{flux}_error", f"err_{flux}", f"e_{flux}")
    for names, power in (((*own, *ERRORS), 2), (VARIANCES, 1), (IVARS, -1)):
        found = next((name for name in names if name in columns), None)
        if found is not None:
            _require_numbers(found, columns[found])
            factor = error_factor(units.get(found, ""), units.get(flux, ""), 2 // power)
            return variance_of(np.asarray(columns[found], dtype=float) * factor, power), found
    found = next((name for name in SNRS if name in columns), None)
    if found is None:
        return None, ""
    _require_numbers(found, columns[found])
    values, ratio = (np.asarray(columns[name], dtype=float) for name in (flux, found))
    sigma = np.where((ratio < 0) & (values > 0), np.nan, np.abs(values / ratio))
    return variance_of(sigma, 2), found
