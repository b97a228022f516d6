"""Ingest files of spectra into a survey; a faulty file is rejected and the rest go on."""

from __future__ import annotations

import csv
import json
import math
import os
import platform
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import pandas as pd
from tqdm import tqdm

from data.commands import setting
from data.grid import INSTRUMENTS, NORM_RANGE
from data.ingest.batch import (
    CatalogChoice,
    Criteria,
    FileContents,
    Rejection,
    open_catalog,
    read_batches,
)
from data.ingest.duplicates import best_of_object, repeat_reason
from data.ingest.external_catalog import Catalog, Match
from data.ingest.file_list import FileList, batches, find_files
from data.ingest.formats import read_file
from data.ingest.pixel_mask import mask_policy
from data.ingest.raw_spectrum import OTHER
from data.ingest.resume import Done, digest, finish_stopped, note_of, take_up
from data.ingest.sample_cuts import SampleCuts, sample_cuts
from data.survey_writer import SurveyWriter

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
    table: str = setting(
        default="", help="name or number of the table, where the catalogue's file holds several"
    )
    column: tuple[str, ...] = setting(
        default=(), help="columns of the catalogue by what they are, as in z=redshift"
    )
    prefer: Literal["file", "catalog"] = setting(
        default="file",
        help="whose redshift and class are taken where both have one",
        choices=("file", "catalog"),
    )
    sample: Literal["", "liang2023", "portillo2020", "nicolaou2025"] = setting(
        default="", help="the sample of a paper; the cuts below change it",
        choices=("liang2023", "portillo2020", "nicolaou2025"),
    )  # fmt: skip
    classes: tuple[str, ...] = setting(
        default=(), help="pipeline classes to accept; `all` accepts every one; without it GALAXY"
    )
    z: tuple[float, ...] = setting(default=(), help="lowest and highest redshift")
    z_err: float | None = setting(default=None, help="redshift errors must be below this")
    zwarn: Literal["any", "0"] = setting(
        default="any", help="0 takes redshifts without warning only", choices=("any", "0")
    )
    snr: float | None = setting(default=None, help="lowest median signal to noise per pixel")
    primary: bool = setting(
        default=False, help="only the survey's best observation of each object (SPECPRIMARY)"
    )
    good_plates: bool = setting(default=False, help="only plates of quality `good`")
    mask_bits: tuple[str, ...] = setting(
        default=("default",),
        help="bits of the files' masks that leave a pixel out: default, all, none, or their names",
    )
    air: bool = setting(
        default=False, help="wavelengths are in air where a file does not say in what they are"
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
        if self.z and not (len(self.z) == 2 and self.z[0] < self.z[1]):
            raise ValueError(f"--z takes the lowest and the highest redshift, got {self.z}")
        mask_policy(self.mask_bits)
        wrong = [pair for pair in self.column if not all(pair.partition("="))]
        if wrong:
            raise ValueError(f"--column takes STANDARD=COLUMN, as in z=redshift, got {wrong[0]!r}")

    @property
    def cuts(self) -> SampleCuts:
        """What is asked of the objects."""
        classes = tuple(name.upper() for name in self.classes)
        return sample_cuts(
            self.sample,
            classes=(() if "ALL" in classes else classes) if classes else None,
            z=(self.z[0], self.z[1]) if self.z else None,
            z_err=self.z_err,
            clean_z=True if self.zwarn == "0" else None,
            snr=self.snr,
            primary=True if self.primary else None,
            good_plate=True if self.good_plates else None,
        )

    @property
    def catalog_choice(self) -> CatalogChoice | None:
        """The catalogue and how it is read, or none."""
        if self.catalog is None:
            return None
        pairs = tuple((pair.partition("=")[0], pair.partition("=")[2]) for pair in self.column)
        return CatalogChoice(
            path=self.catalog, match=self.match, table=self.table, columns=pairs,
            preferred=self.prefer == "catalog",
        )  # fmt: skip


def ingest(config: IngestConfig) -> None:
    """Read files, write the survey, report what was accepted and why the rest was rejected.

    Raises:
        ValueError: Nothing was accepted, or the settings do not fit the files.
        OSError: A file of the survey can not be written.
    """
    found = find_files(config.path)
    choice = config.catalog_choice
    catalog = open_catalog(choice) if choice else None
    for line in catalog.told if catalog else ():
        _say(f"catalogue: {line}")
    auto = config.instrument == "auto"
    instrument = _choose_instrument(found.files) if auto else config.instrument
    criteria = Criteria(
        grid=INSTRUMENTS[instrument],
        catalog=choice,
        cuts=config.cuts,
        mask=mask_policy(config.mask_bits),
        air=config.air,
    )
    asked, content = _asked(config, criteria), digest(config.catalog)
    if config.resume and finish_stopped(config.out, settings=asked, content=content):
        _say(f"{config.out} lacked only its last step; it is complete now")
        return
    with SurveyWriter(
        config.out,
        grid=criteria.grid,
        info=_info(config, instrument, n_file=len(found.files))
        | {"ingest": asked | {"content": content}},
        resume=config.resume,
        overwrite=config.overwrite,
    ) as writer:
        rejected = [Rejection(name, "", reason) for name, reason in found.unreadable.items()]
        done = take_up(writer, settings=asked, content=content)
        rejected += _append_all(writer, found, criteria, done, jobs=config.jobs)
        if not writer.n_row:
            writer.discard()
            _refuse_empty(rejected, found, config.out)
        rejected += _finish(writer, catalog, prefer=config.prefer)
        kinds = Counter(item.kind for item in rejected)
        writer.info["provenance"]["rejected"] = dict(kinds.most_common())
        _write_rejected(rejected, writer.file("rejected.csv"))
    n_accepted = json.loads((config.out / "survey.json").read_text())["n_object"]
    _report(rejected, n_accepted=n_accepted, found=found)
    _say(_mask_cost(done.masked))
    for remark, count in done.remarks.most_common():
        _say(f"WARNING: {count} spectra: {remark}")
    _say(f"survey {config.out}; what was rejected, one a line: {config.out / 'rejected.csv'}")


def _refuse_empty(rejected: Sequence[Rejection], found: FileList, out: Path) -> NoReturn:
    _report(rejected, n_accepted=0, found=found)
    table = out.with_name(f"{out.name}-rejected.csv")
    _write_rejected(rejected, table)
    raise ValueError(f"nothing was accepted; reasons above and, one a line, in {table}")


def _asked(config: IngestConfig, criteria: Criteria) -> dict[str, Any]:
    """Return all that decides what is accepted and how, JSON-ready."""
    return {
        "inputs": [str(path.resolve()) for path in config.path],
        "grid": criteria.grid.to_dict(),
        "cuts": {name: _plain(value) for name, value in asdict(criteria.cuts).items()},
        "mask": asdict(criteria.mask),
        "air": criteria.air,
        "catalog": str(config.catalog.resolve()) if config.catalog else None,
        "match": config.match,
        "table": config.table,
        "column": sorted(config.column),
        "prefer": config.prefer,
    }


def _append_all(
    writer: SurveyWriter, found: FileList, criteria: Criteria, done: Done, *, jobs: int
) -> list[Rejection]:
    """Append what the files hold, batch by batch, and return what was rejected."""
    if done.restarted:
        _say(done.restarted)
    left = [name for name in found.files if name not in done.files]
    if done.files:
        _say(f"going on: {len(found.files) - len(left)} of {len(found.files)} files were done")
    rejected = done.rejected
    work = batches(left, max_files=MAX_FILES, max_bytes=MAX_BYTES)
    jobs = jobs or min(len(os.sched_getaffinity(0)), 1 + len(left) // FILES_PER_PROCESS)
    with tqdm(
        total=len(found.files), initial=len(found.files) - len(left), unit="file", disable=None
    ) as progress:
        for contents in read_batches(work, criteria, jobs=jobs):
            _append(writer, contents)
            rejected += contents.rejected
            done.remarks.update(contents.remarks)
            done.masked.update(contents.masked)
            progress.update(len(contents.files))
    return rejected


def _append(writer: SurveyWriter, contents: FileContents) -> None:
    shape = (len(contents.rows), writer.grid.n_pixel)
    flux, ivar = (
        np.array(rows, np.float32).reshape(shape) for rows in (contents.flux, contents.ivar)
    )
    writer.append(pd.DataFrame(contents.rows), flux, ivar, note=note_of(contents))


def _finish(writer: SurveyWriter, catalog: Catalog | None, *, prefer: str) -> list[Rejection]:
    """Complete the catalogue, keep the best spectrum of each object, return the others."""
    rows = writer.catalog()
    if catalog is not None:
        rows = _join(rows, catalog, prefer=prefer)
    best = best_of_object(rows)
    keep = best == np.arange(len(rows))
    writer.compact(rows, keep)
    files, ids = (rows[name].to_numpy() for name in ("file", "object_id"))
    return [
        Rejection(str(files[row]), str(ids[row]), repeat_reason(rows, int(row), int(best[row])))
        for row in np.flatnonzero(~keep)
    ]


def _join(rows: pd.DataFrame, catalog: Catalog, *, prefer: str) -> pd.DataFrame:
    """Return the rows with what the catalogue adds; report how they fit together."""
    matches = rows.pop("catalog_row").to_numpy(np.int64)
    for line in catalog.coverage(matches):
        _say(line)
    for name, quantity in (("z_differs", "redshift"), ("class_differs", "class")):
        differs = rows.pop(name).to_numpy(bool)
        if differs.any():
            example = rows["object_id"].to_numpy()[differs][0]
            _say(
                f"WARNING: file and catalogue differ in the {quantity} of {differs.sum()} objects "
                f"(e.g. {example}); the {prefer}'s was taken (--prefer)"
            )
    added = catalog.columns_for(matches)
    numeric = pd.api.types.is_numeric_dtype
    for name in rows.columns.intersection(added.columns):
        if numeric(rows[name]) == numeric(added[name]):
            here = rows[name].notna() & (rows[name] != "")
            rows[name] = rows[name].where(here, added[name])
    return pd.concat([rows, added[added.columns.difference(rows.columns)]], axis=1)


def _choose_instrument(files: Sequence[str]) -> str:
    """Return the instrument of most files of a sample; report it if there are several."""
    positions = np.linspace(0, len(files) - 1, N_SAMPLE).astype(int)
    sample = [files[int(position)] for position in np.unique(positions)]
    counts: Counter[str] = Counter()
    for name in sample:
        with suppress(ValueError, OSError):  # the ingest itself reports what is wrong with a file
            counts.update(raw.instrument for raw in islice(read_file(Path(name)), 1))
    n_other = counts.pop(OTHER, 0)
    chosen = counts.most_common(1)[0][0] if counts else "boss" if n_other else "sdss"
    if n_other:
        _say(
            f"{n_other} of {len(sample)} files looked into have grids of their own; "
            f"their spectra are resampled onto the {chosen} grid. --instrument takes another"
        )
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
            "classes": list(config.cuts.classes),
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


def _mask_cost(masked: Counter[str]) -> str:
    """Return one line on what the masks leave out."""
    n_pixel = max(masked[""], 1)
    bits = [(name, count) for name, count in masked.most_common() if name and count]
    told = ", ".join(f"{name} {count / n_pixel:.2%}" for name, count in bits[:6])
    return f"masks leave out of {masked['']:,} measured pixels: {told or 'none'} (--mask-bits)"


def _plain(value: Any) -> Any:  # noqa: ANN401 - of any setting
    """Return a setting as JSON has it: no infinite numbers, no tuples."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _write_rejected(rejected: Sequence[Rejection], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table)
        writer.writerow(["file", "object_id", "reason"])
        writer.writerows([item.file, item.object_id, item.reason] for item in rejected)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
