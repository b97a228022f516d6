"""Write a survey incrementally; an interrupted write can be resumed."""

from __future__ import annotations

import fcntl
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
from zarr.codecs import BloscCodec, Crc32cCodec

from data.arrays import BoolArray, FloatArray
from data.atomic import partial_folder, replace_folder
from data.grid import WaveGrid
from data.json_file import read_json, write_json
from data.survey import SCHEMA_VERSION

CHUNK_ROWS = 128
"""Rows of one compressed chunk: what a loader should read at once."""
JOURNAL, PARTS = "journal.jsonl", "rows"
"""Files of a partial survey beside its spectra: a journal with one line for each `append`, and a
folder with one table of catalogue rows for each."""


class SurveyWriter:
    """Writes a survey to a folder beside its destination and renames it when complete.

    Every `append` is on disk, with its line in a journal, before it returns. A resumable writer
    that is stopped leaves its partial folder, and the next one continues after the last line of
    the journal; any other writer removes it. Use as a context manager.

    Example::

        with SurveyWriter(out, grid=INSTRUMENTS["sdss"], info={"instrument": "sdss"}) as writer:
            writer.append(catalog_rows, flux, ivar)
    """

    def __init__(
        self,
        out: Path | str,
        *,
        grid: WaveGrid,
        info: Mapping[str, Any],
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        """Start or resume a survey.

        Args:
            out: The folder to make.
            grid: Observed-frame grid of all spectra.
            info: Content of survey.json (instrument, flux unit, provenance).
            resume: Continue from a partial folder, and leave one when stopped.
            overwrite: Replace a survey that is there, once the new one is complete.
        """
        self.out = Path(out)
        if self.out.exists() and not (overwrite and (self.out / "survey.json").is_file()):
            what = "is not a survey" if overwrite else "exists"
            raise ValueError(f"{self.out} {what}; choose another --out or remove it")
        self.grid = grid
        self.n_row = 0
        self.notes: list[dict[str, Any]] = []
        self.info = dict(info)
        self._resume = resume
        self._catalog: pd.DataFrame | None = None
        self._partial = partial_folder(self.out)

    def __enter__(self) -> SurveyWriter:
        """Make the partial folder, or open the one that was left."""
        self._partial.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._partial, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise ValueError(f"another process is writing {self.out}; wait for it") from error
        try:
            self._open()
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def _open(self) -> None:
        journal = self._partial / JOURNAL
        if not self._resume:
            _empty(self._partial)
        if journal.exists():
            self._group = zarr.open_group(str(self._partial / "spectra.zarr"), mode="r+")
            self.n_row, self.notes = _read_journal(journal)
            for name in ("flux", "ivar"):
                array: Any = self._group[name]
                array.resize((self.n_row, array.shape[1]))
        else:
            self._group = _new_arrays(self._partial / "spectra.zarr", self.grid)
            (self._partial / PARTS).mkdir(exist_ok=True)
            journal.touch()

    def restart(self) -> None:
        """Throw away what was appended, also by earlier runs."""
        _empty(self._partial)
        self.n_row, self.notes = 0, []
        self._open()

    def append(
        self,
        rows: pd.DataFrame,
        flux: FloatArray,
        ivar: FloatArray,
        *,
        note: Mapping[str, Any] | None = None,
    ) -> None:
        """Add some objects.

        Args:
            rows: Catalogue rows; must have `object_id` and `z`.
            flux: Normalised flux, shape (n_galaxy, n_pixel), finite.
            ivar: Inverse variance of `flux`, same shape, finite, >= 0.
            note: JSON-ready values kept in the journal; a resumed writer has them in `notes`.
        """
        expected = (len(rows), self.grid.n_pixel)
        if flux.shape != expected or ivar.shape != expected:
            raise ValueError(
                f"flux and ivar must have shape {expected}, got {flux.shape} and {ivar.shape}"
            )
        if not (np.isfinite(flux).all() and np.isfinite(ivar).all() and (ivar >= 0).all()):
            raise ValueError("flux and ivar must be finite and ivar >= 0; mask and zero them first")
        if len(rows):
            if not {"object_id", "z"} <= set(rows.columns):
                raise ValueError(f"rows must have object_id and z, got {list(rows.columns)}")
            for name, values in (("flux", flux), ("ivar", ivar)):
                array: Any = self._group[name]
                array.append(np.ascontiguousarray(values, dtype=np.float32))
            rows.to_parquet(self._partial / PARTS / f"{self.n_row:09d}.parquet", index=False)
        self.n_row += len(rows)
        line = json.dumps({"n_row": self.n_row, "note": dict(note or {})})
        with (self._partial / JOURNAL).open("a") as journal:
            journal.write(line + "\n")
            journal.flush()
            os.fsync(journal.fileno())

    def catalog(self) -> pd.DataFrame:
        """Return the catalogue rows appended so far, in this and the resumed runs."""
        starts = ((int(path.stem), path) for path in (self._partial / PARTS).glob("*.parquet"))
        paths = [path for start, path in sorted(starts) if start < self.n_row]
        return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)

    def compact(self, catalog: pd.DataFrame, keep: BoolArray) -> None:
        """Drop spectra; the last ones move into the gaps. Call at most once, after all appends.

        Rows move only from behind the new end to before it, so a run that is stopped here can
        repeat it.

        Args:
            catalog: The final catalogue of all rows appended, in their order.
            keep: Which of them to keep, shape (n_row,).
        """
        if not len(catalog) == len(keep) == self.n_row:
            raise ValueError(
                f"catalog and keep must have {self.n_row} rows, got {len(catalog)} and {len(keep)}"
            )
        n_keep = int(keep.sum())
        order = np.arange(n_keep)
        gaps = np.flatnonzero(~keep[:n_keep])
        order[gaps] = n_keep + np.flatnonzero(keep[n_keep:])
        for start in np.unique(gaps // CHUNK_ROWS) * CHUNK_ROWS:
            stop = min(int(start) + CHUNK_ROWS, self.n_row)
            filled = gaps[(gaps >= start) & (gaps < stop)]
            for name in ("flux", "ivar"):
                array: Any = self._group[name]
                block = array[int(start) : stop]
                block[filled - start] = array.oindex[order[filled]]
                array[int(start) : stop] = block
        self._catalog = catalog.iloc[order].reset_index(drop=True)

    def discard(self) -> None:
        """Remove the partial folder at exit, even if this writer could be resumed."""
        self._resume = False

    def file(self, name: str) -> Path:
        """Return the path at which to write a further file of the finished survey."""
        return self._partial / name

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the survey; after an error, remove the partial folder unless it can be resumed."""
        try:
            if kind is None and self.n_row:
                self._finish()
            elif kind is None or not self._resume:
                shutil.rmtree(self._partial, ignore_errors=True)
        finally:
            os.close(self._lock)
        if kind is None and not self.n_row:
            raise ValueError("a survey must hold at least one spectrum, got none")

    def _finish(self) -> None:
        catalog = self.catalog() if self._catalog is None else self._catalog
        catalog.to_parquet(self._partial / "catalog.parquet", index=False)
        info = {"schema_version": SCHEMA_VERSION, "n_object": len(catalog)}
        write_json(self._partial / "survey.json", info | self.info | {"grid": self.grid.to_dict()})
        finish_interrupted(self.out)


def finish_interrupted(out: Path) -> bool:
    """Finish a survey that was stopped after survey.json was written; False if there is none."""
    partial = partial_folder(out)
    if not (partial / "survey.json").is_file():
        return False
    n_object = read_json(partial / "survey.json", what="survey")["n_object"]
    group = zarr.open_group(str(partial / "spectra.zarr"), mode="r+")
    for name in ("flux", "ivar"):
        array: Any = group[name]
        array.resize((n_object, array.shape[1]))
    shutil.rmtree(partial / PARTS, ignore_errors=True)
    (partial / JOURNAL).unlink(missing_ok=True)
    replace_folder(partial, out)
    return True


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _new_arrays(path: Path, grid: WaveGrid) -> zarr.Group:
    group = zarr.open_group(str(path), mode="w")
    wave = group.create_array("wave", shape=grid.wave.shape, dtype="float64")
    wave[:] = grid.wave
    # Against zstd of level 3: files 5 % larger, written 11 times and read 2.4 times as fast.
    codec = BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle")
    for name in ("flux", "ivar"):
        group.create_array(
            name,
            shape=(0, grid.n_pixel),
            chunks=(CHUNK_ROWS, grid.n_pixel),
            dtype="float32",
            compressors=[codec, Crc32cCodec()],
        )
    return group


def _read_journal(path: Path) -> tuple[int, list[dict[str, Any]]]:
    """Return the rows written and the notes; a line cut by a crash is removed."""
    n_row, notes, good = 0, [], 0
    with path.open("rb") as journal:
        for line in journal:
            if not line.endswith(b"\n"):
                break
            step = json.loads(line)
            n_row, good = step["n_row"], good + len(line)
            notes.append(step["note"])
    os.truncate(path, good)
    return n_row, notes
