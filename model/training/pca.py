"""Trains a PCA: the linear model beside which a network has to prove itself."""

from __future__ import annotations

import time

from data.spectra import SpectrumSource
from model.linear.fit import fit_pca
from model.linear.pca import PCAConfig
from model.splits import Splits
from model.training.command import TrainConfig, rest_grid
from model.training.trained import Trained


def train_model(config: TrainConfig, source: SpectrumSource, splits: Splits) -> Trained:
    """Fit the components to the training set."""
    start = time.monotonic()
    model = fit_pca(
        source,
        splits.train,
        config=PCAConfig(n_latent=config.latents, rest_grid=rest_grid(config, source.grid)),
        seed=config.seed,
        progress=True,
    )
    return Trained(model=model, seconds=time.monotonic() - start)
