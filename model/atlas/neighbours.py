"""The exact k-nearest-neighbour graph of the latents: computed once, used by everything.

UMAP, t-SNE, the local outlier factor, drawn tracks and "similar spectra" all read this graph.
A k-d tree is exact and quick in the 2 to 10 dimensions of a latent space.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from tqdm import tqdm

from data.arrays import BoolArray, FloatArray, IntArray
from model.latent_axes import LEAF, leaf_order, turned
from model.store.catalog import REBUILD, check_swelling
from model.store.mapped import MANY

BLOCK_ROWS = 65_536
"""Rows queried at a time: bounds the float64 arrays the k-d tree returns."""
LOCAL_HEADER = 30
"""Bytes before the name of a file in a ZIP archive."""


@dataclass(frozen=True)
class Neighbours:
    """Each object's nearest others, nearest first; no object is its own neighbour.

    Attributes:
        indices: Rows of the neighbours, int32, shape (n_galaxy, k).
        distances: Euclidean latent distances, float32, shape (n_galaxy, k).
    """

    indices: IntArray
    distances: FloatArray

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together."""
        if self.indices.ndim != 2 or self.indices.shape != self.distances.shape:
            raise ValueError(
                "indices and distances must have one shape (n_galaxy, k), "
                f"got {self.indices.shape} and {self.distances.shape}"
            )
        whole = np.issubdtype(self.indices.dtype, np.integer)
        if not whole or not np.issubdtype(self.distances.dtype, np.floating):
            raise ValueError(
                "indices must be whole numbers and distances numbers, "
                f"got {self.indices.dtype} and {self.distances.dtype}"
            )

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.indices)

    @property
    def k(self) -> int:
        """Neighbours of each object."""
        return self.indices.shape[1]

    def first(self, k: int) -> Neighbours:
        """Return the graph of the `k` nearest only.

        Raises:
            ValueError: The graph has fewer.
        """
        if not 1 <= k <= self.k:
            raise ValueError(f"k must lie in 1..{self.k}, got {k}")
        return Neighbours(self.indices[:, :k], self.distances[:, :k])

    def with_self(self) -> tuple[IntArray, FloatArray]:
        """Return indices and distances with each object first, as UMAP wants them."""
        own = np.arange(len(self), dtype=self.indices.dtype)[:, None]
        zero = np.zeros((len(self), 1), dtype=self.distances.dtype)
        return np.hstack([own, self.indices]), np.hstack([zero, self.distances])

    def save(self, path: Path) -> None:
        """Write an `.npz` file."""
        with path.open("wb") as file:
            np.savez(file, indices=self.indices, distances=self.distances)

    @classmethod
    def load(cls, path: Path) -> Neighbours:
        """Read what `save` wrote.

        Raises:
            ValueError: The file is missing, or not such a file.
        """
        try:
            with ZipFile(path) as archive:
                check_swelling(path, sum(item.file_size for item in archive.infolist()))
            graph = cls(_stored(path, "indices"), _stored(path, "distances"))
            few = len(graph) < MANY  # of more, a look at each would take longer than the page
            with ZipFile(path) as archive:
                if few and (damaged := archive.testzip()):
                    raise ValueError(f"{damaged} is not as it was written; {REBUILD}")
            if few and graph.k and not 0 <= graph.indices.min() <= graph.indices.max() < len(graph):
                raise ValueError(f"indices must be rows, 0 to {len(graph) - 1}")
            return graph
        except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
            raise ValueError(f"{path} is not a readable neighbour graph: {error}") from error


