"""Several sources one after another: the spectra of an atlas that another survey was joined to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import IndexArray
from data.grid import WaveGrid
from data.spectra import Part, Spectra, SpectrumSource


class JoinedSource:
    """The rows of several sources, in their order; a `data.spectra.SpectrumSource`."""

    def __init__(self, sources: Sequence[SpectrumSource]) -> None:
        """Take the sources.

        Raises:
            ValueError: An object is in more than one, by its `object_id`.
        """
        self.sources = tuple(sources)
        self._starts = np.cumsum([0, *map(len, self.sources)]).tolist()
        ids, counts = np.unique(self.ids, return_counts=True)
        if (counts > 1).any():
            raise ValueError(
                f"{int((counts > 1).sum())} objects are in both surveys, such as "
                f"{ids[counts > 1][0]}; leave them out of one"
            )

    def __len__(self) -> int:
        """Return the number of objects."""
        return int(self._starts[-1])

    @property
    def grid(self) -> WaveGrid:
        """The grid of the largest part."""
        return max(self.parts, key=lambda part: part.stop - part.start).grid

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of all sources."""
        return tuple(
            replace(part, start=part.start + start, stop=part.stop + start)
            for source, start in zip(self.sources, self._starts, strict=False)
            for part in source.parts
        )

    @property
    def catalog(self) -> pd.DataFrame:
        """One row per object; see `join_catalogs`."""
        return self._catalog

    @cached_property
    def _catalog(self) -> pd.DataFrame:
        return join_catalogs([source.catalog for source in self.sources])

    @property
    def ids(self) -> NDArray[Any]:
        """`object_id` of each row, as text."""
        return np.concatenate([source.ids.astype(object) for source in self.sources])

    def ids_of(self, rows: IndexArray) -> NDArray[Any]:
        """Return the `object_id` of some rows, as text."""
        ids = np.empty(len(rows), dtype=object)
        for source, start in zip(self.sources, self._starts, strict=False):
            here = (rows >= start) & (rows < start + len(source))
            ids[here] = source.ids_of(rows[here] - start)
        return ids

    def read(self, indices: NDArray[Any] | list[int] | slice) -> Spectra:
        """Return the spectra of some rows of one part.

        Raises:
            ValueError: A row does not exist, or they lie in several sources.
        """
        if isinstance(indices, slice):
            indices = np.arange(*indices.indices(len(self)))
        rows = np.asarray(indices, dtype=np.int64)
        number = np.searchsorted(self._starts, rows, side="right") - 1
        if rows.size and not (rows.min() >= 0 and number.max() == number.min() < self._n_source):
            raise ValueError(
                f"rows {rows.min()} to {rows.max()} must exist and lie in one source; read those "
                "of several with data.parts.read_parts"
            )
        at = int(number[0]) if rows.size else 0
        return self.sources[at].read(rows - self._starts[at])

    @property
    def _n_source(self) -> int:
        return len(self.sources)

    def reference(self) -> dict[str, Any]:
        """Return JSON-ready values from which `data.source.open_source` opens it again."""
        return {"kind": "joined", "sources": [source.reference() for source in self.sources]}


def join_catalogs(catalogs: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put catalogues below each other; what one lacks is NaN, or empty text.

    Args:
        catalogs: With any columns; flags that one lacks become numbers, to have NaN.
    """
    names = list(dict.fromkeys(name for catalog in catalogs for name in catalog))
    lacking = {name for name in names if not all(name in catalog for catalog in catalogs)}
    parts = [
        catalog.assign(**{
            name: catalog[name].astype(np.float32)
            for name in lacking
            if name in catalog and catalog[name].dtype == bool
        }).reindex(columns=names)
        for catalog in catalogs
    ]  # fmt: skip
    columns = {}
    for name in names:
        some = [part[name] for part, catalog in zip(parts, catalogs, strict=True)
                if name in catalog]  # fmt: skip
        is_text = all(not pd.api.types.is_numeric_dtype(column) for column in some)
        filled = [part[name].astype(object).fillna("") if is_text else part[name]
                  for part in parts]  # fmt: skip
        columns[name] = pd.concat(filled, ignore_index=True)
    return pd.DataFrame(columns)
