"""Spectra in tables: FITS, ECSV or CSV, one pixel a row or one spectrum a row."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.units import UnrecognizedUnit
from astropy.utils.exceptions import AstropyWarning
from numpy.typing import NDArray

from data.arrays import FloatArray
from data.ingest.generic.own_grid import Recorded, object_name, unit_of, variance_of

LOG_WAVES = ("loglam", "log_lambda", "loglambda", "log_wave", "logwave", "log_wavelength")
WAVES = ("wave", "wavelength", "lambda", "lam", "wl", "wave_vac", "wave_air", "wavelengths",
         "waves")  # fmt: skip
FLUXES = ("flux", "flux_density", "fluxdensity", "flam", "f_lambda", "flux_lambda", "spec",
          "fluxes")  # fmt: skip
ERRORS = ("err", "error", "flux_err", "flux_error", "err_flux", "fluxerr", "sigma", "e_flux",
          "noise", "std", "eflux", "flux_unc", "uncertainty")  # fmt: skip
IVARS = ("ivar", "flux_ivar", "ivar_flux", "inverse_variance", "invvar")
VARIANCES = ("var", "variance", "flux_var", "var_flux")
MASKS = ("mask", "and_mask", "andmask", "dq", "qual", "quality")
SDSS_MASKS = ("and_mask", "andmask")
"""Masks whose bits are those of SDSS."""
WHOLE = "the flux or its error is stored in whole numbers"
LARGEST_TEXT = 50_000_000
"""Bytes of text that one spectrum may have; more is a catalogue."""
TEXT_FORMATS = {
    ".csv": "ascii.csv", ".ecsv": "ascii.ecsv", ".txt": "ascii", ".dat": "ascii",
    **dict.fromkeys((".vot", ".votable", ".xml"), "votable"),
}  # fmt: skip


def text_table(path: Path) -> Iterator[Recorded]:
    """Yield the spectrum of a text file.

    Raises:
        ValueError: It holds no table of a spectrum.
    """
    if path.stat().st_size > LARGEST_TEXT:
        raise ValueError(
            f"no spectrum: {path.stat().st_size / 1e6:.0f} MB of text are no table of one spectrum"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)  # files that bend the standard
            kind = TEXT_FORMATS[path.suffix.lower()]
            more: dict[str, Any] = {"comment": r"\s*#"} if kind == "ascii.csv" else {}
            if kind == "ascii.csv" and _separated_by_semicolons(path):
                more["delimiter"] = ";"
            table = Table.read(path, format=kind, **more)
    except Exception as error:  # astropy raises many kinds
        raise ValueError(f"no table: {error}") from error
    columns = {str(name): np.ma.filled(table[name], np.nan) if table[name].dtype.kind == "f"
               else np.asarray(table[name]) for name in table.colnames}  # fmt: skip
    units = {name: str(table[name].unit or "") for name in columns}
    cards = {str(key).upper(): value for key, value in table.meta.items()}
    yield spectrum_of_columns(columns, units, cards, object_name(path))


def _separated_by_semicolons(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = (line for line in file if line.strip() and not line.lstrip().startswith("#"))
        first = next(lines, "")
    return ";" in first and "," not in first


def is_spectrum_table(hdu: Any) -> bool:  # noqa: ANN401 - an HDU of any kind
    """Return whether an HDU is a table with wavelengths and fluxes."""
    if not isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
        return False
    columns: Any = hdu.columns
    names = {name.lower() for name in columns.names}
    return bool(names & {*LOG_WAVES, *WAVES}) and _flux_name(names) is not None


def fits_columns(hdu: Any) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:  # noqa: ANN401
    """Return the columns of a FITS table, and their units; an empty unit is unknown."""
    columns = {column.name: np.asarray(hdu.data[column.name]) for column in hdu.columns}
    return columns, {column.name: str(column.unit or "") for column in hdu.columns}


def one_spectrum_a_row(columns: Mapping[str, NDArray[Any]]) -> bool:
    """Return whether the cells of a table with wavelengths are arrays."""
    wave = next(v for k, v in columns.items() if k.lower() in (*LOG_WAVES, *WAVES))
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
    wave = next((w for w in (*LOG_WAVES, *WAVES) if w in spelled), None)
    flux = _flux_name(set(spelled))
    if wave is None or flux is None:
        lacks = "wavelength" if wave is None else "flux"
        raise ValueError(
            f"nearest to a table of a spectrum (columns wavelength, flux, error), but no {lacks} "
            f"column: it has {', '.join(list(columns)[:12])}"
        )
    mask = next((m for m in MASKS if m in spelled), None)
    variance = _variance(
        {key: columns[own] for key, own in spelled.items()},
        {key: units.get(own, "") for key, own in spelled.items()},
        flux,
    )
    errors = [spelled[key] for key in (*ERRORS, *VARIANCES, *IVARS) if key in spelled]
    return Recorded(
        wave=columns[spelled[wave]].astype(float),
        flux=columns[spelled[flux]].astype(float),
        variance=variance,
        no_errors=f"the table has {flux}, but no column of its errors ({', '.join(ERRORS[:4])}), "
        f"variance or inverse variance; it has {', '.join(list(columns)[:12])}",
        mask=None if mask is None else columns[spelled[mask]],
        sdss_mask=mask in SDSS_MASKS,
        wave_unit="log" if wave in LOG_WAVES else units[spelled[wave]],
        flux_unit=units[spelled[flux]] or str(cards.get("BUNIT", "")),
        cards=cards | ({"AIRORVAC": wave[-3:]} if wave in ("wave_vac", "wave_air") else {}),
        name=name,
        remarks=(WHOLE,) * any(columns[key].dtype.kind in "iu" for key in (spelled[flux], *errors)),
    )


def _error_scale(error: str, flux: str) -> float:
    """Return the unit of the errors over that of the flux; 1 where either is not known.

    Raises:
        ValueError: They are of another kind.
    """
    if not error or not flux or error == flux:
        return 1.0
    own, other = unit_of(error), unit_of(flux)
    if isinstance(own, UnrecognizedUnit) or isinstance(other, UnrecognizedUnit):
        return 1.0
    if not own.is_equivalent(other):
        raise ValueError(f"errors in {error}, but the flux in {flux}: one can not be right")
    return float(own.to(other))


def _variance(
    columns: Mapping[str, NDArray[Any]], units: Mapping[str, str], flux: str
) -> FloatArray | None:
    """Return the variance of the flux from its errors, variance or inverse variance, if any."""
    own = (f"{flux}_err", f"{flux}_error", f"err_{flux}")
    for names, power in (((*own, *ERRORS), 2), (VARIANCES, 1), (IVARS, -1)):
        found = next((name for name in names if name in columns), None)
        if found is not None:
            variance = variance_of(columns[found], power)
            return variance * _error_scale(units.get(found, ""), units.get(flux, "")) ** 2 \
                if power == 2 else variance  # fmt: skip
    return None
