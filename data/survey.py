"""The survey store: a folder of catalogue (Parquet), spectra (Zarr) and provenance (JSON)."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
import zarr
from zarr.codecs import BloscCodec

from data.grid import FloatArray, WaveGrid
from data.spectra import Spectra

SCHEMA_VERSION = 1
CHUNK_ROWS = 128
"""Rows of one compressed chunk: what a loader should read at once."""


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
        except (KeyError, OSError) as error:
            raise ValueError(f"{self.path} is not a complete survey: {error}") from error
        if not len(self.catalog) == self._flux.shape[0] == self._ivar.shape[0]:
            raise ValueError(
                f"{self.path}: catalog.parquet has {len(self.catalog)} rows, spectra.zarr "
                f"{self._flux.shape[0]}; they must be equal, ingest again"
            )

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.catalog)

    @property
    def chunk_rows(self) -> int:
        """Rows of one compressed chunk; reading whole chunks is fastest."""
        return int(self._flux.chunks[0])

    def read(self, indices: FloatArray | list[int] | slice) -> Spectra:
        """Return the spectra of some rows, in the order asked for (repeats allowed)."""
        if isinstance(indices, slice):
            flux, ivar = self._flux[indices], self._ivar[indices]
            z = self.catalog["z"].to_numpy(float)[indices]
            return Spectra(wave=self.grid.wave, flux=flux, ivar=ivar, z=z)
        rows = np.asarray(indices, dtype=np.int64)
        if rows.size and (rows.min() < 0 or rows.max() >= len(self)):
            raise ValueError(
                f"indices must lie in 0..{len(self) - 1}, got {rows.min()}..{rows.max()}"
            )
        unique, inverse = np.unique(rows, return_inverse=True)
        flux = self._flux.oindex[unique][inverse]
        ivar = self._ivar.oindex[unique][inverse]
        z = self.catalog["z"].to_numpy(float)[rows]
        return Spectra(wave=self.grid.wave, flux=flux, ivar=ivar, z=z)

    def reference(self) -> dict[str, Any]:
        """Return JSON-ready values from which `data.source.open_source` opens it again."""
        return {"kind": "survey", "path": str(self.path.resolve())}


class SurveyWriter:
    """Writes a survey beside its destination and renames it when complete.

    Use as a context manager; an exception leaves no survey behind.

    Example:
        with SurveyWriter(out, grid=INSTRUMENTS["sdss"], info={"instrument": "sdss"}) as writer:
            writer.append(catalog_rows, flux, ivar)
    """

    def __init__(self, out: Path | str, *, grid: WaveGrid, info: Mapping[str, Any]) -> None:
        """Start a survey.

        Args:
            out: The folder to make; must not exist.
            grid: Observed-frame grid of all spectra.
            info: What survey.json shall say (instrument, flux unit, provenance).
        """
        self.out = Path(out)
        if self.out.exists():
            raise ValueError(f"{self.out} exists; choose another --out or remove it")
        self.grid = grid
        self._info = dict(info)
        self._parts: list[pd.DataFrame] = []
        self._partial = self.out.with_name(f".{self.out.name}.partial")

    def __enter__(self) -> SurveyWriter:
        """Make the temporary folder."""
        if self._partial.exists():
            shutil.rmtree(self._partial)
        self._partial.mkdir(parents=True)
        group = zarr.open_group(str(self._partial / "spectra.zarr"), mode="w")
        wave = group.create_array("wave", shape=self.grid.wave.shape, dtype="float64")
        wave[:] = self.grid.wave
        shape, chunks = (0, self.grid.n_pixel), (CHUNK_ROWS, self.grid.n_pixel)
        codec = BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle")
        for name in ("flux", "ivar"):
            group.create_array(
                name, shape=shape, chunks=chunks, dtype="float32", compressors=[codec]
            )
        self._group = group
        return self

    def append(self, rows: pd.DataFrame, flux: FloatArray, ivar: FloatArray) -> None:
        """Add some objects.

        Args:
            rows: Catalogue rows; must have `object_id` and `z`.
            flux: Normalised flux, shape (n_galaxy, n_pixel), finite.
            ivar: Inverse variance of `flux`, same shape, finite, >= 0.
        """
        expected = (len(rows), self.grid.n_pixel)
        if flux.shape != expected or ivar.shape != expected:
            raise ValueError(
                f"flux and ivar must have shape {expected}, got {flux.shape} and {ivar.shape}"
            )
        if not (np.isfinite(flux).all() and np.isfinite(ivar).all() and (ivar >= 0).all()):
            raise ValueError("flux and ivar must be finite and ivar >= 0; mask and zero them first")
        for name, values in (("flux", flux), ("ivar", ivar)):
            array: Any = self._group[name]
            array.append(np.ascontiguousarray(values, dtype=np.float32))
        self._parts.append(rows)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the survey, or remove what there is of it."""
        if kind is not None or not self._parts:
            shutil.rmtree(self._partial, ignore_errors=True)
            if kind is None:
                raise ValueError("a survey must hold at least one spectrum, got none")
            return
        catalog = pd.concat(self._parts, ignore_index=True)
        catalog.to_parquet(self._partial / "catalog.parquet", index=False)
        info = {"schema_version": SCHEMA_VERSION, "n_object": len(catalog)}
        write_json(self._partial / "survey.json", info | self._info | {"grid": self.grid.to_dict()})
        os.rename(self._partial, self.out)


def read_json(path: Path, *, what: str) -> dict[str, Any]:
    """Return a JSON object; `what` names it in the message of the ValueError."""
    if not path.parent.is_dir():
        raise ValueError(f"{what} folder {path.parent} does not exist")
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ValueError(f"{path.parent} is not a {what}: it has no {path.name}") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} can not be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a JSON object, got {type(content).__name__}")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object beside `path`, then rename: never a half-written file."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    os.replace(partial, path)
