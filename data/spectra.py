"""Spectra in memory, and the interface of everything that spectra are read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import FloatArray, IndexArray
from data.grid import WaveGrid


@dataclass(frozen=True, init=False)
class Spectra:
    """Normalised spectra on one observed-frame grid.

    Attributes:
        grid: Observed-frame grid.
        flux: Flux over `norm` (median of rest-frame 5300-5850 A), float32,
            shape (n_galaxy, n_pixel). Finite everywhere.
        ivar: Inverse variance of `flux`, 0 where masked, float32, shape (n_galaxy, n_pixel).
        z: Redshifts, float64, shape (n_galaxy,).
    """

    grid: WaveGrid
    flux: FloatArray
    ivar: FloatArray
    z: FloatArray

    def __init__(
        self,
        *,
        flux: FloatArray,
        ivar: FloatArray,
        z: FloatArray,
        grid: WaveGrid | None = None,
        wave: FloatArray | None = None,
    ) -> None:
        """Put arrays together; see the attributes.

        Args:
            flux: Normalised flux.
            ivar: Its inverse variance.
            z: Redshifts.
            grid: Observed-frame grid.
            wave: In place of `grid`: vacuum wavelengths, Angstrom, shape (n_pixel,), uniform in
                wavelength or in its logarithm.

        Raises:
            ValueError: The arrays do not belong together, or `wave` is not uniform.
            TypeError: Neither `grid` nor `wave` is given, or both.
        """
        if (grid is None) == (wave is None):
            raise TypeError("give either grid or wave")
        grid = WaveGrid.from_wave(np.asarray(wave)) if grid is None else grid
        expected = (len(z), grid.n_pixel)
        if flux.shape != expected or ivar.shape != expected:
            raise ValueError(
                f"flux and ivar must have shape (n_galaxy, n_pixel) = {expected}, "
                f"got {flux.shape} and {ivar.shape}"
            )
        for name, value in (("grid", grid), ("flux", flux), ("ivar", ivar), ("z", z)):
            object.__setattr__(self, name, value)

    @property
    def wave(self) -> FloatArray:
        """Vacuum wavelengths of the pixels, Angstrom, shape (n_pixel,)."""
        return self.grid.wave

    def __len__(self) -> int:
        """Return the number of spectra."""
        return len(self.z)

    def take(self, rows: NDArray[Any] | slice) -> Spectra:
        """Return some of the spectra: row numbers (repeats allowed), a mask, or a slice."""
        return Spectra(grid=self.grid, flux=self.flux[rows], ivar=self.ivar[rows], z=self.z[rows])


@dataclass(frozen=True)
class Part:
    """Consecutive rows of a source whose spectra lie on one grid.

    Attributes:
        name: Of the instrument.
        grid: Observed-frame grid.
        start: First row.
        stop: Row after the last.
    """

    name: str
    grid: WaveGrid
    start: int
    stop: int

    def among(self, rows: IndexArray) -> IndexArray:
        """Return which of some rows lie in this part, as positions in `rows`."""
        return np.flatnonzero((rows >= self.start) & (rows < self.stop))


@runtime_checkable
class SpectrumSource(Protocol):
    """What spectra can be read from: a survey on disk, or a mock survey made on demand."""

    @property
    def grid(self) -> WaveGrid:
        """Observed-frame grid; of the largest part where there are several."""
        ...

    @property
    def parts(self) -> tuple[Part, ...]:
        """The rows of each instrument, in order; one part with all rows for most sources."""
        ...

    @property
    def catalog(self) -> pd.DataFrame:
        """One row per object, row i = spectrum i."""
        ...

    @property
    def ids(self) -> NDArray[Any]:
        """`object_id` of each row as text, without the rest of the catalogue being made."""
        ...

    def ids_of(self, rows: IndexArray) -> NDArray[Any]:
        """Return the `object_id` of some rows as text; of few rows of many, sooner than `ids`."""
        ...

    def __len__(self) -> int:
        """Return the number of objects."""
        ...

    def read(self, indices: NDArray[Any] | list[int] | slice) -> Spectra:
        """Return the spectra of some rows, in the order asked for (repeats allowed).

        Raises:
            ValueError: They lie on several grids: `data.parts.read_parts` reads those.
        """
        ...

    def reference(self) -> dict[str, Any]:
        """Return JSON-ready values from which `data.source.open_source` opens it again."""
        ...
