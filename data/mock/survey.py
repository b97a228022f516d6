"""Mock surveys: galaxies with known truth, synthesised on demand or written to disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from data.arrays import FloatArray, IndexArray, IntArray
from data.commands import setting
from data.grid import NORM_RANGE, WaveGrid
from data.mock.instrument import MOCK_INSTRUMENTS
from data.mock.objects import MockObjects, object_ids
from data.mock.selection import POPULATIONS
from data.mock.variety import VARIETY, silenced
from data.processes import map_in_order
from data.spectra import Part, Spectra
from data.survey_writer import SurveyWriter

ROWS_AT_ONCE = 512
"""Spectra synthesised at a time by `read`, which bounds its memory."""
WRITE_ROWS = 512
"""Spectra synthesised by a process and written at a time."""
CATALOG_ROWS = 8192
"""Catalogue rows made at a time."""
RECIPE = 6
"""Number of the recipe: it grows whenever the spectrum of an object changes, so that an atlas
never shows spectra that are not its own."""


class MockSurvey:
    """A mock survey made on demand; a `data.spectra.SpectrumSource`.

    Object i depends on (seed, i, instrument, outliers) alone: whatever is asked for, in whatever
    order, it is the same to the last bit on one machine.

    Example:
        >>> survey = MockSurvey(n=1_000_000, seed=1)
        >>> survey.read([123_456, 7]).flux.shape
        (2, 3921)
    """

    def __init__(
        self, *, n: int, seed: int, instrument: str = "sdss", outliers: float = 0.01,
        population: str = "main", without: tuple[str, ...] | list[str] = (),
    ) -> None:  # fmt: skip
        """Describe a survey; nothing is synthesised yet.

        Args:
            n: Number of objects, at least 1.
            seed: Any integer >= 0.
            instrument: `sdss`, `boss` or `desi`.
            outliers: Part of the objects made strange, 0 to 1.
            population: `main`, `deep` or `training`, see `data.mock.selection`.
            without: What to leave out of `data.mock.variety.VARIETY`.

        Raises:
            ValueError: A setting is out of its range.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        if not 0 <= seed < 2**63:
            raise ValueError(f"seed must be an integer from 0 to 2^63 - 1, got {seed}")
        if instrument not in MOCK_INSTRUMENTS:
            raise ValueError(
                f"instrument must be one of {list(MOCK_INSTRUMENTS)}, got {instrument}"
            )
        if not 0 <= outliers <= 1:
            raise ValueError(f"outliers must be a part from 0 to 1, got {outliers}")
        if population not in POPULATIONS:
            raise ValueError(f"population must be one of {list(POPULATIONS)}, got {population}")
        silenced(tuple(without))
        self.seed, self.outliers, self.without = seed, outliers, tuple(without)
        self.population = population
        self.instrument = MOCK_INSTRUMENTS[instrument]
        self._n = n

    def __len__(self) -> int:
        """Return the number of objects."""
        return self._n

    @property
    def grid(self) -> WaveGrid:
        """Observed-frame grid."""
        return self.instrument.grid

    @property
    def parts(self) -> tuple[Part, ...]:
        """All rows: they lie on one grid."""
        return (Part(self.instrument.name, self.grid, 0, self._n),)

    @property
    def ids(self) -> NDArray[Any]:
        """`object_id` of each row, as text; at once, unlike the catalogue."""
        return self.ids_of(np.arange(self._n))

    def ids_of(self, rows: IndexArray) -> NDArray[Any]:
        """Return the `object_id` of some rows."""
        return np.array(object_ids(self.seed, rows), dtype=object)

    @property
    def catalog(self) -> pd.DataFrame:
        """One row per object, made without making spectra of ordinary galaxies."""
        return self._catalog

    @cached_property
    def _catalog(self) -> pd.DataFrame:
        blocks = [self.rows(index) for index in _blocks(self._n, CATALOG_ROWS)]
        return pd.concat(blocks, ignore_index=True)

    def rows(self, indices: FloatArray | IntArray | list[int] | slice) -> pd.DataFrame:
        """Return catalogue rows of some objects."""
        index = self._indices(indices)
        return self._objects(index).frame()

    def read(self, indices: FloatArray | list[int] | slice) -> Spectra:
        """Return the spectra of some rows, in the order asked for (repeats allowed)."""
        index = self._indices(indices)
        flux = np.empty((len(index), self.grid.n_pixel), dtype=np.float32)
        ivar, z = np.empty_like(flux), np.empty(len(index))
        for part in _slices(len(index), ROWS_AT_ONCE):
            objects = self._objects(index[part])
            flux[part], ivar[part] = objects.spectra()
            z[part] = objects.z
        return Spectra(grid=self.grid, flux=flux, ivar=ivar, z=z)

    def reference(self) -> dict[str, Any]:
        """Return JSON-ready values from which `data.source.open_source` opens it again."""
        return {
            "kind": "mock",
            "recipe": RECIPE,
            "n": self._n,
            "seed": self.seed,
            "instrument": self.instrument.name,
            "outliers": self.outliers,
            "population": self.population,
            "without": list(self.without),
        }

    def blocks(
        self, rows: int, *, jobs: int = 1
    ) -> Iterator[tuple[pd.DataFrame, FloatArray, FloatArray]]:
        """Yield catalogue rows, flux and ivar of the whole survey in order, `rows` at a time.

        Each block is made by one of `jobs` processes (none besides this one if `jobs` is 1).

        Raises:
            ChildProcessError: A process was killed.
        """
        jobs = min(jobs, -(-self._n // rows))
        make = partial(_make, seed=self.seed, name=self.instrument.name, outliers=self.outliers,
                       population=self.population, without=self.without)  # fmt: skip
        return map_in_order(make, _blocks(self._n, rows), jobs=jobs)

    def _objects(self, index: IntArray) -> MockObjects:
        return MockObjects(
            seed=self.seed, index=index, instrument=self.instrument, outliers=self.outliers,
            population=self.population, without=self.without,
        )  # fmt: skip

    def _indices(self, indices: FloatArray | IntArray | list[int] | slice) -> IntArray:
        if isinstance(indices, slice):
            return np.arange(self._n)[indices]
        index = np.asarray(indices, dtype=np.int64)
        if index.size and (index.min() < 0 or index.max() >= self._n):
            raise ValueError(
                f"indices must lie in 0..{self._n - 1}, got {index.min()}..{index.max()}"
            )
        return index


@dataclass(frozen=True, kw_only=True)
class MockConfig:
    """Settings of `python -m data mock`."""

    out: Path = setting(help="folder of the survey to write; must not exist")
    n: int = setting(help="number of objects", default=20000)
    seed: int = setting(help="seed: the same seed makes the same survey", default=1)
    instrument: str = setting(
        help="whose grid, resolution and noise", default="sdss", choices=tuple(MOCK_INSTRUMENTS)
    )
    outliers: float = setting(help="part of the objects made strange", default=0.01)
    population: str = setting(
        help="which galaxies: limited in magnitude; DESI's fainter ones and red ones to z = 0.8; "
        "or for training, with H II regions and compact dwarfs",
        default="main", choices=POPULATIONS,
    )  # fmt: skip
    without: tuple[str, ...] = setting(
        help="variety of real spectra to leave out: " + ", ".join(VARIETY), default=()
    )
    jobs: int = setting(help="processes; the result does not depend on it", default=2)

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        if self.jobs < 1:
            raise ValueError(f"jobs must be at least 1, got {self.jobs}")


def mock(config: MockConfig) -> None:
    """Write a mock survey, block by block."""
    survey = MockSurvey(
        n=config.n, seed=config.seed, instrument=config.instrument, outliers=config.outliers,
        population=config.population, without=config.without,
    )  # fmt: skip
    provenance = {"made_by": "python -m data mock", "numpy": version("numpy")}
    settings = {name: value for name, value in asdict(config).items() if name != "out"}
    low, high = NORM_RANGE
    info = {
        "instrument": config.instrument,
        "flux_unit": "1e-17 erg / s / cm2 / Angstrom, divided by norm",
        "normalisation": f"norm = median model flux in rest-frame {low:.0f}-{high:.0f} Angstrom",
        "provenance": provenance | settings | {"source": survey.reference()},
    }
    with (
        SurveyWriter(config.out, grid=survey.grid, info=info) as writer,
        tqdm(total=config.n, unit="spectra", disable=None) as progress,
    ):
        for rows, flux, ivar in survey.blocks(WRITE_ROWS, jobs=config.jobs):
            writer.append(rows, flux, ivar)
            progress.update(len(rows))


def _make(
    index: IntArray,
    *,
    seed: int,
    name: str,
    outliers: float,
    population: str,
    without: tuple[str, ...],
) -> tuple[pd.DataFrame, FloatArray, FloatArray]:
    """Return catalogue rows, flux and ivar of some objects."""
    instrument = MOCK_INSTRUMENTS[name]
    objects = MockObjects(seed=seed, index=index, instrument=instrument, outliers=outliers,
                          population=population, without=without)  # fmt: skip
    return objects.frame(), *objects.spectra()


def _blocks(n: int, rows: int) -> Iterator[IntArray]:
    return (np.arange(start, min(start + rows, n)) for start in range(0, n, rows))


def _slices(n: int, rows: int) -> list[slice]:
    return [slice(start, min(start + rows, n)) for start in range(0, n, rows)]
