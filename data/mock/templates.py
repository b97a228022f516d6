"""The stellar and nebular templates of the mock survey, read from `data/templates`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from data.arrays import FloatArray
from data.grid import WaveGrid

FOLDER = Path(__file__).resolve().parent.parent / "templates"
GRID = WaveGrid(scale="log", start=3.301, step=1e-4, n_pixel=7203)
"""Rest-frame grid of the templates; its pixels are those of SDSS."""
N_FFT = 8192
"""Length of the Fourier transforms: the grid, and pixels that lead smoothly from its end back to
its start, since a transform takes a spectrum for periodic."""
YOUNG_EDGES = np.concatenate([[0.0], np.geomspace(1e6, 1e7, 6)])
OLD_EDGES = np.geomspace(1e7, 1.38e10, 43)
"""Edges of the bins of stellar age, yr: in birth clouds, and out of them."""
BLOCK = 64
"""Rows of every matrix product: results must not depend on how many rows are asked for."""


@dataclass(frozen=True)
class Component:
    """Spectra as sums of a few basis spectra.

    Attributes:
        basis: Flux, L_sun / Angstrom, float32, shape (n_basis, n_pixel) on `GRID`.
        coefficients: Per M_sun formed at each metallicity and age bin, shape
            (n_metallicity, n_age, n_basis); of nebular emission (.., n_log_u, n_age, n_basis).
    """

    basis: FloatArray
    coefficients: FloatArray

    def transform(self) -> FloatArray:
        """Return the Fourier transform of the basis as pairs of float32, (n_basis, n_FFT + 2)."""
        weight = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, N_FFT - self.basis.shape[1] + 2)[1:-1])
        bridge = self.basis[:, -1:] * (1 - weight) + self.basis[:, :1] * weight
        closed = np.concatenate([self.basis, bridge], axis=1)
        return np.fft.rfft(closed).astype(np.complex64).view(np.float32)


@dataclass(frozen=True)
class Templates:
    """Everything the synthesis of galaxies needs.

    Attributes:
        log_metallicity: log10(Z / Z_sun) of the grids, shape (n_metallicity,).
        log_u: Ionisation parameters of the nebular grids, shape (n_log_u,).
        young: Stars up to 10 Myr, in bins `YOUNG_EDGES`.
        old: Older stars, in bins `OLD_EDGES`.
        nebular: Nebular continuum of the young bins.
        line_wave: Vacuum wavelengths of the nebular lines, Angstrom, shape (n_line,).
        lines: L_sun per M_sun formed, shape (n_metallicity, n_log_u, n_young, n_line).
        live_fraction: Mass left in stars and remnants of all bins, young first,
            shape (n_metallicity, n_young + n_old).
    """

    log_metallicity: FloatArray
    log_u: FloatArray
    young: Component
    old: Component
    nebular: Component
    line_wave: FloatArray
    lines: FloatArray
    live_fraction: FloatArray


@cache
def load_templates() -> Templates:
    """Read the tables and average them over the age bins."""
    with np.load(FOLDER / "stellar.npz") as file:
        stellar = {name: file[name] for name in file}
    with np.load(FOLDER / "nebular.npz") as file:
        nebular = {name: file[name] for name in file}
    parts = {
        name: Component(
            stellar[f"{name}_basis"],
            _bin_ages(stellar[f"{name}_coefficients"], stellar[f"{name}_age"], edges, axis=1),
        )
        for name, edges in (("young", YOUNG_EDGES), ("old", OLD_EDGES))
    }
    ages = np.concatenate([YOUNG_EDGES, OLD_EDGES[1:]])
    return Templates(
        log_metallicity=np.log10(stellar["metallicity"]),
        log_u=nebular["log_u"],
        young=parts["young"],
        old=parts["old"],
        nebular=Component(
            nebular["basis"],
            _bin_ages(nebular["coefficients"], nebular["age"], YOUNG_EDGES, axis=2),
        ),
        line_wave=nebular["line_wave"],
        lines=_bin_ages(nebular["lines"], nebular["age"], YOUNG_EDGES, axis=2),
        live_fraction=_bin_ages(stellar["live_fraction"], stellar["live_age"], ages, axis=1),
    )


def row_product(rows: FloatArray, matrix: FloatArray) -> FloatArray:
    """Return `rows @ matrix`, each row bit for bit the same whatever rows come with it.

    Not by BLAS: with some of its kernels the bits depend on where in a block a row stands.
    """
    return np.einsum("ik,kj->ij", rows, matrix, optimize=False)


def _bin_ages(values: FloatArray, ages: FloatArray, edges: FloatArray, *, axis: int) -> Any:  # noqa: ANN401
    """Average a table over bins of age, as if stars formed at a constant rate within each."""
    dense = np.concatenate([np.linspace(low, high, 41)[:-1] + (high - low) / 80 for low, high in
                            zip(edges[:-1], edges[1:], strict=True)])  # fmt: skip
    upper = np.searchsorted(ages, dense).clip(1, len(ages) - 1)
    low, high = ages[upper - 1], ages[upper]
    weight = ((dense - low) / (high - low)).clip(0, 1)
    table = np.moveaxis(values, axis, -1).astype(float)
    fine = table[..., upper - 1] * (1 - weight) + table[..., upper] * weight
    binned = fine.reshape(*fine.shape[:-1], len(edges) - 1, 40).mean(axis=-1)
    return np.ascontiguousarray(np.moveaxis(binned, -1, axis), dtype=np.float32)
