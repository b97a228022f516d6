"""Reads many files in parallel: spectra ready to store, and a reason for each that is not."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.grid import INSTRUMENTS, WaveGrid
from data.ingest.cells import plain_text
from data.ingest.formats import read_file
from data.ingest.prepare import pixel_shift, prepare
from data.ingest.raw_spectrum import RawSpectrum
from data.processes import start_pool as _pool

if TYPE_CHECKING:  # a process that reads spectra starts in half the time without pandas
    from data.ingest.external_catalog import Catalog, Match


@dataclass(frozen=True)
class Rejection:
    """A file or object left out; `reason` is `kind` or `kind: details`."""

    file: str
    object_id: str
    reason: str

    @property
    def kind(self) -> str:
        """The reason without its details."""
        return self.reason.split(": ")[0]


@dataclass(frozen=True)
class Selection:
    """What is wanted of the files: the same for all of them.

    Attributes:
        grid: Observed-frame grid of the survey.
        classes: Classes accepted, upper case; empty accepts every one.
        catalog: The user's catalogue, or none.
        match: How its rows are found.
    """

    grid: WaveGrid
    classes: tuple[str, ...]
    catalog: Path | None
    match: Match


@dataclass
class Batch:
    """What some files hold: rows of the catalogue with their spectra, and the rejected."""

    files: list[str]
    rows: list[dict[str, Any]] = field(default_factory=list)
    flux: list[NDArray[np.float32]] = field(default_factory=list)
    ivar: list[NDArray[np.float32]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)


def read_batch(files: list[str], selection: Selection) -> Batch:
    """Read some files; whatever is wrong with one becomes its reason."""
    batch = Batch(files=files)
    for name in files:
        shown = os.fsencode(name).decode("utf-8", "replace")
        try:
            for raw in read_file(Path(name)):
                _take(raw, shown, selection, batch)
        except (ValueError, OSError) as error:
            batch.rejected.append(Rejection(shown, "", plain_text(_reason(error))))
        except Exception as error:  # a hostile file may raise anything; it is told, with its type
            reason = f"unreadable: {type(error).__name__}: {error}"
            batch.rejected.append(Rejection(shown, "", plain_text(reason)))
    return batch


def read_batches(work: Iterable[list[str]], selection: Selection, *, jobs: int) -> Iterator[Batch]:
    """Yield the batches in order, read by `jobs` processes, a bounded number ahead.

    A file that kills its process is found by reading the files of its batch one by one.
    """
    if jobs == 1:
        yield from (read_batch(files, selection) for files in work)
        return
    ahead: deque[tuple[list[str], Future[Batch]]] = deque()
    pool = _pool(jobs)
    try:
        for files in work:
            try:
                future = pool.submit(read_batch, files, selection)
            except BrokenProcessPool:
                pool.shutdown()
                pool = _pool(jobs)
                future = pool.submit(read_batch, files, selection)
            ahead.append((files, future))
            if len(ahead) > 2 * jobs:
                yield _result(*ahead.popleft(), selection)
        while ahead:
            yield _result(*ahead.popleft(), selection)
    finally:
        pool.shutdown(cancel_futures=True)


def acceptable(raw: RawSpectrum, *, z: float, kind: str, classes: tuple[str, ...]) -> str:
    """Return why an object is not wanted; empty if it is."""
    if raw.problem:
        return raw.problem
    if classes and kind and kind not in classes:
        return f"class not wanted: {kind}"
    if not np.isfinite(z):
        return f"no redshift: z must be finite, got {z}; --catalog can give it"
    return "" if z > 0 else f"redshift not positive: z must be > 0, got {z:.6g}"


def _take(raw: RawSpectrum, file: str, selection: Selection, batch: Batch) -> None:
    """Add one object to the batch, or the reason why not."""
    facts = dict(raw.facts)
    object_id = facts["object_id"] = plain_text(facts["object_id"])
    catalog = _catalog(selection.catalog, selection.match) if selection.catalog else None
    if catalog is not None:
        row = catalog.find(object_id=object_id, ra=facts["ra"], dec=facts["dec"])
        facts["catalog_row"] = row
        if not np.isfinite(facts["z"]):
            facts["z"] = catalog.redshift(row)
        facts["class"] = facts["class"] or catalog.kind(row)
    problem = acceptable(raw, z=facts["z"], kind=facts["class"], classes=selection.classes)
    shift = pixel_shift(INSTRUMENTS[raw.instrument], selection.grid)
    if not problem and shift is None:
        problem = f"other grid: {raw.instrument} pixels do not fit; ingest them with --instrument"
    if problem:
        batch.rejected.append(Rejection(file, object_id, problem))
        return
    try:
        ready = prepare(
            selection.grid,
            pixel=raw.pixel + (shift or 0),
            flux=raw.flux,
            ivar=raw.ivar,
            masked=raw.masked,
            z=facts["z"],
        )
    except ValueError as error:
        batch.rejected.append(Rejection(file, object_id, str(error)))
        return
    measures = {"snr": ready.snr, "norm": ready.norm, "mask_fraction": ready.mask_fraction}
    batch.rows.append(facts | measures | {"instrument": raw.instrument, "file": file})
    batch.flux.append(ready.flux)
    batch.ivar.append(ready.ivar)


@cache
def _catalog(path: Path, match: Match) -> Catalog:
    """Return the catalogue, read once in each process."""
    from data.ingest.external_catalog import Catalog

    return Catalog(path, match=match)


def _result(files: list[str], future: Future[Batch], selection: Selection) -> Batch:
    try:
        return future.result()
    except BrokenProcessPool:
        return _one_by_one(files, selection)


def _one_by_one(files: list[str], selection: Selection) -> Batch:
    """Read files each in a process that may die."""
    whole = Batch(files=files)
    pool = _pool(1)
    for name in files:
        try:
            part = pool.submit(read_batch, [name], selection).result()
        except BrokenProcessPool:
            reason = "reader crashed: the file, or a lack of memory, killed its process"
            whole.rejected.append(
                Rejection(os.fsencode(name).decode("utf-8", "replace"), "", reason)
            )
            pool.shutdown()
            pool = _pool(1)
            continue
        whole.rows += part.rows
        whole.flux += part.flux
        whole.ivar += part.ivar
        whole.rejected += part.rejected
    pool.shutdown()
    return whole


def _reason(error: ValueError | OSError) -> str:
    if isinstance(error, OSError):
        return f"unreadable: {error.strerror or error}"
    return str(error)
