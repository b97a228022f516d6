"""The survey store: a folder of catalogue (Parquet), spectra (Zarr) and provenance (JSON)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr
from numpy.typing import NDArray

from data.arrays import FloatArray, IndexArray
from data.grid import WaveGrid
from data.json_file import read_json
from data.spectra import Spectra

SCHEMA_VERSION = 1


class Survey:
    """A survey on disk, opened for reading; a `data.spectra.SpectrumSource`."""

    def __init__(self, path: Path | str) -> None:
        """Open a survey folder.

        Raises:
            ValueError: The folder is missing, incomplete, or of another schema version.
        """
        self.path = Path(path)
        self.info = read_json(self.path / "survey.json", what="survey")
        if self.info.get("schema_version") != SCHEMA_VERSION:
            raise ValueError(
                f"{self.path} has survey schema {self.info.get('schema_version')}, "
                f"this program reads {SCHEMA_VERSION}; ingest again"
            )
        self.grid = WaveGrid(**self.info["grid"])
        try:
            self._arrays = zarr.open_group(str(self.path / "spectra.zarr"), mode="r")
            self._flux: Any = self._arrays["flux"]
            self._ivar: Any = self._arrays["ivar"]
            self.catalog = pd.read_parquet(self.path / "catalog.parquet")
            missing = sum(a.nchunks - a.nchunks_initialized for a in (self._flux, self._ivar))
        except (KeyError, OSError, ValueError) as error:
            raise ValueError(f"{self.path} is not a complete survey: {error}") from error
        if not len(self.catalog) == self._flux.shape[0] == self._ivar.shape[0]:
            raise ValueError(
                f"{self.path}: catalog.parquet has {len(self.catalog)} rows, spectra.zarr "
                f"{self._flux.shape[0]}; they must be equal, ingest again"
            )
        if missing:
            raise ValueError(
                f"{self.path} is damaged: {missing} chunks of spectra.zarr are missing"
            )

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.catalog)

    @property
    def ids(self) -> NDArray[Any]:
        """`object_id` of each row, as text."""
        return self.catalog["object_id"].astype(str).to_numpy()

    @property
    def chunk_rows(self) -> int:
        """Rows of one compressed chunk; reading whole chunks is fastest."""
        return int(self._flux.chunks[0])

    def read(self, indices: FloatArray | list[int] | slice) -> Spectra:
        """Return the spectra of some rows, in the order asked for (repeats allowed).

        Raises:
            ValueError: A row does not exist, or the file that holds it is damaged.
        """
        z = self.catalog["z"].to_numpy(float)
        if isinstance(indices, slice):
            flux, ivar = (self._load(array, indices) for array in (self._flux, self._ivar))
            return Spectra(grid=self.grid, flux=flux, ivar=ivar, z=z[indices].copy())
        rows = np.asarray(indices, dtype=np.int64)
        if rows.size and (rows.min() < 0 or rows.max() >= len(self)):
            raise ValueError(
                f"indices must lie in 0..{len(self) - 1}, got {rows.min()}..{rows.max()}"
            )
        unique, inverse = np.unique(rows, return_inverse=True)
        flux, ivar = (self._load(array, unique)[inverse] for array in (self._flux, self._ivar))
        return Spectra(grid=self.grid, flux=flux, ivar=ivar, z=z[rows])

    def _load(self, array: Any, rows: IndexArray | slice) -> FloatArray:  # noqa: ANN401
        try:
            return array[rows] if isinstance(rows, slice) else array.oindex[rows]
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"{self.path} is damaged: {array.path} of spectra.zarr can not be read ({error}); "
                "ingest again"
            ) from error

    def reference(self) -> dict[str, Any]:
        """Return JSON-ready values from which `data.source.open_source` opens it again."""
        return {"kind": "survey", "path": str(self.path.resolve())}
