"""Ingest files of spectra into a survey; a faulty file is rejected and the rest go on."""

from __future__ import annotations

import csv
import json
import os
import platform
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import pandas as pd
from tqdm import tqdm

from data.atomic import partial_folder
from data.commands import setting
from data.grid import INSTRUMENTS, NORM_RANGE
from data.ingest.batch import Criteria, FileContents, Rejection, read_batches
from data.ingest.duplicates import best_of_object
from data.ingest.external_catalog import Catalog, Match
from data.ingest.file_list import FileList, batches, find_files, printable_name
from data.ingest.formats import read_file
from data.survey_writer import SurveyWriter, finish_interrupted

MAX_FILES, MAX_BYTES = 128, 64_000_000
"""Files and bytes read between two entries of the journal; they bound the memory."""
FILES_PER_PROCESS = 300
"""One process more for each so many files: fewer are read before it has started."""
N_SAMPLE = 200
"""Number of files read to choose the grid."""
SOFTWARE = ("numpy", "pandas", "zarr", "fitsio")


@dataclass(frozen=True, kw_only=True)
class IngestConfig:
    """Settings of `python -m data ingest`."""

    path: tuple[Path, ...] = setting(help="FITS files, or folders of them", positional=True)
    out: Path = setting(help="survey folder to make")
    catalog: Path | None = setting(
        default=None, help="table that fills what the files lack (CSV, Parquet, FITS, VOTable)"
    )
    match: Match = setting(
        default="id", help="find its rows by identifier or position", choices=("id", "radec")
    )
    classes: tuple[str, ...] = setting(
        default=("GALAXY",), help="pipeline classes to accept; `all` accepts every one"
    )
    instrument: Literal["auto", "sdss", "boss", "desi"] = setting(
        default="auto",
        help="wavelength grid; auto takes the one of most files",
        choices=("auto", "sdss", "boss", "desi"),
    )
    jobs: int = setting(default=0, help="processes that read; 0: one for each core")
    resume: bool = setting(default=True, help="go on with an ingest that was stopped")
    overwrite: bool = setting(default=False, help="replace the survey at --out")

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        if self.jobs < 0:
            raise ValueError(f"--jobs must be 0 or more, got {self.jobs}")


def ingest(config: IngestConfig) -> None:
    """Read files, write the survey, report what was accepted and why the rest was rejected.

    Raises:
        ValueError: Nothing was accepted, or the settings do not fit the files.
        OSError: A file of the survey can not be written.
    """
    if config.resume and finish_interrupted(config.out):
        _say(f"{config.out} lacked only its last step; it is complete now")
        return
    found = find_files(config.path)
    catalog = Catalog(config.catalog, match=config.match) if config.catalog else None
    classes = tuple(name.upper() for name in config.classes)
    auto = config.instrument == "auto"
    instrument = _choose_instrument(found.files) if auto else config.instrument
    criteria = Criteria(
        grid=INSTRUMENTS[instrument],
        classes=() if "ALL" in classes else classes,
        catalog=config.catalog,
        match=config.match,
    )
    with SurveyWriter(
        config.out,
        grid=criteria.grid,
        info=_info(config, instrument, n_file=len(found.files)),
        resume=config.resume,
        overwrite=config.overwrite,
    ) as writer:
        rejected = [Rejection(name, "", reason) for name, reason in found.unreadable.items()]
        rejected += _append_all(writer, found, criteria, config)
        if not writer.n_row:
            writer.discard()
            _refuse_empty(rejected, found, config.out)
        rejected += _finish(writer, catalog)
        kinds = Counter(item.kind for item in rejected)
        writer.info["provenance"]["rejected"] = dict(kinds.most_common())
        _write_rejected(rejected, writer.file("rejected.csv"))
    n_accepted = json.loads((config.out / "survey.json").read_text())["n_object"]
    _report(rejected, n_accepted=n_accepted, found=found)
    _say(f"survey {config.out}; what was rejected, one a line: {config.out / 'rejected.csv'}")


def _refuse_empty(rejected: Sequence[Rejection], found: FileList, out: Path) -> NoReturn:
    _report(rejected, n_accepted=0, found=found)
    table = out.with_name(f"{out.name}-rejected.csv")
    _write_rejected(rejected, table)
    raise ValueError(f"nothing was accepted; reasons above and, one a line, in {table}")


