"""The maps of an atlas: fitted to all objects, or to some while the rest are placed among those."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.arrays import FloatArray, IndexArray
from model.atlas.embedding import EmbeddingConfig, embed_pca, embed_tsne, embed_umap
from model.atlas.maps.positions import place_all
from model.atlas.maps.quality import map_quality
from model.atlas.maps.sample import spread_sample
from model.atlas.neighbours import Neighbours, find_neighbours
from model.atlas.stage import kept_array


@dataclass(frozen=True, kw_only=True)
class MapMaker:
    """What maps of some latents are made from.

    Attributes:
        latents: Of all objects, shape (n_galaxy, n_latent).
        sample: Rows that UMAP and t-SNE are fitted to, increasing.
        settings: Of the maps, chosen for the sample.
        jobs: Threads.
    """

    latents: FloatArray
    sample: IndexArray
    settings: EmbeddingConfig
    jobs: int

    @property
    def sampled(self) -> bool:
        """Whether some objects are placed among the others."""
        return len(self.sample) < len(self.latents)

    def make(
        self,
        names: Iterable[str],
        neighbours: Neighbours,
        folder: Path,
        stage: Callable[[str], AbstractContextManager[None]],
    ) -> dict[str, FloatArray]:
        """Return the places of all objects on each map, float32, shape (n_galaxy, 2).

        Args:
            names: Of the maps.
            neighbours: Graph of all objects; of the sample one is made where it is needed.
            folder: Where each finished map is kept.
            stage: Times what is done in its block.
        """
        graph: list[Neighbours] = [] if self.sampled else [neighbours]

        def own_graph() -> Neighbours:
            if not graph:
                some = self.latents[self.sample]
                k = min(len(some) - 1, self.settings.k)
                graph.append(find_neighbours(some, k=k, workers=self.jobs))
            return graph[0]

        maps = {}
        for name in names:
            with stage(name):
                maps[name] = kept_array(
                    folder / f"{name}.npy", lambda name=name: self._map(name, own_graph)
                )
        return maps

    def _map(self, name: str, own_graph: Callable[[], Neighbours]) -> FloatArray:
        if name == "pca":
            return embed_pca(self.latents)
        some = self.latents[self.sample]
        if name == "umap":
            places = embed_umap(some, own_graph(), self.settings)
        else:
            places = embed_tsne(some, own_graph(), self.settings, jobs=self.jobs)
        if not self.sampled:
            return places
        return place_all(places, self.sample, self.latents, jobs=self.jobs)

    def quality(self, maps: dict[str, FloatArray]) -> dict[str, dict[str, Any]]:
        """Return how well each map keeps neighbours together, JSON-ready, by its name.

        Where objects were placed, `sample` and `placed` stand beside each other.
        """
        rows = {"sample" if self.sampled else "": self.sample}
        if self.sampled:
            everything = np.arange(len(self.latents))
            rows["placed"] = np.setdiff1d(everything, self.sample, assume_unique=True)
        found: dict[str, dict[str, Any]] = {name: {} for name in maps}
        for which, among in rows.items():
            measured = map_quality(self.latents, maps, among, seed=self.settings.seed)
            for name, quality in measured.items():
                found[name] |= {which: quality.to_dict()} if which else quality.to_dict()
        return found


def map_maker(
    latents: FloatArray, settings: EmbeddingConfig, *, n_sample: int, jobs: int
) -> MapMaker:
    """Choose the sample, if there are more objects than it holds; see `MapMaker`."""
    sample = spread_sample(latents, n_sample, seed=settings.seed)
    return MapMaker(latents=latents, sample=sample, settings=settings, jobs=jobs)
