"""What the trainings of networks share: device, batches, length, record."""

from __future__ import annotations

import math
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from accelerate import Accelerator
from accelerate.state import AcceleratorState

from data.spectra import SpectrumSource
from model.batches.loader import BatchLoader
from model.device import choose_device, choose_precision
from model.splits import Splits, evenly
from model.training.config import TrainConfig
from model.training.settings import DeviceSettings, OptimizerSettings, ScheduleSettings
from model.training.trainer import Trainer

MIN_STEPS = 3000
DEFAULT_EPOCHS = 100
TRAINING_SHARE = 0.5
"""Share of the minutes asked for that the training itself has, however slow its start was."""


def make_accelerator(hardware: DeviceSettings) -> tuple[Accelerator, str]:
    """Return devices and processes, and the precision of the networks."""
    device = choose_device(hardware.device)
    precision = choose_precision(hardware.precision, device)
    AcceleratorState._reset_state()  # noqa: SLF001 - a process may train again, more precisely
    mixed = {"fp32": "no"}.get(precision, precision)
    return Accelerator(cpu=device.type == "cpu", mixed_precision=mixed), precision


def settle_optimizer(
    settings: OptimizerSettings, *, optimizer: str, schedule: str, clip: float
) -> OptimizerSettings:
    """Return the settings with what they leave to the kind of model."""
    return replace(
        settings,
        optimizer=optimizer if settings.optimizer == "auto" else settings.optimizer,
        rate_schedule=schedule if settings.rate_schedule == "auto" else settings.rate_schedule,
        clip=clip if settings.clip < 0 else settings.clip,
    )


def choose_batch_size(n_train: int, most: int) -> int:
    """Return a power of two: `most`, or a quarter of the training set if that is less."""
    return max(2, min(most, 2 ** int(math.log2(max(n_train / 4, 2)))))


def loaders(
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


def length(
    schedule: ScheduleSettings, n_batch: int, spent: float
) -> tuple[int | None, float | None]:
    """Return steps and seconds: epochs, or minutes, or 100 epochs and at least 3000 steps.

    Args:
        schedule: Epochs and minutes asked for.
        n_batch: Batches of an epoch.
        spent: Seconds that the start from the data took.

    Returns:
        Steps and seconds at most, None where there is no such limit.
    """
    n_step = schedule.epochs * n_batch or None
    if n_step is None and not schedule.minutes:
        n_step = max(DEFAULT_EPOCHS * n_batch, MIN_STEPS)
    asked = schedule.minutes * 60
    return n_step, max(asked - spent, TRAINING_SHARE * asked) if asked else None


def digest(source: SpectrumSource, splits: Splits) -> str:
    """Return a hash of the ids that are learnt from, in their order."""
    ids = source.catalog["object_id"].astype(str).iloc[splits.train]
    return blake2b("\n".join(ids).encode(), digest_size=16).hexdigest()


def facts(trainer: Trainer, precision: str) -> dict[str, Any]:
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
