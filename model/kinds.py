"""The kinds of models, by the names that model.json gives them."""

from __future__ import annotations

from model.dense.autoencoder import DenseAutoencoder
from model.dense.config import DENSE_KINDS
from model.interface import StoredModel
from model.linear.nmf import NMF
from model.linear.pca import PCA
from model.networks.spender import Spender

KINDS: dict[str, type[StoredModel]] = {
    "spender": Spender,
    "pca": PCA,
    "nmf": NMF,
    **dict.fromkeys(DENSE_KINDS, DenseAutoencoder),
}
