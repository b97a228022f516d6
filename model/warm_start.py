"""Starts the last layer of a decoder from the data: it decodes the mean spectrum from step 0.

A decoder drawn at random first learns, pixel by pixel, what every galaxy has in common, and on a
small survey it hardly learns anything else. Here the bias of its last layer becomes the mean
rest-frame spectrum, and its weights are drawn within the space of the principal components. The
architecture is not changed and nothing is held fixed.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import Tensor, nn

from data.spectra import SpectrumSource
from model.decoder import Decoder, Speculator
from model.linear import PCAConfig, fit_pca
from model.neighbours import IntArray

N_COMPONENT = 10
MAX_GALAXY = 2000
MIN_GALAXY = 20


def start_from_data(
    decoder: Decoder, source: SpectrumSource, rows: IntArray, *, config: PCAConfig, seed: int
) -> None:
    """Set the last layer of a decoder from a PCA of some spectra.

    Args:
        decoder: Changed in place.
        source: Where the spectra are.
        rows: Spectra to learn from; with fewer than 20 of them the decoder is left as it is.
        config: Of the PCA; its rest grid must be the decoder's.
        seed: Of the choice of spectra and of the weights.
    """
    if len(rows) < MIN_GALAXY:
        logging.getLogger(__name__).info("too few spectra for a start from the data: random start")
        return
    pca = fit_pca(source, rows, config=config, seed=seed, max_galaxy=MAX_GALAXY)
    last = [layer for layer in decoder.mlp if isinstance(layer, nn.Linear)][-1]
    draws = np.random.default_rng(seed).standard_normal((pca.n_latent, last.in_features))
    spread = pca.variance.sqrt()[:, None] / last.in_features**0.5
    weight = pca.components.T @ (torch.as_tensor(draws, dtype=torch.float32) * spread)
    bias = pca.mean - decoder.offset
    if isinstance(decoder.mlp[-1], Speculator):
        bias = _before_speculator(bias)
    with torch.no_grad():
        last.weight.copy_(weight)
        last.bias.copy_(bias)


def _before_speculator(value: Tensor) -> Tensor:
    """Return x with x sigmoid(x) = value (where it is above the minimum), by Newton steps."""
    value = value.clamp(min=-0.2)
    x = torch.where(value > 0, value + 0.3, value * 2.5)
    for _ in range(30):
        gate = torch.sigmoid(x)
        x = x - (x * gate - value) / (gate + x * gate * (1 - gate))
    return x
