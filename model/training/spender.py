"""Trains a SPENDER: chooses what the settings leave open, and runs the trainer."""

from __future__ import annotations

import math
import time
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from data.grid import INSTRUMENTS, WaveGrid
from data.spectra import SpectrumSource
from model.networks.spender import Activation, Spender, SpenderConfig
from model.networks.weights import load_weights
from model.splits import Splits
from model.training.batches import BatchLoader
from model.training.command import CHECKPOINT, GUIDE, TrainConfig, rest_grid
from model.training.guide import MAX_GALAXY, Guide, GuideSettings, fit_guide
from model.training.instruments import start_from_model, train_only
from model.training.objective import LossSettings, Objective
from model.training.trained import Trained, evenly
from model.training.trainer import Trainer, TrainerSettings

MIN_STEPS = 3000
DEFAULT_EPOCHS = 100
CPU_BATCH, GPU_BATCH = 64, 512
GALAXIES_PER_MINUTE = 600
"""Of a training limited by the clock, for the start from the data: a tenth of the time."""
SMALL_SURVEY, SMALL_AUGMENTED = 5000, 0.5
"""Fewer spectra are overfitted unless the encoder sees half of them augmented."""


def train_model(config: TrainConfig, source: SpectrumSource, splits: Splits) -> Trained | None:
    """Train, and return the weights that validated best."""
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    AcceleratorState._reset_state()  # noqa: SLF001 - a process may train again, more precisely
    accelerator = Accelerator(
        cpu=device.type == "cpu", mixed_precision={"fp32": "no"}.get(precision, precision)
    )
    batch_size = config.batch_size or choose_batch_size(len(splits.train), device)
    train, valid = _loaders(config, source, splits, accelerator, batch_size)
    model = _new_model(config, source.grid)
    guide = None
    if config.start_from:
        model = start_from_model(model, Path(config.start_from))
        train_only(model, source.grid)
    elif config.warm_start:
        guide = _start_from_data(config, model, source, splits, accelerator)
    objective = Objective(model, source.grid, _loss_settings(config, len(splits.train)), guide)
    trainer = Trainer(
        objective,
        accelerator=accelerator,
        train=train,
        valid=valid,
        settings=_trainer_settings(config, len(train), guide.seconds if guide else 0.0),
        folder=config.out,
        facts={
            "config": config.to_dict(),
            "objects": _digest(source, splits),
            "guided": guide is not None,
        },
        compiled=config.compiled,
    )
    best = trainer.run()
    position = trainer.position
    if not accelerator.is_main_process:
        return None
    with torch.device("meta"):
        model = Spender(model.config)  # what was compiled is so for the training's batches only
    load_weights(model, best)
    return Trained(
        model=model.to(accelerator.device).eval(),
        seconds=position.seconds + (guide.seconds if guide else 0.0),
        facts={
            "steps": position.step,
            "epochs": round(position.epoch + position.batch / len(train), 2),
            "batch_size": batch_size,
            "best_step": position.best_step,
            "best_validation_loss": position.best_loss,
            "precision": precision,
            "device": str(accelerator.device),
            "processes": accelerator.num_processes,
            "kept_on_device": train.kept,
        },
    )


def choose_device(name: str) -> torch.device:
    """Return the device of a setting: `auto` is a CUDA GPU where there is one.

    Raises:
        ValueError: There is no such device.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda needs a GPU that torch can use, none is found; use cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def choose_precision(name: str, device: torch.device) -> str:
    """Return the precision of a setting: `auto` is bf16 where the device multiplies in it.

    Raises:
        ValueError: The device does not offer it.
    """
    if name == "fp16" and device.type == "cpu":
        raise ValueError("--precision fp16 needs a GPU; use bf16 or fp32 on a CPU")
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    multiplies = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001
    return "bf16" if multiplies else "fp32"


def choose_batch_size(n_train: int, device: torch.device) -> int:
    """Return a power of two: 64 on a CPU, 512 on a GPU, a quarter of the set if that is less."""
    largest = GPU_BATCH if device.type == "cuda" else CPU_BATCH
    return max(2, min(largest, 2 ** int(math.log2(max(n_train / 4, 2)))))


def _new_model(config: TrainConfig, grid: WaveGrid) -> Spender:
    name = next((name for name, known in INSTRUMENTS.items() if known == grid), "survey")
    activation: Activation = "speculator" if config.activation == "speculator" else "leaky_relu"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return Spender(
            SpenderConfig(
                n_latent=config.latents,
                rest_grid=rest_grid(config, grid),
                grids={name: grid},
                hidden=config.hidden,
                activation=activation,
                redshift_input=config.redshift_input,
                lsf_size=config.lsf_size,
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
    most = int(GALAXIES_PER_MINUTE * config.minutes) or MAX_GALAXY
    settings = GuideSettings(
        similarity=config.similarity,
        k0=config.k0,
        k1=config.k1,
        scale_free=config.scale_free,
        max_galaxy=min(max(most, 1000), MAX_GALAXY),
    )
    main = accelerator.is_main_process
    guide = fit_guide(
        model, source, splits.train, settings=settings, seed=config.seed, progress=main
    )
    if guide is not None:
        guide.seconds = time.monotonic() - start
        if main:
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
    options: dict[str, Any] = {
        "batch_size": batch_size,
        "seed": config.seed,
        "device": accelerator.device,
        "window_rows": config.window_rows,
        "rank": accelerator.process_index,
        "world": accelerator.num_processes,
        "keep_bytes": None if config.memory_gb < 0 else int(config.memory_gb * 1e9),
    }
    valid = BatchLoader(source, evenly(splits.valid, config.valid_max), **options)
    return BatchLoader(source, splits.train, **options), valid


def _loss_settings(config: TrainConfig, n_train: int) -> LossSettings:
    few = SMALL_AUGMENTED if n_train < SMALL_SURVEY else 0.0
    return LossSettings(
        similarity=config.similarity,
        consistency=config.consistency,
        augmented=few if config.augmented < 0 else config.augmented,
        k0=config.k0,
        sigma=config.sigma,
        scale_free=config.scale_free,
        z_max=config.z_max,
        noise=config.noise,
        mask=config.mask,
    )


def _trainer_settings(config: TrainConfig, n_batch: int, spent: float) -> TrainerSettings:
    """Settle the number of steps: epochs, or minutes, or 100 epochs and at least 3000 steps."""
    n_step = config.epochs * n_batch or None
    if n_step is None and not config.minutes:
        n_step = max(DEFAULT_EPOCHS * n_batch, MIN_STEPS)
    return TrainerSettings(
        n_step=n_step,
        limit=max(config.minutes * 60 - spent, 1.0) if config.minutes else None,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        clip=config.clip,
        k1_max=config.k1,
        k1_cycles=config.k1_cycles,
        valid_every=config.valid_every or min(max(n_batch, 20), 1000),
        patience=config.patience,
        checkpoint_seconds=config.checkpoint_minutes * 60,
        seed=config.seed,
        tensorboard=config.tensorboard,
    )
