"""The kinds of models, by the names that model.json gives them."""

from __future__ import annotations

from model.interface import StoredModel
from model.linear.pca import PCA
from model.networks.spender import Spender

KINDS: dict[str, type[StoredModel]] = {"spender": Spender, "pca": PCA}
