"""Ingest files of spectra into a survey; a faulty file is rejected and the rest go on."""

from __future__ import annotations

import math
import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from tqdm import tqdm

from data.commands import keep_inputs
from data.ingest.batch import FileContents, Rejection, open_catalog
from data.ingest.catalog.external_catalog import Catalog
from data.ingest.config import IngestConfig
from data.ingest.criteria import Criteria
from data.ingest.duplicates import best_of_object, repeat_reasons, tell_apart
from data.ingest.file_list import FileList, batches, find_files
from data.ingest.grids import choose_grids
from data.ingest.parallel import read_batches
from data.ingest.pixel_mask import mask_policy
from data.ingest.raw_spectrum import OTHER
from data.ingest.report import grid_lines, mask_cost, report_counts, say, write_rejected
from data.ingest.resume import Done, digest, finish_stopped, note_of, take_up
from data.json_file import read_json
from data.processes import n_processor
from data.survey_writer import Block, SurveyWriter

MAX_FILES, MAX_BYTES = 128, 64_000_000
"""Files and bytes read between two entries of the journal; they bound the memory."""
FILES_PER_PROCESS = 300
"""One process more for each so many files: fewer are read before it has started."""
BYTES_PER_PROCESS = 150_000_000
"""The same for large files, as those of whole plates."""
SOFTWARE = ("numpy", "pandas", "zarr", "fitsio")


def ingest(config: IngestConfig) -> None:
    """Read files, write the survey, report what was accepted and why the rest was rejected.

    Raises:
        ValueError: Nothing was accepted, or the settings do not fit the files.
        OSError: A file of the survey can not be written.
    """
    if config.out.exists() and not config.overwrite:
        raise ValueError(f"{config.out} exists; choose another --out, or --overwrite it")
    inputs = [path for path in (*config.path, config.catalog) if path is not None]
    folders = [folder for path in inputs for folder in path.resolve().parents]
    keep_inputs(outputs=[config.out], inputs=[*inputs, *folders])
    found = find_files(config.path, leave_out=config.catalog)
    choice = config.catalog_choice
    catalog = open_catalog(choice) if choice else None
    for line in catalog.told if catalog else ():
        say(f"catalogue: {line}")
    criteria = Criteria(
        grids=choose_grids(config.instrument, found.files, config.assumed),
        catalog=choice,
        cuts=config.cuts,
        mask=mask_policy(config.mask_bits),
        assumed=config.assumed,
        norm=config.norm_range,
    )
    asked, content = _asked(config, criteria), _content(config, criteria)
    if config.resume and finish_stopped(config.out, settings=asked, content=content):
        say(f"{config.out} lacked only its last step; it is complete now")
        return
    with SurveyWriter(
        config.out,
        grid=criteria.grids.by_name,
        info=_info(config, asked, n_file=len(found.files))
        | {"ingest": asked | {"content": content}},
        resume=config.resume,
        overwrite=config.overwrite,
    ) as writer:
        rejected = [Rejection(name, "", reason) for name, reason in found.unreadable.items()]
        done = take_up(writer, settings=asked, content=content)
        rejected += _append_all(writer, found, criteria, done, config)
        if not writer.n_row:
            writer.discard()
            _refuse_empty(rejected, found, config.out)
        rejected += _finish(writer, catalog, prefer=config.prefer)
        kinds = Counter(item.kind for item in rejected)
        writer.info["provenance"]["rejected"] = dict(kinds.most_common())
        write_rejected(rejected, writer.file("rejected.csv"))
    info = read_json(config.out / "survey.json", what="survey")
    report_counts(rejected, n_accepted=info["n_object"], found=found)
    for line in grid_lines(info, criteria.norm):
        say(line)
    say(mask_cost(done.masked))
    for remark, count in done.remarks.most_common():
        say(f"WARNING: {count} spectra: {remark}")
    say(f"survey {config.out}; what was rejected, one a line: {config.out / 'rejected.csv'}")


def _refuse_empty(rejected: Sequence[Rejection], found: FileList, out: Path) -> NoReturn:
    report_counts(rejected, n_accepted=0, found=found)
    table = out.with_name(f"{out.name}-rejected.csv")
    write_rejected(rejected, table)
    raise ValueError(f"nothing was accepted; reasons above and, one a line, in {table}")


def _asked(config: IngestConfig, criteria: Criteria) -> dict[str, Any]:
    """Return all that decides what is accepted and how, JSON-ready."""
    assumed = criteria.assumed
    return {
        "inputs": [str(path.resolve()) for path in config.path],
        "instrument": config.instrument,
        "norm": criteria.norm and list(criteria.norm),
        "cuts": {name: _plain(value) for name, value in asdict(criteria.cuts).items()},
        "mask": asdict(criteria.mask),
        "air": assumed.air,
        "assumed_snr": _plain(assumed.assumed_snr),
        **({"wave_unit": assumed.wave_unit} if assumed.wave_unit else {}),
        "catalog": str(config.catalog.resolve()) if config.catalog else None,
        "match": config.match,
        "table": config.table,
        "column": sorted(config.column),
        "prefer": config.prefer,
    }


