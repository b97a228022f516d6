"""What the lines of each object of an atlas measure: in its spectrum, and in the model's.

Columns end in `_data` or `_model`; those of the data have `_data_err` (1 sigma) beside them. Lines
of both are without the absorption of the stars, which the 4000 Angstrom break of the model tells:
it is free of noise, and there at every redshift. The model is measured in the rest frame, also
where the spectrum does not reach.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from data.arrays import BoolArray, FloatArray
from data.lines.classes import QSO, broad_halpha, line_classes
from data.lines.indices import measure
from data.lines.stellar import STARS, corrected, without_stars
from data.rounding import four_digits
from data.spectra import Spectra
from model.attribution.target import line_target

RATIOS = ("log_nii_halpha", "log_oiii_hbeta")
HALPHA = line_target("Hα")
"""Height of H-alpha above its continuum (Melchior+2022, section 4.3)."""


def line_columns(
    spectra: Spectra,
    rest: FloatArray,
    wave_rest: FloatArray,
    catalog: pd.DataFrame,
    *,
    flux: FloatArray,
    covered: BoolArray,
) -> dict[str, NDArray]:
    """Measure spectra and their reconstructions.

    Args:
        spectra: Observed spectra.
        rest: Decoded spectra, shape (n_galaxy, n_rest).
        wave_rest: Their wavelengths, Angstrom, shape (n_rest,).
        catalog: Rows of the objects; `norm` and `class` are used if there.
        flux: The reconstruction on the spectra's grid, shape (n_galaxy, n_pixel): what masked
            pixels of a line are taken for, if half of it is observed.
        covered: Where it reaches, same shape.

    Returns:
        Columns of shape (n_galaxy,): of each line `flux_*` (1e-17 erg/s/cm2; only with `norm`)
        and `ew_*` (Angstrom), `d4000`, `hdelta_a` (Angstrom), BPT coordinates, `l_halpha`
        (normalised flux), `ew_halpha_wings` (Angstrom), `line_class`.
    """
    wave = spectra.wave / (1 + spectra.z)[:, None]
    fill = np.where(covered, flux, np.nan)
    data = measure(wave, spectra.flux, spectra.ivar, fill=fill)
    model = measure(wave_rest, rest)
    stars = np.where(np.isfinite(model["d4000"]), model["d4000"], data["d4000"])
    scale = None
    if "norm" in catalog:
        scale = catalog["norm"].to_numpy(float) * (1 + spectra.z)
    of_data, of_model = _numbers(data, stars, scale), _numbers(model, stars, scale)
    of_data |= halpha_height(spectra, rest, wave_rest)
    of_model["l_halpha"] = _height(rest, wave_rest)
    columns: dict[str, NDArray] = {}
    for name, values in of_data.items():
        bare = name.removesuffix("_err")
        columns[f"{bare}_data" + name[len(bare) :]] = four_digits(values)
    columns |= {f"{n}_model": four_digits(v) for n, v in of_model.items() if "_err" not in n}
    quasar = catalog["class"].to_numpy() == QSO if "class" in catalog else False
    lines = without_stars(data, stars)
    columns["line_class_data"] = line_classes(lines, broad_halpha(data) | quasar)
    columns["line_class_model"] = line_classes(
        _noisy(without_stars(model, stars), lines), broad_halpha(_noisy(model, data))
    )
    return columns


def halpha_height(
    spectra: Spectra, rest: FloatArray, wave_rest: FloatArray
) -> dict[str, FloatArray]:
    """Return `l_halpha` of spectra and its error, shape (n_galaxy,), in normalised flux.

    Args:
        spectra: Observed spectra, of which the pixels nearest to those of `rest` count.
        rest: Decoded spectra, shape (n_galaxy, n_rest): what masked pixels are taken for.
        wave_rest: Their wavelengths, Angstrom, shape (n_rest,).

    Returns:
        NaN where the pixel at 6564.6 Angstrom is masked or not observed. The error is that of
        this pixel.
    """
    near = (wave_rest >= HALPHA.first - 1) & (wave_rest <= HALPHA.last + 1)
    wave, model = wave_rest[near], rest[:, near]
    if not len(wave):
        return {name: np.full(len(spectra), np.nan) for name in ("l_halpha", "l_halpha_err")}
    pixel = np.rint(spectra.grid.pixel(wave * (1 + spectra.z)[:, None])).astype(int)
    inside = (pixel >= 0) & (pixel < spectra.grid.n_pixel)
    pixel = pixel.clip(0, spectra.grid.n_pixel - 1)
    ivar = np.where(inside, np.take_along_axis(spectra.ivar, pixel, axis=1), 0.0)
    flux = np.where(ivar > 0, np.take_along_axis(spectra.flux, pixel, axis=1), model)
    peak = ivar[:, np.abs(wave - (HALPHA.at or 0.0)).argmin()]
    error = 1 / np.sqrt(np.where(peak > 0, peak, np.nan))
    return {"l_halpha": _height(flux, wave) + 0 * error, "l_halpha_err": error}


def _height(rest: FloatArray, wave: FloatArray) -> FloatArray:
    """Return the height of H-alpha, NaN where the wavelengths do not hold it."""
    if HALPHA.first < wave[0] or HALPHA.last > wave[-1]:
        return np.full(len(rest), np.nan)
    return HALPHA.value(torch.as_tensor(rest, dtype=torch.float64), wave).numpy()


def _numbers(
    measured: Mapping[str, FloatArray], stars: FloatArray, scale: FloatArray | None
) -> dict[str, FloatArray]:
    """Return the numbers of `line_columns` but for the height, with their errors."""
    lines, other = without_stars(measured, stars), corrected(measured, stars)
    result: dict[str, FloatArray] = {}
    for name in STARS:
        for ending in ("", "_err"):
            if scale is not None:
                result[f"flux_{name}{ending}"] = lines[f"flux_{name}{ending}"] * scale
            result[f"ew_{name}{ending}"] = lines[f"ew_{name}{ending}"]
    for name in ("d4000", "hdelta_a"):
        result[name] = other.get(name, measured[name])
        known = measured.get(f"{name}_err", np.full(len(stars), np.nan))
        result[f"{name}_err"] = other.get(f"{name}_err", known)
    for name in RATIOS:
        result |= {name: other[name], f"{name}_err": other[f"{name}_err"]}
    wings = [f"ew_halpha_{side}_wing" for side in ("blue", "red")]
    result["ew_halpha_wings"] = measured[wings[0]] + measured[wings[1]]
    return result


def _noisy(
    model: Mapping[str, FloatArray], data: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Return measures of the model with the errors of the data, where there are any."""
    errors = {name: values for name, values in data.items() if name.endswith("_err")}
    own = {name: model.get(name, np.zeros_like(values)) for name, values in errors.items()}
    return dict(model) | {
        name: np.where(np.isfinite(values), values, own[name]) for name, values in errors.items()
    }
