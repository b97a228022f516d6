"""The numbers of realism: mocks against published distributions and against real galaxies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.io import fits

from benchmarks.realism import linear
from benchmarks.realism.emission import measure_lines
from benchmarks.realism.overlap import (
    overlap,
    overlap_density,
    overlap_expected,
    overlap_relation,
    overlap_shares,
)
from benchmarks.realism.published import (
    ATTENUATION,
    CLASS_SHARES,
    MAIN_SEQUENCE,
    MASS_METALLICITY,
    redshift_density,
)
from benchmarks.realism.quantities import (
    OTHERS,
    RATIOS,
    above_kauffmann,
    alike,
    class_shares,
    quantities,
)
from benchmarks.realism.samples import Sample
from data.arrays import BoolArray, FloatArray
from data.mock.calibrations import SOLAR_OXYGEN

REDSHIFTS = np.linspace(0.003, 0.4, 400)
_N_COMPONENT = 10
_HALPHA_CURVE, _HBETA_CURVE = 3.327, 4.598
"""k(wavelength) of Calzetti+2000, with which Garn & Best turn decrements into attenuations."""


@dataclass(frozen=True)
class Measured:
    """A sample and what is measured on its spectra (`benchmarks.realism.quantities`)."""

    sample: Sample
    table: pd.DataFrame


def measured(sample: Sample) -> Measured:
    """Measure a sample."""
    return Measured(sample, quantities(sample, measure_lines(sample)))


def star_forming(catalog: pd.DataFrame) -> BoolArray:
    """Return which mocks form stars and have no nucleus."""
    forming = catalog["population"].isin(["star-forming", "starburst"])
    return (forming & (catalog["nucleus"] == "")).to_numpy()


def attenuation(catalog: pd.DataFrame) -> FloatArray:
    """Return A(H-alpha) of mocks, mag, from their emitted decrement (Garn & Best 2010, eq. 1)."""
    decrement = (catalog["flux_halpha"] / catalog["flux_hbeta"]).to_numpy(dtype=float)
    return 2.5 * _HALPHA_CURVE / (_HBETA_CURVE - _HALPHA_CURVE) * np.log10(decrement / 2.86)


def published_rows(catalog: pd.DataFrame, mock: Measured) -> list[tuple[str, str, float]]:
    """Return quantity, source and common area of each published distribution.

    Args:
        catalog: The truth of a large mock survey.
        mock: Mocks measured as real spectra are.
    """
    rows = catalog.iloc[np.flatnonzero(star_forming(catalog))]
    mass = rows["log_mass"].to_numpy()
    values = (
        (MAIN_SEQUENCE, rows["log_ssfr"].to_numpy()),
        (MASS_METALLICITY, rows["gas_metallicity"].to_numpy() + SOLAR_OXYGEN),
        (ATTENUATION, attenuation(rows)),
    )
    found = [
        (f"{relation.label} at each mass", relation.source, overlap_relation(relation, mass, value))
        for relation, value in values
    ]
    z = catalog.loc[catalog["r_mag"] > 14.5, "z"].to_numpy()
    area = overlap_density(z, REDSHIFTS, redshift_density(REDSHIFTS))
    found.append(("redshift, 14.5 < r < 17.77", "luminosity function of Blanton+2003", area))
    shares = overlap_shares(class_shares(mock.table), CLASS_SHARES)
    found.append(("classes by emission lines", "Brinchmann+2004, table 1", shares))
    return found


def rates(catalog: pd.DataFrame, mock: Measured) -> dict[str, float]:
    """Return parts of the mocks that must be small, or that a paper states."""
    width = catalog["ew_halpha"].to_numpy()
    seen = star_forming(mock.sample.catalog) & mock.table["four"].to_numpy()
    dwarfs = star_forming(catalog) & (catalog["log_mass"] < 9.3).to_numpy()
    return {
        "EW(Hα) > 500 Å": float((width > 500).mean()),
        "EW(Hα) > 200 Å": float((width > 200).mean()),
        "EW(Hα) > 100 Å": float((width > 100).mean()),
        "EW(Hα) > 100 Å, of those below 10^9.3 M_sun": float((width[dwarfs] > 100).mean()),
        "star-forming without nucleus, measured above Kauffmann's line": float(
            above_kauffmann(mock.table)[seen].mean()
        ),
    }


def real_rows(real: Measured, mock: Measured) -> pd.DataFrame:
    """Return, for each quantity, how mocks and real galaxies agree.

    Columns: `quantity`; `n` real galaxies; `all`, common area with all mocks; `alike`, with mocks
    as strong in H-alpha, as old and of the same S/N; `at best`, that of a sample of `n` drawn from
    the same distribution.
    """
    near = mock.table.iloc[alike(real.table, mock.table)]
    rows = []
    for name, label in (RATIOS | OTHERS).items():
        values = real.table[name].to_numpy()
        n = int(np.isfinite(values).sum())
        rows.append((label, n, overlap(values, mock.table[name].to_numpy()),
                     overlap(values, near[name].to_numpy()), overlap_expected(n)))  # fmt: skip
    return pd.DataFrame(rows, columns=["quantity", "n", "all", "alike", "at best"])


def component_chi2(real: Sample, mock: Sample) -> tuple[FloatArray, FloatArray]:
    """Return reduced chi2 of real galaxies by components of mocks, and by those of other real."""
    flux, weight = linear.to_rest(real)
    by_mock = linear.reduced_chi2(
        flux, weight, *linear.components(*linear.to_rest(mock), _N_COMPONENT)
    )
    group = real.catalog["group"].to_numpy()
    return by_mock, linear.chi2_left_out(flux, weight, group, _N_COMPONENT)


def eigenspectra_spanned(path: Path, mock: Sample, n_component: int = 20) -> FloatArray:
    """Return the part of each eigenspectrum of Yip+2004 that components of mocks span.

    Args:
        path: Their file, columns WAVE and PCA.
        mock: Mocks.
        n_component: Their mean and one less than so many components are taken.
    """
    with fits.open(path) as file:
        hdus: list = list(file)
        table = hdus[1].data
        wave, spectra = table["WAVE"][0].astype(float), table["PCA"][0].astype(float)
    half = 10 ** (0.5 * linear.REST.step)
    edges = np.append(linear.REST.wave / half, linear.REST.wave[-1] * half)
    mean, vectors = linear.components(*linear.to_rest(mock), n_component - 1)
    binned = []
    for spectrum in spectra:
        integral = np.concatenate([[0], np.cumsum(spectrum[:-1] * np.diff(wave))])
        binned.append(np.diff(np.interp(edges, wave, integral)) / np.diff(edges))
    return linear.share_spanned(np.vstack([mean, vectors]), np.array(binned))
