"""Trains dense autoencoders of prepared rest-frame spectra: InfoVAE, VAE, AE."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from data.grid import WaveGrid
from data.rest_frame.preparation import PREPARATIONS, Preparation
from data.source import content_hash
from data.spectra import SpectrumSource
from model.dense.autoencoder import DenseAutoencoder
from model.dense.config import DenseConfig, preset
from model.dense.prepared_source import PreparedSource, learn_infill, suitable
from model.networks.weights import load_weights
from model.splits import Splits
from model.training.config import TrainConfig
from model.training.dense_objective import DenseObjective
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

PATIENCE = 10
"""Validations without gain that end a training (Portillo+2020, section 3)."""
BATCH = {"infovae": 64, "ae": 64, "vae": 512}
EPOCHS = {"infovae": 200, "ae": 200, "vae": 50}
"""At most, without --minutes or --epochs (authors' code of Portillo+2020; Nicolaou+2025)."""
DROPOUT = {"vae": 0.2}
"""Nicolaou+2025, section 3.2."""


def train_dense(config: TrainConfig, source: SpectrumSource, splits: Splits) -> Trained | None:
    """Train, and return the weights that validated best.

    Raises:
        ValueError: Too few spectra suit the preparation.
    """
    accelerator, precision = make_accelerator(config.hardware)
    preparation = choose_preparation(config, source.grid)
    rows, left_out = _suitable(config, source, splits, preparation, accelerator.is_main_process)
    model = _new_model(config, preparation)
    infill, prepared = learn_infill(source, rows.train, preparation)
    model.learn_preparation(infill, prepared)
    batch_size = config.reading.batch_size or choose_batch_size(
        len(rows.train), BATCH[config.model]
    )
    batches = PreparedSource(source, preparation, infill)
    train, valid = loaders(config, batches, rows, accelerator, batch_size)
    settled = _settled(config, n_batch=len(train))
    n_step, limit = length(settled.schedule, len(train), 0.0)
    mmd = config.losses.mmd if config.losses.mmd >= 0 else _preset(config).mmd
    trainer = Trainer(
        DenseObjective(model, mmd=mmd),
        config=settled,
        accelerator=accelerator,
        train_batches=train,
        valid_batches=valid,
        n_step=n_step,
        limit=limit,
        facts={
            "config": config.to_dict(),
            "objects": digest(source, rows),
            "content": content_hash(source.reference()),
            "guided": False,
        },
    )
    best = trainer.train()
    if not accelerator.is_main_process:
        return None
    with torch.device("meta"):
        model = DenseAutoencoder(model.config)
    load_weights(model, best)
    return Trained(
        model=model.to(accelerator.device).eval(),
        seconds=trainer.state.position.seconds,
        facts=facts(trainer, precision)
        | {"not_suitable": left_out, "infill_changes": [round(x, 6) for x in infill.changes]},
    )


def choose_preparation(config: TrainConfig, grid: WaveGrid) -> Preparation:
    """Return how spectra are prepared for a model.

    Raises:
        ValueError: Pixels of the rest frame are so wide that the first reaches below 0.
    """
    name = config.network.preparation
    if name == "auto":
        name = "nicolaou2025" if config.model == "vae" else "portillo2020"
    if name == "free":
        rest_grid = config.network.rest_grid(grid)
        if not rest_grid.edges[0] > 0:
            raise ValueError(
                f"rest_pixels must be more for {rest_grid.wave[0]:.0f} to {rest_grid.wave[-1]:.0f} "
                f"Angstrom, got {rest_grid.n_pixel}: the first pixel reaches below 0"
            )
        return Preparation(rest_grid=rest_grid)
    return PREPARATIONS[name]


def _preset(config: TrainConfig):  # noqa: ANN202 - see `preset`
    return preset(config.model, config.network.latents)


def _new_model(config: TrainConfig, preparation: Preparation) -> DenseAutoencoder:
    """Return a network of random weights."""
    network = config.network
    dropout = network.dropout if network.dropout >= 0 else DROPOUT.get(config.model, 0.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return DenseAutoencoder(
            DenseConfig(
                kind=config.model,
                n_latent=network.latents,
                layers=network.layers or _preset(config).layers,
                dropout=dropout,
                preparation=preparation,
            )
        )


def _suitable(
    config: TrainConfig,
    source: SpectrumSource,
    splits: Splits,
    preparation: Preparation,
    progress: bool,
) -> tuple[Splits, dict[str, int]]:
    """Return the rows to train and validate with, and what was left out of the training."""
    train, left_out = suitable(source, splits.train, preparation, progress=progress)
    valid, _ = suitable(source, splits.valid, preparation, progress=False)
    if len(train) < 2 or not len(valid):
        raise ValueError(
            f"of {len(splits.train)} spectra to train with, {len(train)} suit the preparation of "
            f"{config.model}, of {len(splits.valid)} to validate with {len(valid)} (left out: "
            f"{left_out}); choose another --preparation, or free with --rest-first and --rest-last"
        )
    return replace(splits, train=train, valid=valid), left_out


def _settled(config: TrainConfig, *, n_batch: int) -> TrainConfig:
    """Return the settings with what they leave to the kind of model."""
    schedule, optimizer = config.schedule, config.optimizer
    optimizer = settle_optimizer(optimizer, optimizer="adam", schedule="plateau", clip=0.0)
    patience = PATIENCE if optimizer.rate_schedule == "plateau" else 0
    if schedule.patience < 0:
        schedule = replace(schedule, patience=patience)
    if not schedule.valid_every:
        schedule = replace(schedule, valid_every=n_batch)
    if not schedule.epochs and not schedule.minutes:
        few = math.ceil(3000 / n_batch)
        schedule = replace(schedule, epochs=max(EPOCHS[config.model], few))
    return replace(config, schedule=schedule, optimizer=optimizer)
