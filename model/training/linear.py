"""Trains a PCA or an NMF, the linear models that a network is compared with."""

from __future__ import annotations

import time

from data.spectra import SpectrumSource
from model.linear.fit import fit_pca
from model.linear.nmf import fit_nmf
from model.linear.pca import PCAConfig
from model.splits import Splits
from model.training.config import TrainConfig
from model.training.trained import Trained


def train_linear(config: TrainConfig, source: SpectrumSource, splits: Splits) -> Trained:
    """Fit the components to the training set."""
    start = time.monotonic()
    fit = fit_nmf if config.model == "nmf" else fit_pca
    model = fit(
        source,
        splits.train,
        config=PCAConfig(
            n_latent=config.network.latents, rest_grid=config.network.rest_grid(source.grid)
        ),
        seed=config.seed,
        progress=True,
    )
    return Trained(model=model, seconds=time.monotonic() - start)
