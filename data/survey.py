"""The survey store: a folder of catalogue (Parquet), spectra (Zarr) and provenance (JSON).

Spectra of one grid lie in the arrays `wave`, `flux` and `ivar` of spectra.zarr. Where a survey has
several grids, each has a group with these arrays, and the catalogue has the rows of one group after
those of another, in the order of `parts` in survey.json. The spectra may lie elsewhere: survey.json
then names an address of an object store, `"spectra": "s3://bucket/survey/spectra.zarr"`, and rows
are read from there as they are asked for.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import zarr
from numpy.typing import NDArray

from data.arrays import FloatArray, IndexArray
from data.grid import WaveGrid
from data.json_file import read_json
from data.spectra import Part, Spectra

SCHEMA_VERSION = 1
"""Of a survey on one grid."""
STORES = ("s3://", "gs://", "az://", "https://", "http://")
"""How addresses of spectra that lie elsewhere begin; fsspec opens them."""
SEVERAL_GRIDS = 2
"""Schema version of a survey on several."""


class Survey:
    """A survey on disk, opened for reading; a `data.spectra.SpectrumSource`.

    Attributes:
        path: Its folder.
        info: What survey.json says.
        parts: The rows of each instrument.
        grid: The grid of the largest part.
    """

    def __init__(self, path: Path | str) -> None:
        """Open a survey folder.

        Raises:
            ValueError: The folder is missing, incomplete, or of another schema version.
        """
        self.path = Path(path)
        self.info = read_json(self.path / "survey.json", what="survey")
        if self.info.get("schema_version") not in (SCHEMA_VERSION, SEVERAL_GRIDS):
            raise ValueError(
                f"{self.path} has survey schema {self.info.get('schema_version')}, "
                f"this program reads {SCHEMA_VERSION} and {SEVERAL_GRIDS}; ingest again"
            )
        try:
            self._address = str(self.info.get("spectra", ""))
            group = _opened(self._address or str(self.path / "spectra.zarr"))
            self._n_object = pq.read_metadata(self.path / "catalog.parquet").num_rows
            self.parts = _parts(self.info, self._n_object)
            single = len(self.parts) == 1
            self._arrays: list[tuple[Any, Any]] = [
                (group["flux"], group["ivar"])
                if single
                else (group[f"{part.name}/flux"], group[f"{part.name}/ivar"])
                for part in self.parts
            ]
            missing = sum(self._n_missing(array) for pair in self._arrays for array in pair)
        except (KeyError, OSError, ValueError) as error:
            raise ValueError(f"{self.path} is not a complete survey: {error}") from error
        self.grid = max(self.parts, key=lambda part: part.stop - part.start).grid
        self._check_lengths()
        if missing:
            raise ValueError(
                f"{self.path} is damaged: {missing} chunks of spectra.zarr are missing"
            )

    def __len__(self) -> int:
        """Return the number of objects."""
        return self._n_object

    @property
    def catalog(self) -> pd.DataFrame:
        """One row per object, read when it is first asked for."""
        return self._catalog

    @cached_property
    def _catalog(self) -> pd.DataFrame:
        return self._columns()

    @cached_property
    def _z(self) -> FloatArray:
        """Redshifts, without the rest of the catalogue, shape (n_galaxy,)."""
        return self._columns(["z"])["z"].to_numpy(float)

    def _columns(self, names: list[str] | None = None) -> pd.DataFrame:
        try:
            path = self.path / "catalog.parquet"
            return pd.read_parquet(path, columns=names, page_checksum_verification=True)
        except (KeyError, OSError, ValueError) as error:
            raise ValueError(f"{self.path} is not a complete survey: {error}") from error

    @property
    def ids(self) -> NDArray[Any]:
        """`object_id` of each row, as text; the rest of the catalogue is not read for it."""
        return self._ids.to_numpy()

    def ids_of(self, rows: IndexArray) -> NDArray[Any]:
        """Return the `object_id` of some rows, as text."""
        return self._ids.iloc[rows].to_numpy()

    @property
    def _ids(self) -> pd.Series:
        return pd.Series(self._columns(["object_id"])["object_id"]).astype(str)

    @property
    def chunk_rows(self) -> int:
        """Rows of one compressed chunk; reading whole chunks is fastest."""
        return int(self._arrays[0][0].chunks[0])

    def read(self, indices: FloatArray | list[int] | slice) -> Spectra:
        """Return the spectra of some rows, in the order asked for (repeats allowed).

        Raises:
            ValueError: A row does not exist, the rows lie on several grids, or the file that
                holds them is damaged.
        """
        if isinstance(indices, slice):
            start, stop, _ = indices.indices(len(self))
            number = self._part_number(start, max(stop - 1, start))
            first = self.parts[number].start
            local = slice(start - first, max(stop, start) - first, indices.step)
            flux, ivar = self._load(number, local)
            return Spectra(
                grid=self.parts[number].grid, flux=flux, ivar=ivar, z=self._z[indices].copy()
            )
        rows = np.asarray(indices, dtype=np.int64)
        if rows.size and (rows.min() < 0 or rows.max() >= len(self)):
            raise ValueError(
                f"indices must lie in 0..{len(self) - 1}, got {rows.min()}..{rows.max()}"
            )
        number = self._part_number(int(rows.min()), int(rows.max())) if rows.size else 0
        part = self.parts[number]
        unique, inverse = np.unique(rows - part.start, return_inverse=True)
        flux, ivar = (values[inverse] for values in self._load(number, unique))
        return Spectra(grid=part.grid, flux=flux, ivar=ivar, z=self._z[rows])

    def _part_number(self, first: int, last: int) -> int:
        """Return which part holds all rows from `first` to `last`."""
        starts = [part.start for part in self.parts]
        number, other = np.searchsorted(starts, [first, last], side="right") - 1
        if number != other:
            raise ValueError(
                f"rows {first} to {last} lie on several grids ("
                f"{', '.join(part.name for part in self.parts)}); read them with "
                "data.parts.read_parts"
            )
        return int(number)

    def _check_lengths(self) -> None:
        for part, pair in zip(self.parts, self._arrays, strict=True):
            for array in pair:
                if array.shape[0] != part.stop - part.start:
                    raise ValueError(
                        f"{self.path}: catalog.parquet has {part.stop - part.start} rows, "
                        f"spectra.zarr {array.shape[0]}; they must be equal, ingest again"
                    )

    def _n_missing(self, array: Any) -> int:  # noqa: ANN401 - Zarr's array
        """Return how many chunks, or shards, have no file; Zarr takes forty times as long.

        Those of an object store are missed when they are read.
        """
        if self._address:
            return 0
        folder = self.path / "spectra.zarr" / array.path
        counts = [
            -(-n // step) for n, step in zip(array.shape, array.shards or array.chunks, strict=True)
        ]
        keys = map(array.metadata.encode_chunk_key, np.ndindex(*counts))
        return sum(not os.path.exists(f"{folder}/{key}") for key in keys)  # noqa: PTH110 - quick

    def _load(self, number: int, rows: IndexArray | slice) -> tuple[FloatArray, FloatArray]:
        """Return flux and ivar of rows of a part."""
        try:
            flux, ivar = (
                array[rows] if isinstance(rows, slice) else array.oindex[rows]
                for array in self._arrays[number]
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ValueError(
                f"{self.path} is damaged: its spectra in {self._address or 'spectra.zarr'} can not "
                f"be read ({error}); ingest again, or see that the store answers"
            ) from error
        if self._address and not ivar.any(axis=1).all():  # Zarr fills in what is not there
            raise ValueError(f"{self._address} lacks spectra of {self.path}; copy it anew")
        return flux, ivar

    def reference(self) -> dict[str, Any]:
        """Return JSON-ready values from which `data.source.open_source` opens it again."""
        return {"kind": "survey", "path": str(self.path.resolve())}


def _opened(place: str) -> Any:  # noqa: ANN401 - a group of Zarr
    """Open spectra in a folder, or at an address of an object store.

    Raises:
        ValueError: The kind of address is not known, or what opens it is not installed.
    """
    if "://" in place and not place.startswith(STORES):
        raise ValueError(f"spectra must lie in a folder or at {', '.join(STORES)}, got {place}")
    try:
        return zarr.open_group(place, mode="r")
    except ImportError as error:
        raise ValueError(f"{place} needs a package: {error}") from error


def _parts(info: dict[str, Any], n_object: int) -> tuple[Part, ...]:
    """Return the parts that survey.json tells of.

    Raises:
        ValueError: They have other objects than the catalogue.
    """
    if "parts" not in info:
        return (Part(str(info.get("instrument", "")), WaveGrid(**info["grid"]), 0, n_object),)
    parts, start = [], 0
    for item in info["parts"]:
        stop = start + int(item["n_object"])
        parts.append(Part(item["name"], WaveGrid(**item["grid"]), start, stop))
        start = stop
    if start != n_object:
        raise ValueError(f"its parts have {start} objects, catalog.parquet {n_object}")
    return tuple(parts)
