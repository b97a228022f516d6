"""`python -m model train`: a survey in, a model out."""

from __future__ import annotations

import shutil
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from data.grid import WaveGrid
from data.source import content_hash
from data.survey import Survey
from model.dense.config import DENSE_KINDS
from model.splits import SPLIT_RULE, Splits, split_source
from model.store.card import write_card
from model.store.storage import read_model_info, save_model
from model.training.config import STAGES, TrainConfig, ignored
from model.training.course.folder import check_unsaved, training_folder
from model.training.dense import choose_preparation, train_dense
from model.training.linear import train_linear
from model.training.search import search
from model.training.several import train_instruments
from model.training.trained import Fit, Trained, fidelities
from model.verdict import training_verdict

TRAINERS: dict[str, Fit] = {
    "spender": train_instruments,
    "pca": train_linear,
    "nmf": train_linear,
    **dict.fromkeys(DENSE_KINDS, train_dense),
}
"""Kind of model -> what trains it."""


def train(config: TrainConfig) -> None:
    """Learn a model from a survey and save it.

    Raises:
        ValueError: The survey or a setting does not suit, or the training failed.
    """
    with training_folder(config):
        if config.search:
            search(config, train)
        else:
            _train(config)


def _train(config: TrainConfig) -> None:
    """Learn one model, and save it."""
    if names := ignored(config):
        sys.stderr.write(f"WARNING: --model {config.model} does not use {', '.join(names)}\n")
    source = Survey(config.survey)
    first = rest_frame(config, source).wave[0]
    splits = split_source(source, object_class=config.object_class, rest_first=first)
    _check_splits(splits, len(source))
    start = time.monotonic()
    trained = TRAINERS[config.model](config, source, splits)
    if trained is None:  # another process saves
        return
    seconds = trained.seconds or time.monotonic() - start
    training = _record(config, source, splits, trained, seconds)
    metrics = fidelities(trained.model, source, splits, limit=config.reading.valid_max)
    check_unsaved(config.out)
    save_model(trained.model, config.out, training=training, metrics=metrics)
    shutil.rmtree(config.out / STAGES, ignore_errors=True)
    write_card(config.out)
    summary = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    sys.stderr.write(f"{config.out}: {summary}\n")
    if judged := training_verdict(read_model_info(config.out)):
        sys.stderr.write(f"{judged.text}\n")


def rest_frame(config: TrainConfig, source: Survey) -> WaveGrid:
    """Return the rest-frame grid of the model to train."""
    if config.model in DENSE_KINDS:
        return choose_preparation(config, source.grid).rest_grid
    return config.network.rest_grid(source.grid)


def _check_splits(splits: Splits, n_object: int) -> None:
    """Refuse to train or validate with too few objects."""
    if len(splits.train) < 2 or len(splits.valid) < 1:
        raise ValueError(
            f"training needs at least 2 objects to train and 1 to validate, got "
            f"{len(splits.train)} and {len(splits.valid)} of {n_object} "
            f"(left out: {splits.left_out}); add spectra (50 or more) or set --object-class any"
        )


def _record(
    config: TrainConfig, source: Survey, splits: Splits, trained: Trained, seconds: float
) -> dict[str, Any]:
    """Return what model.json says of the training."""
    return {
        "config": config.to_dict(),
        "seed": config.seed,
        "survey": source.reference(),
        "content": content_hash(source.reference()),
        "provenance": source.info.get("provenance", {}),
        "normalisation": source.info.get("normalisation", {}),
        "started_from": _started_from(config.start_from),
        "split": {"rule": SPLIT_RULE, **{name: len(rows) for name, rows in splits.sets().items()}},
        "left_out": splits.left_out,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("torch", "accelerate", "numpy", "zarr")},
        "seconds": round(seconds, 1),
        **trained.facts,
    }


def _started_from(path: str) -> dict[str, Any]:
    """Return what is known of the model a training starts from; empty without one."""
    if not path:
        return {}
    training = read_model_info(path)["training"]
    config = training.get("config", {})
    return {name: config.get(name) for name in ("config", "similarity", "consistency")} | {
        "seconds": training.get("seconds", 0.0)
    }
