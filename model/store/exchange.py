"""Models from and for other programs: checkpoints of spender.

python -m model import FILE.pt --out MODEL       python -m model export MODEL --out FILE.pt
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from data.commands import setting
from data.grid import INSTRUMENTS, WaveGrid
from data.source import sha256_of
from model.networks.spender import Spender
from model.store.card import write_card
from model.store.spender_files import (
    observed_wave,
    read_spender_checkpoint,
    write_spender_checkpoint,
)
from model.store.storage import load_model, save_model


@dataclass(frozen=True, kw_only=True)
class ImportConfig:
    """Settings of `python -m model import`."""

    file: Path = setting(help="checkpoint of spender (.pt)", positional=True)
    out: Path = setting(help="folder of the model to make")
    instrument: str = setting(
        help="whose spectra it encodes; auto: as the checkpoint says", default="auto",
        choices=("auto", *INSTRUMENTS),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Settings of `python -m model export`."""

    model: Path = setting(help="model folder, of kind spender", positional=True)
    out: Path = setting(help="checkpoint to write (.pt)")


def import_model(config: ImportConfig) -> None:
    """Make a model folder of a checkpoint of spender; no code in the file is run.

    Raises:
        ValueError: The destination exists, or the file is no checkpoint that can be read.
    """
    if config.out.exists():
        raise ValueError(f"{config.out} exists; choose another --out or remove it")
    name, grid = _instrument(config)
    model = read_spender_checkpoint(config.file, grid, name=name)
    digest = sha256_of(config.file)
    save_model(
        model, config.out, training={"imported": {"file": config.file.name, "sha256": digest}}
    )
    write_card(config.out)
    sys.stdout.write(
        f"{config.out}: {model.n_latent} latents, encodes {name} spectra ({grid.n_pixel} pixels "
        f"from {grid.wave[0]:.0f} Angstrom)\n"
    )


def export_model(config: ExportConfig) -> None:
    """Write a model as a checkpoint that spender reads.

    Raises:
        ValueError: The destination exists, or spender has no such network.
    """
    if config.out.exists():
        raise ValueError(f"{config.out} exists; choose another --out or remove it")
    model = load_model(config.model)
    if not isinstance(model, Spender):
        raise ValueError(
            f"only models of kind spender can be exported, {config.model} is {model.kind}"
        )
    write_spender_checkpoint(model, config.out)


def _instrument(config: ImportConfig) -> tuple[str, WaveGrid]:
    """Return name and grid of the instrument that a checkpoint is of."""
    if config.instrument != "auto":
        return config.instrument, INSTRUMENTS[config.instrument]
    wave = observed_wave(config.file)
    if wave is None:
        raise ValueError(
            f"{config.file} does not say what it encodes: give --instrument, one of "
            f"{', '.join(INSTRUMENTS)}"
        )
    for name, grid in INSTRUMENTS.items():
        if len(wave) == grid.n_pixel and abs(grid.pixel(wave) - range(len(wave))).max() < 0.1:
            return name, grid
    return "survey", WaveGrid.from_wave(wave)
