"""Two-dimensional maps of the latents: UMAP, t-SNE, PCA. Seeded and repeatable."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from data.arrays import FloatArray
from model.atlas.neighbours import Neighbours
from model.latent_axes import principal_axes

LARGE = 200_000
"""Objects above which t-SNE uses half the perplexity, to bound its memory."""


@dataclass(frozen=True)
class Embedding:
    """A map: which columns of the catalogue hold it.

    Attributes:
        name: `umap`, `tsne` or `pca`.
        label: What the explorer calls it.
        x: Column of the horizontal coordinate.
        y: Column of the vertical coordinate.
    """

    name: str
    label: str
    x: str
    y: str


EMBEDDINGS = (
    Embedding("umap", "UMAP", "umap_x", "umap_y"),
    Embedding("tsne", "t-SNE", "tsne_x", "tsne_y"),
    Embedding("pca", "PCA of latents", "pca_x", "pca_y"),
)
"""The maps of an atlas, in the order the explorer lists them."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingConfig:
    """Settings of the maps, already fitted to the number of objects.

    Attributes:
        umap_neighbours: UMAP's `n_neighbors`, which counts the object itself.
        umap_min_dist: UMAP's `min_dist`.
        tsne_perplexity: t-SNE's perplexity; three times as many neighbours are used.
        seed: Of both.
    """

    umap_neighbours: int
    umap_min_dist: float
    tsne_perplexity: float
    seed: int

    @property
    def k(self) -> int:
        """Neighbours the maps need of each object."""
        return max(self.umap_neighbours - 1, int(3 * self.tsne_perplexity))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self)


def choose_settings(n_galaxy: int, *, seed: int) -> tuple[EmbeddingConfig, list[str]]:
    """Choose the maps' settings by the number of objects, and say what was chosen and why.

    The libraries' defaults (15 neighbours, perplexity 30) want a few hundred objects: below,
    each object's neighbourhood would be a large share of the sample.

    Raises:
        ValueError: Fewer than 20 objects.
    """
    if n_galaxy < 20:
        raise ValueError(f"a map needs at least 20 objects, got {n_galaxy}")
    neighbours = min(15, max(5, n_galaxy // 10))
    perplexity = min(30.0, max(5.0, n_galaxy / 12))
    notes = []
    if n_galaxy < 360:
        notes.append(
            f"Only {n_galaxy} objects: UMAP uses {neighbours} neighbours (15 from 150 objects "
            f"on), t-SNE a perplexity of {perplexity:.3g} (30 from 360 on). Gaps between small "
            "groups mean little."
        )
    if n_galaxy > LARGE:
        perplexity = 15.0
        notes.append(f"More than {LARGE} objects: t-SNE uses a perplexity of 15 to save memory.")
    config = EmbeddingConfig(
        umap_neighbours=neighbours, umap_min_dist=0.1, tsne_perplexity=perplexity, seed=seed
    )
    return config, notes


def embed_pca(latents: FloatArray) -> FloatArray:
    """Project latents on their two axes of largest variance, float32, shape (n_galaxy, 2).

    The sign of each axis is fixed by its largest latent, so that runs agree. A single latent
    is drawn along x, with y = 0.
    """
    return project(latents, latents)


def project(new: FloatArray, latents: FloatArray) -> FloatArray:
    """Return the places of new latents on the PCA map of others, float32, shape (n_new, 2)."""
    centred = np.asarray(new, dtype=np.float64) - latents.mean(axis=0, dtype=np.float64)
    projected = centred @ np.ascontiguousarray(principal_axes(latents)[:2].T)
    if projected.shape[1] == 1:
        projected = np.hstack([projected, np.zeros_like(projected)])
    return projected.astype(np.float32)


def embed_umap(latents: FloatArray, neighbours: Neighbours, config: EmbeddingConfig) -> FloatArray:
    """Return the UMAP embedding, float32, shape (n_galaxy, 2).

    It starts from the PCA plane, so that the map's orientation and global layout are
    repeatable; with a seed UMAP runs on one thread, which makes it exactly repeatable.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ImportWarning)  # of TensorFlow, not needed
        from umap import UMAP  # takes seconds: only those who embed wait for it
    indices, distances = neighbours.first(config.umap_neighbours - 1).with_self()
    start = embed_pca(latents)
    start = 10 * start / max(float(np.abs(start).max()), 1e-12)
    jitter = np.random.default_rng(config.seed).normal(0, 1e-3, start.shape)
    umap = UMAP(
        n_neighbors=config.umap_neighbours,
        min_dist=config.umap_min_dist,
        init=(start + jitter).astype(np.float32),  # type: ignore[arg-type]
        precomputed_knn=(indices, distances),  # type: ignore[arg-type]
        random_state=config.seed,
        n_jobs=1,
    )
    with warnings.catch_warnings():
        # New objects are never placed by UMAP.transform, so no search index is needed.
        warnings.filterwarnings("ignore", message="precomputed_knn")
        return np.asarray(umap.fit_transform(latents), dtype=np.float32)


def embed_tsne(
    latents: FloatArray, neighbours: Neighbours, config: EmbeddingConfig, *, jobs: int = -1
) -> FloatArray:
    """Return the t-SNE embedding, float32, shape (n_galaxy, 2), from the PCA plane on."""
    from openTSNE import TSNE
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    perplexity: Any = config.tsne_perplexity  # annotated int there, a float in t-SNE
    graph = neighbours.first(int(3 * perplexity))
    jobs = 1 if len(latents) < 10_000 else jobs
    index = PrecomputedNeighbors(graph.indices.astype(np.int64), graph.distances.astype(np.float64))
    affinities = PerplexityBasedNN(perplexity=perplexity, knn_index=index, n_jobs=jobs)
    start = embed_pca(latents).astype(np.float64)
    start *= 1e-4 / max(float(start[:, 0].std()), 1e-12)
    jitter = np.random.default_rng(config.seed).normal(0, 1e-6, start.shape)
    tsne = TSNE(
        perplexity=perplexity,
        n_jobs=jobs,
        random_state=config.seed,
        negative_gradient_method="bh" if len(latents) < 10_000 else "fft",
    )
    result = tsne.fit(affinities=affinities, initialization=start + jitter)
    return np.asarray(result, dtype=np.float32)
