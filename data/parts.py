"""Sources whose spectra lie on several grids: one part for each instrument.

for places, spectra in read_parts(source, rows):    # one turn for each grid
    latents[places] = model.encode(spectra)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import IndexArray
from data.grid import WaveGrid
from data.spectra import Part, Spectra, SpectrumSource

DEFAULT_CHUNK = 128
"""Rows to read at once from a source that has no chunks."""


def read_parts(
    source: SpectrumSource, rows: NDArray[Any] | list[int]
) -> Iterator[tuple[IndexArray, Spectra]]:
    """Yield the spectra of some rows, grid by grid.

    Args:
        source: Where the spectra are.
        rows: Row numbers in any order, repeats allowed, shape (n,).

    Yields:
        Positions in `rows`, and the spectra of these, in that order.

    Raises:
        ValueError: A row does not exist.
    """
    rows = np.asarray(rows, dtype=np.int64)
    starts = [part.start for part in source.parts]
    number = np.searchsorted(starts, rows, side="right") - 1
    for this in np.unique(number).tolist():
        places = np.flatnonzero(number == this)
        yield places, source.read(rows[places])


def wave_range(source: SpectrumSource) -> tuple[float, float]:
    """Return the first and the last observed-frame wavelength of all grids, Angstrom."""
    waves = [part.grid.wave for part in source.parts]
    return min(float(wave[0]) for wave in waves), max(float(wave[-1]) for wave in waves)


@dataclass(frozen=True)
class OnePart:
    """A source as far as it lies on one grid; rows are numbered as in the whole.

    It is what a network is trained on that has an encoder for each instrument.

    Attributes:
        whole: The source.
        part: Which of its parts.
    """

    whole: SpectrumSource
    part: Part

    @property
    def grid(self) -> WaveGrid:
        """Observed-frame grid of the part."""
        return self.part.grid

    @property
    def parts(self) -> tuple[Part, ...]:
        """The part alone."""
        return (self.part,)

    @property
    def catalog(self) -> pd.DataFrame:
        """One row per object of the whole."""
        return self.whole.catalog

    @property
    def ids(self) -> NDArray[Any]:
        """`object_id` of each row of the whole, as text."""
        return self.whole.ids

    def ids_of(self, rows: IndexArray) -> NDArray[Any]:
        """Return the `object_id` of some rows of the whole, as text."""
        return self.whole.ids_of(rows)

    @property
    def chunk_rows(self) -> int:
        """Rows to read at once."""
        return int(getattr(self.whole, "chunk_rows", DEFAULT_CHUNK))

    def __len__(self) -> int:
        """Return the number of objects of the whole."""
        return len(self.whole)

    def read(self, indices: NDArray[Any] | list[int] | slice) -> Spectra:
        """Return the spectra of some rows of the part."""
        return self.whole.read(indices)

    def reference(self) -> dict[str, Any]:
        """Return the reference of the whole."""
        return self.whole.reference()
