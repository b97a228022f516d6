"""Some objects of a mock survey: what they are, their catalogue rows, their spectra."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from data.arrays import FloatArray, IntArray
from data.grid import NORM_RANGE
from data.mock.instrument import Instrument
from data.mock.light import draw_light
from data.mock.noise import record
from data.mock.object_random import ObjectRandom
from data.mock.outliers import (
    OUTLIER_KINDS,
    catalogue_redshift,
    damage,
    distort,
    draw_outliers,
    exposure_factor,
)
from data.mock.population import KINDS, NUCLEI
from data.mock.synthesis import galaxy_flux
from data.mock.templates import BLOCK
from data.mock.truth import truth_columns
from data.mock.variety import silenced

_SECOND = np.uint64(1) << np.uint64(62)
"""Added to the index of an object to draw the galaxy blended with it."""
_STAR, _GALAXY_BLEND = OUTLIER_KINDS.index("star"), OUTLIER_KINDS.index("galaxy blend")


def object_ids(seed: int, index: IntArray) -> list[str]:
    """Return the `object_id` of objects of a survey."""
    return [f"mock-{seed}-{i}" for i in index.tolist()]


class MockObjects:
    """Objects drawn by (seed, index); ordinary galaxies get no spectrum until asked."""

    def __init__(
        self, *, seed: int, index: IntArray, instrument: Instrument, outliers: float,
        population: str = "main", without: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """Draw the objects `index`; `outliers` is the part of them made strange.

        Galaxies are of `population`, one of `data.mock.selection.POPULATIONS`.
        Of `data.mock.variety`, what `without` names is left out.
        """
        self.random = ObjectRandom(seed=seed, index=index, silenced=silenced(without))
        self.instrument = instrument
        self.outlier = draw_outliers(self.random, outliers)
        self.population = population
        self.light = draw_light(self.random, instrument, self.outlier, population)
        z_err = 2e-4 / self.light.snr * 10 ** self.random.normal("z_err", 0.0, 0.15)
        z = self.light.z + z_err * self.random.normal("z error")
        self.z_err, self.z = z_err, catalogue_redshift(self.random, self.outlier, z)
        self.norm, self.snr = self.light.norm.copy(), self.light.snr.copy()
        self.exposure = self.light.noise * exposure_factor(self.random, self.outlier)
        self._strange = np.flatnonzero(self.outlier)
        self.z_second = np.full(len(self.z), np.nan)
        self._strange_flux = self._distorted(self._strange)
        for row, flux in zip(self._strange, self._strange_flux, strict=True):
            self.norm[row], self.snr[row] = self._measure(int(row), flux)

    def spectra(self) -> tuple[FloatArray, FloatArray]:
        """Return normalised flux and its ivar as recorded, float32, (n_galaxy, n_pixel)."""
        flux = np.empty((len(self.z), self.instrument.grid.n_pixel), dtype=np.float32)
        ivar = np.empty_like(flux)
        for start in range(0, len(flux), BLOCK):
            part = slice(start, start + BLOCK)
            flux[part] = galaxy_flux(self.light.take(part), self.instrument)
        flux[self._strange] = self._strange_flux
        record(flux, ivar, self.random, self.instrument, exposure=self.exposure)
        if len(self._strange):
            damage(flux, ivar, self.random, self.outlier, level=self.norm,
                   instrument=self.instrument)  # fmt: skip
        norm = self.norm[:, None].astype(np.float32)
        flux /= norm
        ivar *= norm**2
        return flux, ivar

    def frame(self) -> pd.DataFrame:
        """Return catalogue rows: what a survey reports, and the truth."""
        random, light, galaxies = self.random, self.light, self.light.galaxies
        known = np.where(self.outlier == _STAR, np.nan, 1.0)  # a star has no galaxy's truth
        return pd.DataFrame(
            {
                "object_id": object_ids(random.seed, random.index),
                "ra": random.uniform("ra", 110.0, 260.0),
                "dec": np.degrees(np.arcsin(random.uniform("dec", -0.06, 0.88))),
                "z": self.z,
                "z_err": self.z_err,
                "class": "GALAXY",
                "subclass": _subclass(light),
                "snr": self.snr,
                "log_mass": galaxies.log_mass * known,
                "log_ssfr": light.log_ssfr * known,
                "a_v": galaxies.gas.a_v * known,
                "norm": self.norm,
                "r_mag": light.r_mag * known,
                "z_true": np.where(self.outlier == _STAR, 0.0, light.z),
                "age": light.age / 1e9 * known,
                "metallicity": galaxies.metallicity * known,
                "gas_metallicity": galaxies.gas.metallicity * known,
                "log_u": galaxies.gas.log_u * known,
                "vdisp": galaxies.vdisp * known,
                "gas_vdisp": galaxies.gas.vdisp * known,
                "population": np.array(KINDS, dtype=object)[galaxies.kind],
                "nucleus": np.array(NUCLEI, dtype=object)[galaxies.nucleus],
                "outlier_kind": np.array(OUTLIER_KINDS, dtype=object)[self.outlier],
                "z_second": self.z_second,
            }
            | self._truth(known)
        )

    def _truth(self, known: FloatArray) -> dict[str, Any]:
        """Return the columns of `data.mock.truth`, empty where there is no galaxy."""
        columns = truth_columns(self.light)
        if self.population == "deep":
            columns["target"] = np.where(self.light.red, "LRG", "BGS").astype(object)
        no_galaxy = np.isnan(known)
        return {
            name: np.where(no_galaxy, "" if values.dtype == object else np.float32(np.nan), values)
            for name, values in columns.items()
        }

    def _distorted(self, rows: IntArray) -> FloatArray:
        """Return the true spectra of strange objects, 1e-17 cgs, (n_row, n_pixel)."""
        if not len(rows):
            return np.zeros((0, self.instrument.grid.n_pixel), dtype=np.float32)
        random, outlier, light = self.random.take(rows), self.outlier[rows], self.light.take(rows)
        flux = galaxy_flux(light, self.instrument)
        second = np.zeros_like(flux)
        blends = np.flatnonzero(outlier == _GALAXY_BLEND)
        if len(blends):
            others = ObjectRandom(
                seed=random.seed, index=random.index[blends] + _SECOND, silenced=random.silenced
            )
            other = draw_light(others, self.instrument, np.zeros_like(blends), self.population)
            second[blends] = galaxy_flux(other, self.instrument)
            self.z_second[rows[blends]] = other.z
        return distort(flux, random, outlier, z=light.z, second=second, instrument=self.instrument)

    def _measure(self, row: int, flux: FloatArray) -> tuple[float, float]:
        """Return norm (1e-17 cgs) and median S/N per pixel of a true spectrum."""
        wave = self.instrument.grid.wave
        rest = wave / (1 + self.z[row])
        seen = (wave > self.instrument.covered[0]) & (wave < self.instrument.covered[1])
        middle = seen & (rest > NORM_RANGE[0]) & (rest < NORM_RANGE[1])
        error = self.instrument.error(wave, flux) * self.exposure[row]
        return float(np.median(flux[middle])), float(np.median((flux / error)[seen]))


def _subclass(light: Any) -> Any:  # noqa: ANN401
    """Return the subclass the SDSS pipeline would give."""
    return np.select(
        [
            light.galaxies.nucleus == NUCLEI.index("broad-line"),
            light.galaxies.nucleus == NUCLEI.index("Seyfert"),
            light.halpha_ew > 50,
            light.halpha_ew > 4,
        ],
        ["AGN BROADLINE", "AGN", "STARBURST", "STARFORMING"],
        "",
    ).astype(object)
