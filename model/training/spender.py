"""Trains a SPENDER: chooses what the settings leave open, and runs the trainer."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from data.grid import INSTRUMENTS, WaveGrid
from data.parts import OnePart
from data.spectra import SpectrumSource
from model.batches.loader import BatchLoader
from model.device import choose_device, choose_precision
from model.networks.config import SpenderConfig
from model.networks.decoder import Activation
from model.networks.spender import Spender
from model.networks.weights import load_weights
from model.splits import Splits, evenly
from model.training.config import CHECKPOINT, GUIDE, TrainConfig
from model.training.guide import Guide
from model.training.guide_fit import MAX_GALAXY, fit_guide
from model.training.instruments import start_from_model, train_only
from model.training.objective import Objective
from model.training.settings import ScheduleSettings
from model.training.trained import Trained
from model.training.trainer import Trainer

MIN_STEPS = 3000
DEFAULT_EPOCHS = 100
CPU_BATCH, GPU_BATCH = 64, 512
GALAXIES_PER_MINUTE = 600
"""Spectra of the warm start for each minute of a training: it takes a tenth of the time then."""
SMALL_SURVEY, SMALL_AUGMENTED = 5000, 0.5
"""Fewer spectra are overfitted unless the encoder sees half of them augmented."""


def train_spender(config: TrainConfig, source: SpectrumSource, splits: Splits) -> Trained | None:
    """Train, and return the weights that validated best."""
    device = choose_device(config.hardware.device)
    precision = choose_precision(config.hardware.precision, device)
    AcceleratorState._reset_state()  # noqa: SLF001 - a process may train again, more precisely
    accelerator = Accelerator(
        cpu=device.type == "cpu", mixed_precision={"fp32": "no"}.get(precision, precision)
    )
    batch_size = config.reading.batch_size or choose_batch_size(len(splits.train), device)
    train, valid = _loaders(config, source, splits, accelerator, batch_size)
    model, guide = _start(config, source, splits, accelerator)
    settled = _settled(config, n_train=len(splits.train), n_batch=len(train))
    spent = guide.seconds if guide else 0.0
    n_step, limit = _length(config.schedule, len(train), spent)
    trainer = Trainer(
        Objective(model, source.grid, settled.losses, guide),
        config=settled,
        accelerator=accelerator,
        train_batches=train,
        valid_batches=valid,
        n_step=n_step,
        limit=limit,
        facts={
            "config": config.to_dict(),
            "objects": _digest(source, splits),
            "guided": guide is not None,
        },
    )
    best = trainer.train()
    if not accelerator.is_main_process:
        return None
    with torch.device("meta"):
        model = Spender(model.config)  # compiled networks are made for the training's batches
    load_weights(model, best)
    return Trained(
        model=model.to(accelerator.device).eval(),
        seconds=trainer.state.position.seconds + spent,
        facts=_facts(trainer, precision),
    )


def _facts(trainer: Trainer, precision: str) -> dict[str, Any]:
    """Return what model.json says of the course of a training."""
    position, batches = trainer.state.position, trainer.train_batches
    return {
        "steps": position.step,
        "epochs": round(position.epoch + position.batch / len(batches), 2),
        "batch_size": batches.batch_size,
        "best_step": position.best_step,
        "best_validation_loss": position.best_loss,
        "precision": precision,
        "device": str(trainer.accelerator.device),
        "processes": trainer.accelerator.num_processes,
        "kept_on_device": batches.kept,
    }


def choose_batch_size(n_train: int, device: torch.device) -> int:
    """Return a power of two: 64 on a CPU, 512 on a GPU, a quarter of the set if that is less."""
    largest = GPU_BATCH if device.type == "cuda" else CPU_BATCH
    return max(2, min(largest, 2 ** int(math.log2(max(n_train / 4, 2)))))


def _start(
    config: TrainConfig, source: SpectrumSource, splits: Splits, accelerator: Accelerator
) -> tuple[Spender, Guide | None]:
    """Return the model that the training starts from, and its guide if it has one."""
    own = source.part.name if isinstance(source, OnePart) else "survey"
    model = _new_model(config, source.grid, own)
    if config.start_from:
        model = start_from_model(model, Path(config.start_from))
        train_only(model, source.grid)
        return model, None
    if config.warm_start:
        return model, _start_from_data(config, model, source, splits, accelerator)
    return model, None


def _new_model(config: TrainConfig, grid: WaveGrid, own: str) -> Spender:
    """Return a network of random weights for an instrument, by its own name if it is unknown."""
    name = next((name for name, known in INSTRUMENTS.items() if known == grid), own)
    network = config.network
    activation: Activation = "speculator" if network.activation == "speculator" else "leaky_relu"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return Spender(
            SpenderConfig(
                n_latent=network.latents,
                rest_grid=network.rest_grid(grid),
                grids={name: grid},
                channels=network.channels,
                hidden=network.hidden,
                activation=activation,
                redshift_input=network.redshift_input,
                lsf_size=network.lsf_size,
            )
        )


def _start_from_data(
    config: TrainConfig,
    model: Spender,
    source: SpectrumSource,
    splits: Splits,
    accelerator: Accelerator,
) -> Guide | None:
    """Fit decoder and guide; a training that goes on reads its guide from the disk."""
    path = config.out / GUIDE
    if (config.out / CHECKPOINT).is_file():
        return Guide.load(path) if path.is_file() else None
    path.unlink(missing_ok=True)  # of a training that was given up
    start = time.monotonic()
    most = int(GALAXIES_PER_MINUTE * config.schedule.minutes) or MAX_GALAXY
    guide = fit_guide(
        model,
        source,
        splits.train,
        losses=config.losses,
        seed=config.seed,
        max_galaxy=min(max(most, 1000), MAX_GALAXY),
        progress=accelerator.is_main_process,
    )
    if guide is not None:
        guide.seconds = time.monotonic() - start
        if accelerator.is_main_process:
            guide.save(path)
    return guide


def _digest(source: SpectrumSource, splits: Splits) -> str:
    """Return a hash of the ids that are learnt from, in their order."""
    ids = source.catalog["object_id"].astype(str).iloc[splits.train]
    return blake2b("\n".join(ids).encode(), digest_size=16).hexdigest()


def _loaders(
    config: TrainConfig,
    source: SpectrumSource,
    splits: Splits,
    accelerator: Accelerator,
    batch_size: int,
) -> tuple[BatchLoader, BatchLoader]:
    """Return the batches to learn from and those of the validation."""
    reading = config.reading
    options: dict[str, Any] = {
        "batch_size": batch_size,
        "seed": config.seed,
        "device": accelerator.device,
        "window_rows": reading.window_rows,
        "rank": accelerator.process_index,
        "world": accelerator.num_processes,
        "keep_bytes": None if reading.memory_gb < 0 else int(reading.memory_gb * 1e9),
    }
    valid = BatchLoader(source, evenly(splits.valid, reading.valid_max), **options)
    return BatchLoader(source, splits.train, **options), valid


def _settled(config: TrainConfig, *, n_train: int, n_batch: int) -> TrainConfig:
    """Return the settings with what they leave to the size of the survey."""
    losses, schedule = config.losses, config.schedule
    if losses.augmented < 0:
        few = n_train < SMALL_SURVEY
        losses = replace(losses, augmented=SMALL_AUGMENTED if few else 0.0)
    if not schedule.valid_every:
        schedule = replace(schedule, valid_every=min(max(n_batch, 20), 1000))
    return replace(config, losses=losses, schedule=schedule)


def _length(
    schedule: ScheduleSettings, n_batch: int, spent: float
) -> tuple[int | None, float | None]:
    """Return steps and seconds: epochs, or minutes, or 100 epochs and at least 3000 steps.

    Args:
        schedule: Epochs and minutes asked for.
        n_batch: Batches of an epoch.
        spent: Seconds that the start from the data took.
    """
    n_step = schedule.epochs * n_batch or None
    if n_step is None and not schedule.minutes:
        n_step = max(DEFAULT_EPOCHS * n_batch, MIN_STEPS)
    return n_step, max(schedule.minutes * 60 - spent, 1.0) if schedule.minutes else None
