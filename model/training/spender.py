"""Trains a SPENDER: chooses what the settings leave open, and runs the trainer."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from data.grid import INSTRUMENTS, WaveGrid
from data.parts import OnePart
from data.source import content_hash
from data.spectra import SpectrumSource
from model.networks.config import SpenderConfig
from model.networks.decoder import Activation
from model.networks.spender import Spender
from model.networks.weights import load_weights
from model.similarity_weight import similarity_weight
from model.splits import Splits
from model.training.config import CHECKPOINT, GUIDE, TrainConfig
from model.training.guide import Guide
from model.training.guide_fit import MAX_GALAXY, fit_guide
from model.training.instruments import start_from_model, train_only
from model.training.objective import Objective
from model.training.run import (
    choose_batch_size,
    digest,
    facts,
    length,
    loaders,
    make_accelerator,
    settle_optimizer,
)
from model.training.trained import Trained
from model.training.trainer import Trainer

CPU_BATCH, GPU_BATCH = 64, 512
GALAXIES_PER_MINUTE = 600
"""Spectra of the warm start for each minute of a training: it takes a tenth of the time then."""
START_SHARE = 0.3
"""Share of the minutes after which the warm start ends, done or not."""
SMALL_SURVEY, SMALL_AUGMENTED = 5000, 0.5
"""Fewer spectra are overfitted unless the encoder sees half of them augmented."""


def train_spender(config: TrainConfig, source: SpectrumSource, splits: Splits) -> Trained | None:
    """Train, and return the weights that validated best."""
    accelerator, precision = make_accelerator(config.hardware)
    most = GPU_BATCH if accelerator.device.type == "cuda" else CPU_BATCH
    batch_size = config.reading.batch_size or choose_batch_size(len(splits.train), most)
    train, valid = loaders(config, source, splits, accelerator, batch_size)
    weight = similarity_weight(
        config.losses.similarity_weight, config.network.rest_grid(source.grid), source, splits.train
    )
    model, guide = _start(config, source, splits, weight, accelerator)
    settled = _settled(config, n_train=len(splits.train), n_batch=len(train))
    spent = guide.seconds if guide else 0.0
    n_step, limit = length(config.schedule, len(train), spent)
    trainer = Trainer(
        Objective(model, source.grid, settled.losses, guide, weight_rest=weight),
        config=settled,
        accelerator=accelerator,
        train_batches=train,
        valid_batches=valid,
        n_step=n_step,
        limit=limit,
        facts={
            "config": config.to_dict(),
            "objects": digest(source, splits),
            "content": content_hash(source.reference()),
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
        facts=facts(trainer, precision),
    )


def _start(
    config: TrainConfig,
    source: SpectrumSource,
    splits: Splits,
    weight: Tensor,
    accelerator: Accelerator,
) -> tuple[Spender, Guide | None]:
    """Return the model that the training starts from, and its guide if it has one."""
    own = source.part.name if isinstance(source, OnePart) else "survey"
    model = _new_model(config, source.grid, own)
    if config.start_from:
        model = start_from_model(model, Path(config.start_from))
        train_only(model, source.grid)
        return model, None
    if config.warm_start:
        return model, _start_from_data(config, model, source, splits, weight, accelerator)
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
    weight: Tensor,
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
        weight_rest=weight,
        max_galaxy=min(max(most, 1000), MAX_GALAXY),
        limit=START_SHARE * 60 * config.schedule.minutes or math.inf,
        progress=accelerator.is_main_process,
        device=accelerator.device,
    )
    if guide is not None:
        guide.seconds = time.monotonic() - start
        if accelerator.is_main_process:
            guide.save(path)
    return guide


def _settled(config: TrainConfig, *, n_train: int, n_batch: int) -> TrainConfig:
    """Return the settings with what they leave to the size of the survey."""
    losses, schedule = config.losses, config.schedule
    if losses.augmented < 0:
        few = n_train < SMALL_SURVEY
        losses = replace(losses, augmented=SMALL_AUGMENTED if few else 0.0)
    if not schedule.valid_every:
        schedule = replace(schedule, valid_every=min(max(n_batch, 20), 1000))
    schedule = replace(schedule, patience=max(schedule.patience, 0))
    optimizer = settle_optimizer(config.optimizer, optimizer="muon", schedule="one_cycle", clip=1.0)
    return replace(config, losses=losses, schedule=schedule, optimizer=optimizer)
