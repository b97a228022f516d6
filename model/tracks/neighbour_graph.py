"""Shortest chains from object to object along nearest neighbours in latent space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from data.arrays import FloatArray
from model.atlas.neighbours import Neighbours
from model.latent_axes import spread

PATH_NEIGHBOURS = 12
"""Edges of each object that shortest paths may take."""


@dataclass(frozen=True)
class NeighbourGraph:
    """The graph of nearest neighbours, its edges as long as latents in units of their `spread`.

    Attributes:
        latents: Shape (n_galaxy, n_latent).
        neighbours: The nearest neighbours of each.
    """

    latents: FloatArray
    neighbours: Neighbours

    @property
    def k(self) -> int:
        """Edges of each object."""
        return min(PATH_NEIGHBOURS, self.neighbours.k)

    def path(self, start: int, stop: int) -> list[int]:
        """Return the rows of the shortest chain, both ends included; empty if there is none."""
        length, before = dijkstra(
            self.edges, directed=False, indices=start, return_predecessors=True
        )
        if not np.isfinite(length[stop]):
            return []
        rows = [stop]
        while rows[-1] != start:
            rows.append(int(before[rows[-1]]))
        return rows[::-1]

    @cached_property
    def edges(self) -> csr_array:
        """Lengths of the edges, shape (n_galaxy, n_galaxy)."""
        graph = self.neighbours.first(self.k)
        n = len(graph)
        starts = np.arange(0, n * graph.k + 1, graph.k)
        scaled = (self.latents / spread(self.latents)).astype(np.float32)
        length = np.empty((n, graph.k))
        for edge in range(graph.k):
            length[:, edge] = np.linalg.norm(scaled[graph.indices[:, edge]] - scaled, axis=1)
        # A distance of 0 would mean "no edge" to the sparse graph.
        length = np.maximum(length.ravel(), 1e-9)
        return csr_array((length, graph.indices.ravel(), starts), shape=(n, n))
