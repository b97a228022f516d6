"""The isolation forest: how few random cuts of latent space separate an object from the others.

forest = fit_forest(latents, seed=0)      # by scikit-learn; kept in the atlas as isolation.npz
forest.score(latents)                     # without it
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import FloatArray

N_TREE = 200
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class IsolationForest:
    """Random trees (Liu, Ting & Zhou 2008); arrays of shape (n_tree, n_node), but for `children`.

    Attributes:
        feature: Latent that a node cuts, int16; -1 in a leaf.
        threshold: Where: not above goes left, float32.
        children: Left and right node of each, its own in a leaf, int16, (n_tree, n_node, 2).
        depth: Cuts down to a leaf, and as many more as its objects would need, float32.
        usual: Mean depth of an object of a random tree, c in their equation 1, one number.
    """

    feature: NDArray[Any]
    threshold: NDArray[Any]
    children: NDArray[Any]
    depth: NDArray[Any]
    usual: NDArray[Any]

    def score(self, latents: FloatArray) -> FloatArray:
        """Return 2^(-E(h) / c), equation 2: 0 to 1, float32, shape (n_galaxy,).

        Args:
            latents: Shape (n_galaxy, n_latent).
        """
        values = np.asarray(latents, dtype=np.float32)
        starts = range(0, len(values), ROWS_AT_ONCE)
        depths = [self._depth(values[start : start + ROWS_AT_ONCE]) for start in starts]
        return np.exp2(-np.concatenate(depths) / self.usual[0]).astype(np.float32)

    def _depth(self, values: FloatArray) -> FloatArray:
        """Return the mean depth over the trees, float64, shape (n_galaxy,)."""
        rows, total = np.arange(len(values)), np.zeros(len(values))
        for tree in range(len(self.feature)):
            feature, children = self.feature[tree], self.children[tree].astype(np.int64)
            node = np.zeros(len(values), dtype=np.int64)
            while (feature[node] >= 0).any():
                right = values[rows, feature[node]] > self.threshold[tree][node]
                node = children[node, right.astype(np.int64)]
            total += self.depth[tree][node]
        return total / len(self.feature)

    def save(self, path: Path) -> None:
        """Write an `.npz` file."""
        with path.open("wb") as file:
            np.savez_compressed(file, **{item.name: getattr(self, item.name)
                                         for item in fields(self)})  # fmt: skip

    @classmethod
    def load(cls, path: Path) -> IsolationForest:
        """Read what `save` wrote.

        Raises:
            ValueError: The file is not of this kind.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                forest = cls(*(arrays[item.name] for item in fields(cls)))
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is not a readable isolation forest: {error}") from error
        forest._check(path)
        return forest

    def _check(self, path: Path) -> None:
        """Refuse trees through which there is no way down.

        Raises:
            ValueError: Arrays do not belong together.
        """
        shape, nodes = self.feature.shape, np.arange(self.feature.shape[-1])
        own = (self.children == nodes[:, None]).all(axis=2) if self.children.ndim == 3 else None
        whole = (
            len(shape) == 2
            and self.threshold.shape == self.depth.shape == shape
            and self.children.shape == (*shape, 2)
            and self.usual.shape == (1,)
        )
        if not whole or own is None or (own != (self.feature < 0)).any():
            raise ValueError(f"{path} is damaged: its trees have loose ends")
        inner = self.children[self.feature >= 0]
        parents = np.broadcast_to(nodes, shape)[self.feature >= 0]
        if (inner <= parents[:, None]).any() or (inner >= shape[1]).any():
            raise ValueError(f"{path} is damaged: its trees do not lead down")


def fit_forest(latents: FloatArray, *, seed: int, n_tree: int = N_TREE) -> IsolationForest:
    """Fit a forest by scikit-learn, whose scores these are to single precision.

    Args:
        latents: Shape (n_galaxy, n_latent).
        seed: Of the cuts.
        n_tree: Number of trees.
    """
    from sklearn.ensemble import IsolationForest as Forest  # takes a second

    forest = Forest(n_estimators=n_tree, random_state=seed, n_jobs=1).fit(latents)
    trees = [estimator.tree_ for estimator in forest.estimators_]
    n_node = max(tree.node_count for tree in trees)
    feature = np.full((n_tree, n_node), -1, dtype=np.int16)
    threshold, depth = np.zeros((2, n_tree, n_node), dtype=np.float32)
    children = np.broadcast_to(np.arange(n_node, dtype=np.int16)[:, None], (n_tree, n_node, 2))
    children = children.copy()
    for number, tree in enumerate(trees):
        inner = np.flatnonzero(tree.children_left >= 0)
        feature[number, inner], threshold[number, inner] = (
            tree.feature[inner],
            tree.threshold[inner],
        )
        both = np.stack([tree.children_left, tree.children_right], axis=1)[inner]
        children[number, inner] = both
        level = np.zeros(tree.node_count)
        for node, pair in zip(inner.tolist(), both, strict=True):  # parents stand before children
            level[pair] = level[node] + 1
        depth[number, : tree.node_count] = level + _mean_depth(tree.n_node_samples)
    usual = _mean_depth(np.array([forest.max_samples_]))
    return IsolationForest(feature, threshold, children, depth, usual)


def _mean_depth(n: NDArray[Any]) -> FloatArray:
    """Return c(n), the mean depth of a random tree of n objects (equation 1), float64."""
    many = np.maximum(n, 3).astype(np.float64)
    mean = 2 * (np.log(many - 1) + np.euler_gamma) - 2 * (many - 1) / many
    return np.where(n > 2, mean, np.where(n == 2, 1.0, 0.0))