def _stored(path: Path, name: str) -> NDArray[Any]:
    """Return an array of an `.npz` file; mapped into memory where it is not compressed.

    The graph of 40 million objects has 10 GB, of which a page looks at a row at a time.
    """
    with ZipFile(path) as archive:
        item = archive.getinfo(f"{name}.npy")
        if item.compress_type != ZIP_STORED:
            with np.load(path, allow_pickle=False) as arrays:
                return arrays[name]
        with archive.open(item) as member:
            major, _minor = np.lib.format.read_magic(member)
            read = np.lib.format.read_array_header_1_0 if major == 1 else (
                np.lib.format.read_array_header_2_0)  # fmt: skip
            shape, by_columns, dtype = read(member)
            n_header = member.tell()
    if dtype.hasobject:
        raise ValueError(f"{name} must be numbers")
    if not np.prod(shape):
        return np.empty(shape, dtype)
    with path.open("rb") as file:
        file.seek(item.header_offset + LOCAL_HEADER - 4)  # ends with the lengths of what follows
        lengths = np.frombuffer(file.read(4), "<u2").sum(dtype=int)
    offset = item.header_offset + LOCAL_HEADER + int(lengths) + n_header
    order = "F" if by_columns else "C"
    return np.memmap(path, dtype, "r", offset=offset, shape=shape, order=order).view(np.ndarray)


def find_neighbours(
    latents: FloatArray, *, k: int, workers: int = -1, progress: bool = False
) -> Neighbours:
    """Find the exact `k` nearest neighbours of every object among the others.

    Copies of one spectrum are neighbours at distance 0; which of more than `k` copies are
    listed is arbitrary but repeatable.

    Args:
        latents: Finite latents, shape (n_galaxy, n_latent).
        k: Neighbours of each object; at most n_galaxy - 1.
        workers: Threads; -1 is all cores.
        progress: Show a bar.

    Raises:
        ValueError: `k` does not fit, or latents are not finite.

    Example:
        >>> find_neighbours(np.array([[0.0], [1.0], [3.0]]), k=1).indices.ravel()
        array([1, 0, 1], dtype=int32)
    """
    n_galaxy = len(latents)
    if not 1 <= k < n_galaxy:
        raise ValueError(f"k must lie in 1..n_galaxy - 1 = {n_galaxy - 1}, got {k}")
    if not np.isfinite(latents).all():
        bad = np.flatnonzero(~np.isfinite(latents).all(axis=1))
        raise ValueError(f"latents must be finite, rows {bad[:5].tolist()} are not")
    tree, rows_of = _tree_in_order(latents)
    indices = np.empty((n_galaxy, k), dtype=np.int32)
    distances = np.empty((n_galaxy, k), dtype=np.float32)
    starts = range(0, n_galaxy, BLOCK_ROWS)
    for start in tqdm(starts, desc="neighbours", disable=not progress, unit="block"):
        places = np.arange(start, min(start + BLOCK_ROWS, n_galaxy))
        found = np.asarray(tree.query(tree.data[places], k=k + 1, workers=workers)[1])
        others = found[_others(found, places)].reshape(-1, k)
        rows, near = rows_of[places], rows_of[others]
        distance = _distances(latents[rows], latents[near])
        order = np.argsort(distance, axis=1, kind="stable")
        indices[rows] = np.take_along_axis(near, order, axis=1)
        distances[rows] = np.take_along_axis(distance, order, axis=1)
    return Neighbours(indices, distances)


def _tree_in_order(latents: FloatArray) -> tuple[KDTree, IntArray]:
    """Return a k-d tree of the latents along their principal axes, and the row of each point.

    The points lie in memory as in the leaves of the tree, so that those near each other are read
    together. Among a million objects with ten latents the search is five times as fast so.
    """
    points = turned(latents)
    rows_of = leaf_order(points)
    return KDTree(points[rows_of], leafsize=LEAF), rows_of


def _distances(latents: FloatArray, others: FloatArray) -> FloatArray:
    """Return the distances of (n, n_latent) to (n, k, n_latent), float64: of a copy exactly 0."""
    total = np.zeros(others.shape[:2])
    for own, other in zip(latents.T, np.moveaxis(others, 2, 0), strict=True):
        total += np.square(other.astype(np.float64) - own[:, None])
    return np.sqrt(total)


def _others(order: IntArray, own: IntArray) -> BoolArray:
    """Mask out each row's own index, or the last neighbour if it is absent (many copies)."""
    keep = order != own[:, None]
    keep[keep.all(axis=1), -1] = False
    return keep
