"""Samples of galaxies to compare: mocks, and real ones of SDSS, in the same form."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import FloatArray, IntArray
from data.ingest.command import ingest
from data.ingest.config import IngestConfig
from data.mock.survey import MockSurvey
from data.sky import object_groups
from data.survey import Survey


@dataclass(frozen=True)
class Sample:
    """Spectra on the SDSS grid with their catalogue.

    Attributes:
        name: Shown in figures.
        wave: Observed vacuum wavelengths, Angstrom, shape (n_pixel,).
        flux: Normalised flux, shape (n_galaxy, n_pixel).
        ivar: Its inverse variance, 0 where masked, same shape.
        z: Catalogue redshifts, shape (n_galaxy,).
        catalog: One row a galaxy.
    """

    name: str
    wave: FloatArray
    flux: FloatArray
    ivar: FloatArray
    z: FloatArray
    catalog: pd.DataFrame

    def __len__(self) -> int:
        """Return the number of galaxies."""
        return len(self.z)

    def take(self, rows: IntArray) -> Sample:
        """Return some of the galaxies."""
        catalog = self.catalog.iloc[rows].reset_index(drop=True)
        return Sample(self.name, self.wave, self.flux[rows], self.ivar[rows], self.z[rows], catalog)


def mock_sample(
    n: int, *, seed: int, instrument: str = "sdss", name: str = "mock", **settings: Any
) -> Sample:
    """Make a mock survey without injected outliers."""
    survey = MockSurvey(n=n, seed=seed, instrument=instrument, outliers=0.0, **settings)
    spectra = survey.read(slice(None))
    return Sample(
        name, survey.grid.wave, spectra.flux.astype(float), spectra.ivar.astype(float),
        spectra.z, survey.catalog,
    )  # fmt: skip


def real_sample(folder: Path) -> Sample:
    """Read the clean SDSS galaxies of a folder of spectra, as `python -m data ingest` does.

    Galaxies the pipeline is sure of, 0.003 < z < 0.5 and S/N of 5 or more a pixel; the column
    `group` numbers the objects.
    """
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "survey"
        ingest(IngestConfig(path=(folder,), out=out, instrument="sdss", snr=5.0, jobs=1))
        survey = Survey(out)
        rows = survey.catalog
        kept = rows["z"].between(0.003, 0.5) & rows["zwarning"].isin([0, 16])
        kept &= rows["instrument"] == "sdss"
        chosen = np.flatnonzero(kept)
        spectra = survey.read(chosen.tolist())
    catalog = rows.iloc[chosen].reset_index(drop=True)
    catalog["group"] = object_groups(
        catalog["ra"].to_numpy(), catalog["dec"].to_numpy(), radius=3.0
    )
    return Sample(
        "SDSS", spectra.wave, spectra.flux.astype(float), spectra.ivar.astype(float), spectra.z,
        catalog,
    )  # fmt: skip