def _content(config: IngestConfig, criteria: Criteria) -> dict[str, str]:
    """Return what the result depends on beside settings and files of spectra."""
    name = criteria.grids.target[OTHER]
    return {
        "catalogue": digest(config.catalog),
        "grid of other instruments": f"{name} {criteria.grids.by_name[name]}",
    }


def _append_all(
    writer: SurveyWriter, found: FileList, criteria: Criteria, done: Done, config: IngestConfig
) -> list[Rejection]:
    """Append what the files hold, batch by batch, and return what was rejected."""
    if done.restarted:
        say(done.restarted)
    left = [name for name in found.files if name not in done.files]
    if done.files:
        say(f"going on: {len(found.files) - len(left)} of {len(found.files)} files were done")
    rejected = done.rejected
    work = batches(left, max_files=MAX_FILES, max_bytes=MAX_BYTES)
    n_byte = sum(os.path.getsize(name) for name in left if os.path.isfile(name))
    useful = 1 + max(len(left) // FILES_PER_PROCESS, n_byte // BYTES_PER_PROCESS)
    jobs = config.jobs or min(n_processor(), len(left) or 1, useful)
    with tqdm(
        total=len(found.files), initial=len(found.files) - len(left), unit="file", disable=None
    ) as progress:
        for contents in read_batches(work, criteria, jobs=jobs, scheduler=config.scheduler):
            _append(writer, contents)
            rejected += contents.rejected
            done.remarks.update(contents.remarks)
            done.masked.update(contents.masked)
            progress.update(len(contents.files))
    return rejected


def _append(writer: SurveyWriter, contents: FileContents) -> None:
    blocks = []
    for name in dict.fromkeys(contents.grids):
        these = [place for place, grid in enumerate(contents.grids) if grid == name]
        flux, ivar = (
            np.array([spectra[place] for place in these], np.float32)
            for spectra in (contents.flux, contents.ivar)
        )
        rows = _frame([contents.rows[place] for place in these])
        blocks.append(Block(name, rows, flux, ivar))
    writer.append_blocks(blocks, note=note_of(contents))


def _frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a table in which integers stay integers where some are missing."""
    frame = pd.DataFrame(list(rows))
    for name in frame.columns[frame.isna().any()]:
        values = [row.get(name) for row in rows]
        if all(value is None or isinstance(value, int) for value in values):
            frame[name] = pd.array(values, dtype="Int64")
    return frame


def _finish(writer: SurveyWriter, catalog: Catalog | None, *, prefer: str) -> list[Rejection]:
    """Complete the catalogue, keep the best spectrum of each object, return the others."""
    rows = writer.catalog()
    if catalog is not None:
        rows = _join(rows, catalog, prefer=prefer)
    if changed := tell_apart(rows):
        say(
            f"WARNING: {changed} objects are named as others are, after their files or by a count: "
            "their folders or files are put before their names"
        )
    best = best_of_object(rows)
    writer.compact(rows, best == np.arange(len(rows)))
    files, ids = (rows[name].to_numpy() for name in ("file", "object_id"))
    reasons = repeat_reasons(rows, best)
    return [Rejection(str(files[row]), str(ids[row]), reasons[row]) for row in reasons]


def _join(rows: pd.DataFrame, catalog: Catalog, *, prefer: str) -> pd.DataFrame:
    """Return the rows with what the catalogue adds; report how they fit together."""
    matches = rows.pop("catalog_row").to_numpy(np.int64)
    for line in catalog.coverage(matches, rows["file"].tolist()):
        say(line)
    for name, quantity in (("z_differs", "redshift"), ("class_differs", "class")):
        differs = rows.pop(name).to_numpy(bool)
        if differs.any():
            example = rows["object_id"].to_numpy()[differs][0]
            say(
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


def _info(config: IngestConfig, asked: dict[str, Any], *, n_file: int) -> dict[str, Any]:
    """Return the content of survey.json besides the grid and what was `asked`."""
    return {
        "name": config.out.name,
        "flux_unit": "norm x 1e-17 erg / s / cm2 / Angstrom",
        "normalisation": {"statistic": "median", "rest_range": list(config.norm_range)}
        if config.norm_range
        else {"statistic": "none"},
        "provenance": {
            **{name: asked[name] for name in ("inputs", "catalog", "match")},
            "classes": list(config.cuts.classes),
            "n_file": n_file,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "software": {name: version(name) for name in SOFTWARE}
            | {"python": platform.python_version()},
        },
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 - of any setting
    """Return a setting as JSON has it: no infinite numbers, no tuples."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
