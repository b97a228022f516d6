"""An epoch of InfoVAE by our trainer, and by a port of the loop that Portillo+2020 published.

Theirs: a data set of rows and a DataLoader that collates them one by one, the prior drawn on the
CPU, the discrepancy from all differences, the latents drawn twice, Adam as it comes. Ours: the
trainer, its validation included. `python -m benchmarks.bench_infovae 47000` sets the spectra.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.pairs import Pairs, time_pairs
from data.arrays import FloatArray, IndexArray
from data.rest_frame.preparation import PREPARATIONS
from data.spectra import Part, Spectra
from model.batches.loader import BatchLoader
from model.dense.autoencoder import DenseAutoencoder
from model.dense.config import PORTILLO, DenseConfig
from model.training.config import TrainConfig
from model.training.dense_objective import N_PRIOR, DenseObjective
from model.training.run import make_accelerator
from model.training.trainer import Trainer

N_SPECTRA, N_VALID, BATCH = 47_000, 2_048, 64
N_LATENT = 6
GRID = PREPARATIONS["portillo2020"].rest_grid


class Rows:
    """Spectra in memory, as a source."""

    grid = GRID

    def __init__(self, flux: FloatArray, ivar: FloatArray) -> None:
        """Hold them."""
        self.flux, self.ivar = flux, ivar
        self.ids = np.arange(len(flux)).astype(str)
        self.catalog = pd.DataFrame({"object_id": self.ids, "z": np.zeros(len(flux))})
        self.parts = (Part(name="rest frame", grid=GRID, start=0, stop=len(flux)),)

    def __len__(self) -> int:
        """Return the number of spectra."""
        return len(self.flux)

    def ids_of(self, rows: IndexArray) -> NDArray[Any]:
        """Return the ids of some of them."""
        return self.ids[rows]

    def read(self, indices: Any) -> Spectra:  # noqa: ANN401 - whatever indexes an array
        """Return some of them."""
        flux, ivar = self.flux[indices], self.ivar[indices]
        return Spectra(grid=GRID, flux=flux, ivar=ivar, z=np.zeros(len(flux)))

    def reference(self) -> dict[str, Any]:
        """Return nothing that opens them: they are gone with the process."""
        return {}


class Published(nn.Module):
    """The published network and its loss."""

    def __init__(self, n_rest: int, layers: tuple[int, ...], n_latent: int, mmd: float) -> None:
        """Build it."""
        super().__init__()
        wide, narrow = layers
        self.down = nn.ModuleList([nn.Linear(n_rest, wide), nn.Linear(wide, narrow)])
        self.mean, self.log_variance = nn.Linear(narrow, n_latent), nn.Linear(narrow, n_latent)
        self.up = nn.ModuleList([nn.Linear(n_latent, narrow), nn.Linear(narrow, wide)])
        self.out = nn.Linear(wide, n_rest)
        self.n_latent, self.mmd = n_latent, mmd

    def loss(self, flux: Tensor, weight: Tensor) -> Tensor:
        """Return the sum over a batch of misfit, divergence and weighted discrepancy."""
        hidden = flux
        for layer in self.down:
            hidden = functional.leaky_relu(layer(hidden))
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        model = self._drawn(mean, log_variance)
        for layer in self.up:
            model = functional.leaky_relu(layer(model))
        misfit = torch.sum(0.5 * weight * (flux - self.out(model)).pow(2))
        divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
        prior = torch.randn(N_PRIOR, self.n_latent)
        latents = self._drawn(mean, log_variance)
        apart = (
            _kernel(prior, prior).mean()
            + _kernel(latents, latents).mean()
            - 2 * _kernel(prior, latents).mean()
        )
        return misfit + divergence + (self.mmd - 1) * apart * len(flux) * self.n_latent

    @staticmethod
    def _drawn(mean: Tensor, log_variance: Tensor) -> Tensor:
        spread = torch.exp(0.5 * log_variance)
        return torch.randn_like(spread) * spread + mean


def _kernel(one: Tensor, other: Tensor) -> Tensor:
    """Return the kernel of all pairs by their differences."""
    shape = (len(one), len(other), one.shape[1])
    difference = one.unsqueeze(1).expand(shape) - other.unsqueeze(0).expand(shape)
    return torch.exp(-difference.pow(2).mean(2))


def published_epoch(train: TensorDataset, valid: TensorDataset) -> None:
    """Train for an epoch and validate, as published."""
    torch.manual_seed(1)
    sizes = PORTILLO[N_LATENT]
    model = Published(GRID.n_pixel, sizes.layers, N_LATENT, sizes.mmd)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    total = 0.0
    for flux, weight in DataLoader(train, batch_size=BATCH, shuffle=True):
        optimizer.zero_grad()
        loss = model.loss(flux, weight)
        loss.backward()
        total += loss.item()
        optimizer.step()
    with torch.no_grad():
        for flux, weight in DataLoader(valid, batch_size=len(valid)):
            total += model.loss(flux, weight).item()


def our_epoch(source: Rows, n_train: int) -> None:
    """Train for an epoch and validate, with the trainer of this program."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "survey": Path("none"), "out": Path(folder) / "model", "model": "infovae", "epochs": 1,
            "patience": 0, "optimizer": "adam", "rate_schedule": "plateau", "clip": 0.0,
            "valid_every": -(-n_train // BATCH),
        }  # fmt: skip
        config = TrainConfig.from_options(**settings)
        accelerator, _ = make_accelerator(config.hardware)
        options: dict[str, Any] = {"batch_size": BATCH, "seed": 1, "device": accelerator.device}
        sizes = PORTILLO[N_LATENT]
        model = DenseAutoencoder(
            DenseConfig(kind="infovae", n_latent=N_LATENT, layers=sizes.layers)
        )
        train = BatchLoader(source, np.arange(n_train), **options)
        Trainer(
            DenseObjective(model, mmd=sizes.mmd),
            config=config,
            accelerator=accelerator,
            train_batches=train,
            valid_batches=BatchLoader(source, np.arange(n_train, len(source)), **options),
            n_step=len(train),
            limit=None,
            facts={"config": config.to_dict(), "objects": "", "content": "", "guided": False},
        ).train()


def main(n: int = N_SPECTRA, n_pair: int = 3) -> None:
    """Run it with `n` spectra to learn from."""
    rng = np.random.default_rng(1)
    flux = (1 + 0.1 * rng.standard_normal((n + N_VALID, GRID.n_pixel), np.float32)).astype("f4")
    ivar = np.full_like(flux, 100.0)
    source = Rows(flux, ivar)
    parts = [
        TensorDataset(torch.from_numpy(flux[part] - 1), torch.from_numpy(ivar[part]))
        for part in (slice(n), slice(n, None))
    ]
    spent: dict[str, list[float]] = {"ours": [], "theirs": []}

    def counted(name: str, work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            start = time.process_time()
            work()
            spent[name].append(time.process_time() - start)

        return run

    timing = time_pairs(
        counted("ours", lambda: our_epoch(source, n)),
        counted("theirs", lambda: published_epoch(parts[0], parts[1])),
        n_pair=n_pair,
        warm_up=0,
    )
    processor = Pairs(ours=tuple(spent["ours"]), theirs=tuple(spent["theirs"]))
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"epoch of InfoVAE, {n} spectra: {timing.line('ours', 'published loop')}")
    print(f"  of processor time: {processor.line('ours', 'published loop')}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
