"""A source of spectra seen as a model of rest-frame spectra sees them, to train from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from data.arrays import IndexArray
from data.grid import WaveGrid
from data.parts import DEFAULT_CHUNK, read_parts
from data.rest_frame.infill import Infill, fit_infill
from data.rest_frame.preparation import MOST_MISSING, Preparation, Prepared, prepare
from data.spectra import Part, Spectra, SpectrumSource
from model.splits import evenly

_ROWS = 1024
MOST_FITTED = 10_000
"""Spectra that the filling of gaps is learnt from, at most."""


class PreparedSource:
    """Prepared spectra of a source: at redshift 0, on the rest-frame grid."""

    def __init__(self, source: SpectrumSource, preparation: Preparation, infill: Infill) -> None:
        """Prepare what is read from `source`; pixels that were filled in have `ivar` 0."""
        self.source, self.preparation, self.infill = source, preparation, infill
        self.chunk_rows = int(getattr(source, "chunk_rows", DEFAULT_CHUNK))

    @property
    def grid(self) -> WaveGrid:
        """Rest-frame grid."""
        return self.preparation.rest_grid

    @property
    def parts(self) -> tuple[Part, ...]:
        """One part with all rows: the rest frame is the same for all instruments."""
        return (Part(name="rest frame", grid=self.grid, start=0, stop=len(self)),)

    @property
    def catalog(self) -> pd.DataFrame:
        """The catalogue of the source."""
        return self.source.catalog

    @property
    def ids(self) -> NDArray[Any]:
        """The ids of the source."""
        return self.source.ids

    def ids_of(self, rows: IndexArray) -> NDArray[Any]:
        """Return the ids of some rows of the source."""
        return self.source.ids_of(rows)

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.source)

    def read(self, indices: NDArray[Any] | list[int] | slice) -> Spectra:
        """Return prepared spectra of some rows."""
        prepared = prepare(self.source.read(indices), self.preparation, self.infill)
        n_galaxy = len(prepared.flux)
        return Spectra(grid=self.grid, flux=prepared.flux, ivar=prepared.ivar, z=np.zeros(n_galaxy))

    def reference(self) -> dict[str, Any]:
        """Return what the source is opened with; the preparation is the model's."""
        return self.source.reference()


def prepare_rows(
    source: SpectrumSource,
    rows: IndexArray,
    preparation: Preparation,
    infill: Infill | None = None,
) -> Prepared:
    """Prepare spectra of some rows of a source, whatever grids they lie on."""
    shape = (len(rows), preparation.rest_grid.n_pixel)
    flux, ivar = np.empty(shape, np.float32), np.empty(shape, np.float32)
    observed, scale = np.empty(shape, bool), np.empty(len(rows), np.float32)
    for places, spectra in read_parts(source, rows):
        part = prepare(spectra, preparation, infill)
        flux[places], ivar[places] = part.flux, part.ivar
        observed[places], scale[places] = part.observed, part.scale
    return Prepared(flux=flux, ivar=ivar, observed=observed, scale=scale)


def suitable(
    source: SpectrumSource, rows: IndexArray, preparation: Preparation, *, progress: bool
) -> tuple[IndexArray, dict[str, int]]:
    """Return the rows that a preparation is for, and how many are left out for which reason.

    Args:
        source: Where the spectra are.
        rows: Rows to choose from.
        preparation: Limits of redshift and signal-to-noise; a spectrum with more than half of
            the rest frame missing is never learnt from.
        progress: Show a bar.
    """
    catalog = source.catalog.iloc[rows]
    z = catalog["z"].to_numpy(float)
    far = ~((z >= preparation.z_min) & (z <= preparation.z_max))
    faint = np.zeros(len(rows), dtype=bool)
    if preparation.min_snr and "snr" in catalog:
        faint = ~(catalog["snr"].to_numpy(float) > preparation.min_snr) & ~far
    left = rows[~far & ~faint]
    bar = tqdm(total=len(left), desc="checking", unit="spectra", disable=not progress)
    sparse = np.zeros(len(left), dtype=bool)
    for start in range(0, len(left), _ROWS):
        part = slice(start, start + _ROWS)
        sparse[part] = prepare_rows(source, left[part], preparation).missing > MOST_MISSING
        bar.update(len(left[part]))
    bar.close()
    reasons = {
        f"redshift outside {preparation.z_min:g} to {preparation.z_max:g}": int(far.sum()),
        f"S/N not above {preparation.min_snr:g}": int(faint.sum()),
        "more than half of the rest frame missing": int(sparse.sum()),
    }
    return left[~sparse], {reason: count for reason, count in reasons.items() if count}


def learn_infill(
    source: SpectrumSource, rows: IndexArray, preparation: Preparation
) -> tuple[Infill, Prepared]:
    """Fit the filling of gaps to training spectra; return it, and those spectra prepared.

    Args:
        source: Where the spectra are.
        rows: Training rows; at most `MOST_FITTED` of them, evenly spaced, are used.
        preparation: How.
    """
    some = evenly(rows, MOST_FITTED)
    first = prepare_rows(source, some, preparation)
    infill = fit_infill(first.flux, first.observed)
    return infill, prepare_rows(source, some, preparation, infill)
