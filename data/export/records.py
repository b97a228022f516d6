"""Spectra as records: the catalogue's columns and one nested column of arrays, in Arrow tables.

Flux is in 1e-17 erg/s/cm2/Angstrom again (a survey stores it over `norm`), wavelengths are vacuum
Angstrom; the file's metadata say both in the words of FITS headers, and ingest reads them there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data.arrays import FloatArray, IndexArray
from data.parts import read_parts
from data.spectra import Part, Spectra, SpectrumSource

SPECTRUM = "spectrum"
"""The nested column; its arrays are called as in the Multimodal Universe."""
ARRAYS = {"lambda": pa.float64(), "flux": pa.float32(), "ivar": pa.float32(), "mask": pa.bool_()}
FLUX_UNIT = "1e-17 erg / (s cm2 Angstrom)"
HEADER = {"AIRORVAC": "vac", "BUNIT": FLUX_UNIT}
GROUP_ROWS = 256
"""Records of a row group: what a reader must hold at once."""


class Records:
    """Records of a source.

    Attributes:
        catalog: Columns beside the spectrum, one row per object.
        schema: Of the tables.
    """

    def __init__(self, catalog: pd.DataFrame, source: SpectrumSource) -> None:
        """Put together what is read from later.

        Args:
            catalog: One row per object.
            source: Its spectra, row for row.
        """
        self.catalog, self._source = catalog, source
        norm = catalog["norm"].to_numpy(float) if "norm" in catalog else np.ones(len(catalog))
        self._norm = norm.astype(np.float32)
        facts = pa.Schema.from_pandas(catalog, preserve_index=False).remove_metadata()
        nested = pa.struct([pa.field(name, pa.list_(kind)) for name, kind in ARRAYS.items()])
        self.schema = facts.append(pa.field(SPECTRUM, nested)).with_metadata(
            HEADER if "norm" in catalog else {"AIRORVAC": HEADER["AIRORVAC"]}
        )

    @property
    def parts(self) -> tuple[Part, ...]:
        """The rows of each instrument."""
        return self._source.parts

    def table(self, rows: IndexArray) -> pa.Table:
        """Return the records of some rows, in that order."""
        facts = pa.Table.from_pandas(
            self.catalog.iloc[rows], schema=self.schema.remove(len(self.schema) - 1),
            preserve_index=False,
        )  # fmt: skip
        parts, order = [], []
        for places, spectra in read_parts(self._source, rows):
            parts.append(_nested(spectra, self._norm[rows[places]]))
            order.append(places)
        nested = pa.chunked_array(parts)
        if len(parts) > 1:
            nested = nested.take(pa.array(np.argsort(np.concatenate(order), kind="stable")))
        columns = [*facts.columns, nested.combine_chunks()]
        return pa.Table.from_arrays(columns, schema=self.schema)

    def spectra(self, rows: IndexArray) -> list[tuple[IndexArray, Spectra]]:
        """Return spectra of some rows in physical units, grid by grid, with their positions."""
        found = []
        for places, spectra in read_parts(self._source, rows):
            flux, ivar = _physical(spectra, self._norm[rows[places]])
            physical = Spectra(grid=spectra.grid, flux=flux, ivar=ivar, z=spectra.z)
            found.append((places, physical))
        return found


def open_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Return a writer of a Parquet file; noise compresses best byte by byte."""
    noise = [f"{SPECTRUM}.{name}.list.element" for name in ("flux", "ivar")]
    nested = [f"{SPECTRUM}.{name}.list.element" for name in ("lambda", "mask")]
    facts = [name for name in schema.names if name != SPECTRUM]
    has_spectra = SPECTRUM in schema.names
    options: dict[str, Any] = {
        "use_dictionary": facts + nested * has_spectra,
        "use_byte_stream_split": noise * has_spectra,
    }  # lists, which its annotations do not know
    return pq.ParquetWriter(path, schema, compression="zstd", **options)


def _physical(spectra: Spectra, norm: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return flux and inverse variance in the unit of `norm`."""
    norm = norm[:, None]
    return spectra.flux * norm, spectra.ivar / norm**2


def _nested(spectra: Spectra, norm: FloatArray) -> pa.Array:
    """Return spectra as an array of structs of lists."""
    flux, ivar = _physical(spectra, norm)
    n_galaxy, n_pixel = flux.shape
    values: dict[str, Any] = {
        "lambda": np.tile(spectra.wave, n_galaxy), "flux": flux, "ivar": ivar, "mask": ivar == 0,
    }  # fmt: skip
    offsets = pa.array(np.arange(n_galaxy + 1, dtype=np.int32) * n_pixel)
    lists = [
        pa.ListArray.from_arrays(offsets, pa.array(np.ravel(values[name]), type=kind))
        for name, kind in ARRAYS.items()
    ]
    return pa.StructArray.from_arrays(lists, names=list(ARRAYS))
