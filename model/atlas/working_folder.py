"""The folder in which an atlas is made, beside its destination; a stopped job goes on there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import pandas as pd

from data.json_file import read_json, write_json
from data.partial.folder import empty
from data.source import content_hash
from data.spectra import SpectrumSource
from model.atlas.atlas import SCHEMA_VERSION
from model.atlas.config import AtlasConfig
from model.atlas.encoding import BLOCK_FILES
from model.atlas.writer import GROUP_ROWS
from model.interface import StoredModel
from model.store.storage import load_model, read_model_info, save_model

MODEL_FILES = ("model.safetensors", "model.json", "history.csv", "README.md")
"""What the atlas copies of a model: all but its checkpoints."""


WORK = ".work"
"""Folder of what the stages need of each other, not kept in the finished atlas."""
JOB = f"{WORK}/job.json"


def begin(
    folder: Path, source: SpectrumSource, model_info: dict[str, Any], config: AtlasConfig
) -> None:
    """Make a folder ready for the stages; one left by the same job is gone on with.

    One left by another job, or by this one of a survey that has changed since, is emptied.

    Raises:
        ValueError: What tells of the job is damaged.
    """
    job = {
        "ids_sha256": _digest(pd.Series(source.catalog["object_id"])),
        "source": source.reference(),
        "content": content_hash(source.reference()),
        "weights_sha256": model_info["weights_sha256"],
        "seed": config.seed,
        "flow": asdict(config.flow),
        "compact": config.compact,
        "map_sample": config.map_sample,
        "refine": config.refine,
        "blocks": BLOCK_FILES,
        "measures": "lines",
        "schema_version": SCHEMA_VERSION,
    }
    job_file = folder / JOB
    if job_file.exists():
        left, asked = _read_job(folder), json.loads(json.dumps(job))
        changed = [name for name in asked if left.get(name) != asked[name]]
        if not changed:
            return
        sys.stderr.write(f"starts anew: {', '.join(_told(changed))} changed since it was stopped\n")
    empty(folder, first=[JOB])
    job_file.parent.mkdir()
    write_json(job_file, job)


def finish(folder: Path, out: Path) -> None:
    """Give a finished atlas the name of its destination, then remove what its stages left.

    In this order: stopped in between, the atlas is whole and has a folder too much, which the next
    command with this destination removes.
    """
    os.rename(folder, out)
    shutil.rmtree(out / WORK, ignore_errors=True)


def check_destination(out: Path) -> None:
    """Refuse a destination that exists; remove what the stages of an atlas there have left.

    Raises:
        ValueError: It exists.
    """
    if (out / "atlas.json").is_file():
        shutil.rmtree(out / WORK, ignore_errors=True)
    if out.exists():
        raise ValueError(f"{out} exists; choose another --out or remove it")


def copy_model(model: Path, target: Path, *, half: bool) -> None:
    """Copy a model without its checkpoints; `half` rounds its weights to float16."""
    target.mkdir(exist_ok=True)
    for name in MODEL_FILES:
        if (model / name).exists():
            shutil.copyfile(model / name, target / name)
    if half:
        info, loaded = read_model_info(model), load_model(model)
        save_model(
            cast("StoredModel", loaded), target, half=True,
            training=info["training"], metrics=info["metrics"],
        )  # fmt: skip


def _read_job(folder: Path) -> dict[str, Any]:
    try:
        return read_json(folder / JOB, what="stopped atlas")
    except ValueError as error:
        raise ValueError(f"{error}; remove {folder} to start anew") from error


def _told(changed: list[str]) -> list[str]:
    """Return the names of what differs, in words."""
    words = {
        "ids_sha256": "the objects", "source": "the survey", "content": "what the survey holds",
        "weights_sha256": "the model",
    }  # fmt: skip
    return [words.get(name, name) for name in changed]


def _digest(ids: pd.Series) -> str:
    """Return the SHA-256 of identifiers, one a line, some at a time."""
    digest = hashlib.sha256()
    for start in range(0, len(ids), GROUP_ROWS):
        some = "\n".join(ids.iloc[start : start + GROUP_ROWS].astype(str))
        digest.update(f"\n{some}".encode() if start else some.encode())
    return digest.hexdigest()
