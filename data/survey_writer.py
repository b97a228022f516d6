"""Write a survey incrementally; an interrupted write can be resumed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import zarr

from data.arrays import BoolArray, FloatArray
from data.atomic import partial_folder, replace_folder
from data.grid import WaveGrid
from data.json_file import read_json, write_json
from data.partial.folder import empty, held
from data.partial.journal import add_line, read_journal
from data.partial.part import PartWriter, check_spectra, concatenated, finish_arrays
from data.survey import SCHEMA_VERSION, SEVERAL_GRIDS

JOURNAL, PARTS, SPECTRA = "journal.jsonl", "rows", "spectra.zarr"
"""What a partial survey holds: a journal with one line for each `append`, a folder with one table
of catalogue rows for each, and the spectra."""
TELLING = (JOURNAL, "survey.json")
"""Files that tell that a partial survey can be gone on with, or lacks only its last step."""


class Block(NamedTuple):
    """Some objects on one grid: its name, catalogue rows, flux and ivar."""

    grid: str
    rows: pd.DataFrame
    flux: FloatArray
    ivar: FloatArray


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
        grid: WaveGrid | Mapping[str, WaveGrid],
        info: Mapping[str, Any],
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        """Start or resume a survey.

        Args:
            out: The folder to make.
            grid: Observed-frame grid of all spectra, or the grid of each instrument by its name.
            info: Content of survey.json (instrument, flux unit, provenance).
            resume: Continue from a partial folder, and leave one when stopped.
            overwrite: Replace a survey that is there, once the new one is complete.
        """
        self.out = Path(out)
        self._overwrite = overwrite
        self._check_out()
        self.grids = {"": grid} if isinstance(grid, WaveGrid) else dict(grid)
        self.notes: list[dict[str, Any]] = []
        self.info = dict(info)
        self._resume = resume
        self._left: dict[str, int] = {}
        self._parts: dict[str, PartWriter] = {}
        self._catalog: pd.DataFrame | None = None
        self._kept: dict[str, int] = {}
        self._partial = partial_folder(self.out)

    def __enter__(self) -> SurveyWriter:
        """Make the partial folder, or open the one that was left."""
        with ExitStack() as stack:
            stack.enter_context(held(self._partial, out=self.out))
            self._check_out()  # another process may have made it before this one held the folder
            self._open()
            self._held = stack.pop_all()
        return self

    def _check_out(self) -> None:
        """Refuse to replace what shall not be replaced."""
        if self.out.exists() and not (self._overwrite and (self.out / "survey.json").is_file()):
            what = "is not a survey" if self._overwrite else "exists"
            raise ValueError(f"{self.out} {what}; choose another --out or remove it")

    def _open(self) -> None:
        journal = self._partial / JOURNAL
        if not self._resume:
            empty(self._partial, first=TELLING)
        if not journal.exists():
            empty(self._partial, first=TELLING)
            zarr.open_group(str(self._partial / SPECTRA), mode="w")
            journal.touch()
        self._left, self.notes = read_journal(journal, only=next(iter(self.grids)))

    def _part(self, name: str) -> PartWriter:
        """Return the writer of a grid, made when it is first needed."""
        if name not in self._parts:
            self._parts[name] = PartWriter(
                self._partial / SPECTRA / name,
                self._partial / PARTS / name,
                self.grids[name],
                n_row=self._left.get(name, 0),
            )
        return self._parts[name]

    @property
    def n_row(self) -> int:
        """Spectra appended so far."""
        return sum(self.n_rows.values())

    @property
    def n_rows(self) -> dict[str, int]:
        """Spectra appended to each grid, in the order of their rows in the catalogue."""
        counts = self._left | {name: part.n_row for name, part in self._parts.items()}
        return {name: counts[name] for name in (*self.grids, *counts) if name in counts}

    def restart(self) -> None:
        """Throw away what was appended, also by earlier runs."""
        empty(self._partial, first=TELLING)
        self._parts, self.notes = {}, []
        self._open()

    def append(
        self,
        rows: pd.DataFrame,
        flux: FloatArray,
        ivar: FloatArray,
        *,
        note: Mapping[str, Any] | None = None,
    ) -> None:
        """Add some objects on the first grid; see `append_blocks`."""
        self.append_blocks([Block(next(iter(self.grids)), rows, flux, ivar)], note=note)

    def append_blocks(
        self, blocks: Sequence[Block], *, note: Mapping[str, Any] | None = None
    ) -> None:
        """Add some objects: all of them, or none if the run is stopped meanwhile.

        Args:
            blocks: Catalogue rows with `object_id` and `z`; normalised flux and its inverse
                variance, finite, shape (n_galaxy, n_pixel) each; on one grid after another.
            note: JSON-ready values kept in the journal; a resumed writer has them in `notes`.
        """
        for block in blocks:
            check_spectra(*block[1:], n_pixel=self.grids[block.grid].n_pixel)
        for block in blocks:
            self._part(block.grid).append(*block[1:])
        add_line(self._partial / JOURNAL, self.n_rows, note or {})

    def catalog(self) -> pd.DataFrame:
        """Return the catalogue rows appended so far: the instruments one after another."""
        return concatenated([self._part(name).catalog() for name, n in self.n_rows.items() if n])

    def compact(self, catalog: pd.DataFrame, keep: BoolArray) -> None:
        """Drop spectra; of each grid, the last ones move into the gaps.

        Call at most once, after all appends.

        Args:
            catalog: The final catalogue of all rows appended, in their order.
            keep: Which of them to keep, shape (n_row,).
        """
        if not len(catalog) == len(keep) == self.n_row:
            raise ValueError(
                f"catalog and keep must have {self.n_row} rows, got {len(catalog)} and {len(keep)}"
            )
        orders, start = [], 0
        for name, n_row in self.n_rows.items():
            order = self._part(name).compact(keep[start : start + n_row])
            self._kept[name] = len(order)
            orders.append(start + order)
            start += n_row
        self._catalog = catalog.iloc[np.concatenate(orders)].reset_index(drop=True)

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
                with suppress(OSError):
                    empty(self._partial, first=TELLING)
                    self._partial.rmdir()
        finally:
            self._held.close()
        if kind is None and not self.n_row:
            raise ValueError("a survey must hold at least one spectrum, got none")

    def _finish(self) -> None:
        catalog = self.catalog() if self._catalog is None else self._catalog
        path = self._partial / "catalog.parquet"
        catalog.to_parquet(path, index=False, write_page_checksum=True)
        counts = {name: count for name, count in (self._kept or self.n_rows).items() if count}
        info = {"schema_version": SCHEMA_VERSION, "n_object": len(catalog)} | self.info
        if any(counts):
            info["instrument"] = ", ".join(counts)
        if len(counts) == 1:
            info["grid"] = self.grids[next(iter(counts))].to_dict()
        else:
            info["schema_version"] = SEVERAL_GRIDS
            info["parts"] = [
                {"name": name, "grid": self.grids[name].to_dict(), "n_object": count}
                for name, count in counts.items()
            ]
        write_json(self._partial / "survey.json", info)
        finish_interrupted(self.out)


def finish_interrupted(out: Path) -> bool:
    """Finish a survey that was stopped after survey.json was written; False if there is none."""
    partial = partial_folder(out)
    if not (partial / "survey.json").is_file():
        return False
    info = read_json(partial / "survey.json", what="survey")
    finish_arrays(partial / SPECTRA, info)
    shutil.rmtree(partial / PARTS, ignore_errors=True)
    (partial / JOURNAL).unlink(missing_ok=True)
    replace_folder(partial, out)
    return True
