"""Spectra of another instrument enter the latent space of a trained model.

Each instrument has an encoder (and a line-spread function) of its own, all share one decoder
(Melchior+2022, section 3). The encoder of a new instrument is trained with the decoder and the
other encoders frozen, so that a galaxy has the same latents in every instrument, and old latents
stay valid.

    model = start_from_model(new, path)      # trained weights, with an encoder for new's instrument
    train_only(model, grid)                  # where others share the decoder
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import torch

from data.grid import WaveGrid
from model.networks.config import SpenderConfig
from model.networks.spender import Spender
from model.networks.weights import load_weights
from model.store.storage import load_model


def start_from_model(new: Spender, path: Path) -> Spender:
    """Return a trained model that encodes what a new one would.

    Args:
        new: Model of one instrument, as the settings of a training ask for.
        path: Folder of the trained model.

    Raises:
        ValueError: There is no such model, or it differs from `new` in more than instruments.
    """
    trained = load_model(path)
    if not isinstance(trained, Spender):
        raise ValueError(
            f"--start-from must name a model of kind spender, {path} is {trained.kind}"
        )
    for item in fields(SpenderConfig):
        theirs, ours = getattr(trained.config, item.name), getattr(new.config, item.name)
        if item.name != "grids" and theirs != ours:
            raise ValueError(
                f"--start-from {path} does not fit the settings: its {item.name} is {theirs}, the "
                f"settings ask for {ours}"
            )
    ((name, grid),) = new.config.grids.items()
    try:
        trained.instrument(grid)
    except ValueError:
        trained = add_instrument(trained, name, grid)
    return trained


def add_instrument(model: Spender, name: str, grid: WaveGrid) -> Spender:
    """Return a copy of a model with one more encoder, which starts as a copy of the first.

    Args:
        model: Stays as it is.
        name: Of the instrument; a number is added if the model has one of that name.
        grid: Its observed-frame grid.
    """
    first, known = next(iter(model.config.grids)), model.config.grids
    name = next(n for n in [name, *(f"{name}-{k}" for k in range(2, 99))] if n not in known)
    with torch.device("meta"):
        larger = Spender(replace(model.config, grids={**known, name: grid}))
    weights = model.state_dict()
    for part in ("encoders", "line_spreads"):
        old, new = f"{part}.{first}.", f"{part}.{name}."
        weights |= {
            new + key.removeprefix(old): weight
            for key, weight in weights.items()
            if key.startswith(old)
        }
    load_weights(larger, weights)
    return larger


def train_only(model: Spender, grid: WaveGrid) -> None:
    """Let a training change only what belongs to one instrument, if there are others."""
    if len(model.config.grids) == 1:
        return
    own = model.instrument(grid)
    model.requires_grad_(False)
    for parts in (model.encoders, model.line_spreads):
        if own in parts:
            parts[own].requires_grad_(True)
