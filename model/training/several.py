"""Trains a SPENDER on spectra of several grids: one instrument after another.

The instrument with most objects trains decoder and encoder; each of the others gets an encoder of
its own into the same latent space, decoder frozen (`model.training.instruments`). Every one leaves
a model in a folder of its own, so that a stopped training goes on with the next.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate import PartialState

from data.json_file import write_json
from data.parts import OnePart
from data.source import content_hash
from data.spectra import Part, SpectrumSource
from model.device import choose_device
from model.networks.spender import Spender
from model.splits import Splits
from model.store.storage import load_model, read_model_info, save_model
from model.training.config import CHECKPOINT, STAGES, STAGES_CONFIG, TrainConfig
from model.training.course.state import check_content
from model.training.instruments import add_instrument
from model.training.spender import train_spender
from model.training.trained import Trained

FEWEST = 20
"""Objects that train an encoder; an instrument with fewer gets a copy of the first one's."""


def train_instruments(
    config: TrainConfig, source: SpectrumSource, splits: Splits
) -> Trained | None:
    """Train a SPENDER with an encoder for each grid of a source."""
    if len(source.parts) == 1:
        return train_spender(config, source, splits)
    counts = {part: len(part.among(splits.train)) for part in source.parts}
    order = sorted(source.parts, key=lambda part: -counts[part])
    processes = PartialState(cpu=choose_device(config.hardware.device).type == "cpu")
    main = processes.is_main_process
    if main:
        (config.out / STAGES).mkdir(parents=True, exist_ok=True)
        write_json(config.out / STAGES_CONFIG, config.to_dict())
    previous, facts = config.start_from, {}
    content = content_hash(source.reference())
    seconds = 0.0
    for part in order:
        stage = _stage(config, part, order[0], previous, share=counts[part] / sum(counts.values()))
        if not (stage.out / "model.json").is_file():
            _say(f"{part.name}: {counts[part]} objects to learn from", main)
            _train_stage(stage, source, _within(splits, part), part, main=main)
        processes.wait_for_everyone()
        told = read_model_info(stage.out)["training"]
        check_content(stage.out, told.get("content"), content)
        seconds += told["seconds"]
        facts[part.name] = told["facts"]
        previous = str(stage.out)
    if not main:
        return None
    model = load_model(previous)
    assert isinstance(model, Spender)
    _gather_histories(config.out, order)
    return Trained(model=model, seconds=seconds, facts={"instruments": facts})


def _stage(
    config: TrainConfig, part: Part, first: Part, start_from: str, *, share: float
) -> TrainConfig:
    """Return the settings of one instrument's training."""
    rest = config.network.rest_grid(first.grid).wave
    out = config.out / STAGES / part.name
    return replace(
        config,
        out=out,
        start_from=start_from,
        resume=config.resume and (out / CHECKPOINT).is_file(),
        network=replace(config.network, rest_first=float(rest[0]), rest_last=float(rest[-1])),
        schedule=replace(config.schedule, minutes=config.schedule.minutes * share),
    )


def _within(splits: Splits, part: Part) -> Splits:
    """Return the rows of each set that lie in a part."""
    sets = {name: rows[part.among(rows)] for name, rows in splits.sets().items()}
    return Splits(**sets, left_out=splits.left_out)


def _train_stage(
    config: TrainConfig, source: SpectrumSource, splits: Splits, part: Part, *, main: bool
) -> None:
    """Train the encoder of one instrument, and save the model so far."""
    facts: dict[str, Any]
    if config.start_from and (len(splits.train) < FEWEST or not len(splits.valid)):
        _say(
            f"WARNING: {part.name} has too few objects to train an encoder ({FEWEST} are needed): "
            "it gets a copy of the first instrument's; --instrument of ingest puts spectra on "
            "one grid",
            main,
        )
        loaded = load_model(config.start_from)
        assert isinstance(loaded, Spender)
        trained = Trained(model=add_instrument(loaded, part.name, part.grid), seconds=0.0)
        facts = {"n_train": len(splits.train), "encoder": "copy"}
    else:
        result = train_spender(config, OnePart(source, part), splits)
        if result is None:
            return
        trained, facts = result, {"n_train": len(splits.train), **result.facts}
    if main:
        content = content_hash(source.reference())
        training = {"seconds": trained.seconds, "facts": facts, "content": content}
        save_model(trained.model, config.out, training=training)


def _gather_histories(out: Path, order: list[Part]) -> None:
    """Keep the histories of all stages beside the model."""
    for number, part in enumerate(order):
        history = out / STAGES / part.name / "history.csv"
        if history.is_file():
            name = "history.csv" if number == 0 else f"history-{part.name}.csv"
            shutil.move(history, out / name)


def _say(text: str, main: bool) -> None:  # noqa: FBT001
    if main:
        sys.stderr.write(text + "\n")