def _append_all(
    writer: SurveyWriter, found: FileList, criteria: Criteria, config: IngestConfig
) -> list[Rejection]:
    """Append what the files hold, batch by batch, and return what was rejected."""
    asked = {
        "grid": criteria.grid.to_dict(),
        "classes": list(criteria.classes),
        "catalog": [str(criteria.catalog), criteria.match],
    }
    if writer.notes and writer.notes[0] != {"settings": asked}:
        raise ValueError(
            f"{partial_folder(config.out)} was begun with other settings; "
            "repeat those, or start anew with --no-resume"
        )
    rejected = [Rejection(*item) for note in writer.notes[1:] for item in note["rejected"]]
    done = {name for note in writer.notes[1:] for name in note["files"]}
    if not writer.notes:
        nothing = np.zeros((0, criteria.grid.n_pixel))
        writer.append(pd.DataFrame(), nothing, nothing, note={"settings": asked})
    left = [name for name in found.files if printable_name(name) not in done]
    if done:
        _say(f"going on: {len(found.files) - len(left)} of {len(found.files)} files were done")
    work = batches(left, max_files=MAX_FILES, max_bytes=MAX_BYTES)
    jobs = config.jobs or min(len(os.sched_getaffinity(0)), 1 + len(left) // FILES_PER_PROCESS)
    with tqdm(
        total=len(found.files), initial=len(found.files) - len(left), unit="file", disable=None
    ) as progress:
        for contents in read_batches(work, criteria, jobs=jobs):
            _append(writer, contents)
            rejected += contents.rejected
            progress.update(len(contents.files))
    return rejected


def _append(writer: SurveyWriter, contents: FileContents) -> None:
    shape = (len(contents.rows), writer.grid.n_pixel)
    note = {
        "files": [printable_name(name) for name in contents.files],
        "rejected": [[item.file, item.object_id, item.reason] for item in contents.rejected],
    }
    flux, ivar = (
        np.array(rows, np.float32).reshape(shape) for rows in (contents.flux, contents.ivar)
    )
    writer.append(pd.DataFrame(contents.rows), flux, ivar, note=note)


def _finish(writer: SurveyWriter, catalog: Catalog | None) -> list[Rejection]:
    """Complete the catalogue, keep the best spectrum of each object, return the others."""
    rows = writer.catalog()
    if catalog is not None:
        matches = rows.pop("catalog_row").to_numpy(np.int64)
        _say(f"catalogue: {(matches >= 0).sum()} of {len(rows)} objects found in it")
        added = catalog.columns_for(matches)
        numeric = pd.api.types.is_numeric_dtype
        for name in rows.columns.intersection(added.columns):
            if numeric(rows[name]) != numeric(added[name]):
                continue
            rows[name] = rows[name].where(rows[name].notna() & (rows[name] != ""), added[name])
        rows = pd.concat([rows, added[added.columns.difference(rows.columns)]], axis=1)
    best = best_of_object(rows)
    keep = best == np.arange(len(rows))
    writer.compact(rows, keep)
    files, ids, snr = (rows[name].to_numpy() for name in ("file", "object_id", "snr"))
    return [
        Rejection(
            str(files[row]),
            str(ids[row]),
            f"duplicate: {ids[best[row]]} observes the same object with S/N "
            f"{snr[best[row]]:.2f}, this one has {snr[row]:.2f}",
        )
        for row in np.flatnonzero(~keep)
    ]


def _choose_instrument(files: Sequence[str]) -> str:
    """Return the instrument of most files of a sample; report it if there are several."""
    positions = np.linspace(0, len(files) - 1, N_SAMPLE).astype(int)
    sample = [files[int(position)] for position in np.unique(positions)]
    counts: Counter[str] = Counter()
    for name in sample:
        with suppress(ValueError, OSError):  # the ingest itself reports what is wrong with a file
            counts.update(raw.instrument for raw in islice(read_file(Path(name)), 1))
    chosen = counts.most_common(1)[0][0] if counts else "sdss"
    if len(counts) > 1:
        listed = ", ".join(f"{count} {name}" for name, count in counts.most_common())
        wave = INSTRUMENTS[chosen].wave
        _say(
            f"files of several instruments (of {len(sample)} looked into: {listed}); all go on the "
            f"{chosen} grid, {wave[0]:.0f}-{wave[-1]:.0f} A. --instrument takes another"
        )
    return chosen


def _info(config: IngestConfig, instrument: str, *, n_file: int) -> dict[str, Any]:
    """Return the content of survey.json besides the grid."""
    return {
        "name": config.out.name,
        "instrument": instrument,
        "flux_unit": "norm x 1e-17 erg / s / cm2 / Angstrom",
        "normalisation": {"statistic": "median", "rest_range": list(NORM_RANGE)},
        "provenance": {
            "inputs": [str(path.resolve()) for path in config.path],
            "catalog": str(config.catalog.resolve()) if config.catalog else None,
            "match": config.match,
            "classes": list(config.classes),
            "n_file": n_file,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "software": {name: version(name) for name in SOFTWARE}
            | {"python": platform.python_version()},
        },
    }


def _report(rejected: Sequence[Rejection], *, n_accepted: int, found: FileList) -> None:
    """Write the table of what was accepted and what was not."""
    lines = [f"{n_accepted:>9} accepted, of {len(found.files)} files"]
    counts = Counter(item.kind for item in rejected)
    for kind, count in counts.most_common():
        example = next(item for item in rejected if item.kind == kind)
        detail = example.reason.removeprefix(kind).removeprefix(": ")
        where = example.object_id or Path(example.file).name
        lines.append(f"{count:>9} rejected, {kind} (e.g. {where}{': ' if detail else ''}{detail})")
    if found.n_repeat:
        lines.append(f"{found.n_repeat:>9} paths given more than once were read once")
    sys.stdout.write("\n".join(lines) + "\n")


def _write_rejected(rejected: Sequence[Rejection], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table)
        writer.writerow(["file", "object_id", "reason"])
        writer.writerows([item.file, item.object_id, item.reason] for item in rejected)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
