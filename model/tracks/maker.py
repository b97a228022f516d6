"""Tracks: paths through latent space, decoded, compared with what lies along them.

Four ways to make one, all by `TrackMaker`:

- `drawn`: a path drawn on a map, lifted to latents by local barycentres
- `centroids`: binned centroids of a class (Portillo+2020, section 3.2)
- `shortest_path`: from object to object on the graph of nearest neighbours
- `one_latent`: one latent varied, the others held (Portillo+2020, 3.2.5)

UMAP's inverse is never used: the decoder does that better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from data.arrays import BoolArray, FloatArray, IntArray
from model.atlas.neighbours import Neighbours
from model.latent_axes import middle, principal_axes, spread
from model.store.identifiers import Identifiers
from model.tracks.knots import ENOUGH, bins_between, count_support, even_knots
from model.tracks.neighbour_graph import NeighbourGraph
from model.tracks.places import Places
from model.tracks.track import Track

BARYCENTRE = 24
"""Objects nearest on the map whose latents are averaged to lift a drawn knot."""
MEMBERS = 100
"""Objects kept with each knot: those whose spectra stand behind it."""


@dataclass(frozen=True, kw_only=True)
class TrackMaker:
    """Makes tracks through the objects of one atlas; searches are indexed once and kept.

    Attributes:
        latents: Shape (n_galaxy, n_latent).
        ids: Object ids, row for row.
        neighbours: The graph of `latents`.
        places: Those of `latents`, where they are indexed already; else it is done when needed.
    """

    latents: FloatArray
    ids: Identifiers
    neighbours: Neighbours
    places: Places | None = None

    def drawn(
        self,
        path: FloatArray,
        plane: Places,
        *,
        name: str,
        embedding: str,
        n_knot: int = 20,
    ) -> Track:
        """Lift a path drawn on a map.

        `n_knot` points are spaced equally along the path; the latents of each are the mean of the
        nearest objects on the map, nearer ones counting more.

        Args:
            path: Points of the path on the map, in order, shape (n_point, 2), 2 at least.
            plane: The positions on the map.
            name: What to call it.
            embedding: Name of the map.
            n_knot: Knots along the path.

        Raises:
            ValueError: The path has no length.
        """
        positions = even_knots(np.asarray(path, dtype=float), n_knot)
        nearest: Any = np.arange(1, min(BARYCENTRE, plane.tree.n) + 1)
        distances, near = plane.tree.query(positions, k=nearest)
        near = plane.rows[near]
        scale = np.maximum(distances[:, -1:], 1e-12)
        weight = (1 - (distances / scale) ** 2).clip(1e-3) ** 2  # Tukey's biweight
        latents = np.einsum("kn,knl->kl", weight, self.latents[near].astype(float))
        latents /= weight.sum(axis=1, keepdims=True)
        support = count_support(plane.tree, positions)
        recipe = {"kind": "drawn", "embedding": embedding, "path": np.asarray(path).tolist()}
        return self._track(name, recipe, latents, positions=positions, support=support)

    def centroids(
        self,
        values: FloatArray,
        *,
        name: str,
        percentiles: Sequence[float] = (0, 30, 60, 90, 95, 100),
        keep: BoolArray | None = None,
        recipe: Mapping[str, Any] | None = None,
    ) -> Track:
        """Average the latents of objects in bins of some quantity (Portillo+2020, 3.2).

        Args:
            values: The quantity: a latent, a linear combination (see `combine`), or a catalogue
                column; NaN is left out; shape (n_galaxy,).
            name: What to call it.
            percentiles: Bin edges, as percentiles of all objects' values (their default: the
                star-formation track).
            keep: Objects to average, e.g. of some classes; shape (n_galaxy,).
            recipe: What to write down about `values` and `keep`.

        Raises:
            ValueError: Fewer than two bins hold any object.
        """
        edges = np.nanpercentile(values, np.asarray(percentiles, dtype=float))
        keep = np.isfinite(values) & (True if keep is None else keep)
        bins = bins_between(np.where(keep, values, np.nan), edges)
        bins = [rows for rows in bins if len(rows)]
        if len(bins) < 2:
            raise ValueError(
                f"a track needs objects in two bins or more, got {len(bins)}; widen the "
                "percentiles or the classes"
            )
        latents = np.stack([self.latents[rows].mean(axis=0, dtype=float) for rows in bins])
        about = {"kind": "centroids", "percentiles": list(percentiles)} | dict(recipe or {})
        support = np.array([len(rows) for rows in bins])
        return self._track(name, about, latents, support=support, within=bins)

    def shortest_path(self, start: int, stop: int, *, name: str, n_knot: int = 12) -> Track:
        """Go from object to object along nearest neighbours, by the shortest total distance.

        Distances are of latents in units of their `spread`, so that one with long tails does not
        decide alone.

        Raises:
            ValueError: No chain of neighbours connects the two.
        """
        rows = self._graph.path(start, stop)
        if not rows:
            raise ValueError(
                f"{self.ids[start]} and {self.ids[stop]} lie on separate islands: no chain of "
                f"{self._graph.k} nearest neighbours connects them; draw the track instead"
            )
        if len(rows) < 2:
            raise ValueError("a path needs two different objects")
        scale = spread(self.latents)
        corners = self.latents[rows].astype(float) / scale
        latents = even_knots(corners, min(n_knot, 4 * len(rows))) * scale
        recipe = {"kind": "shortest path", "through": self.ids[rows].tolist()}
        return self._track(name, recipe, latents)

    def one_latent(
        self,
        latent: int,
        *,
        name: str,
        start: FloatArray | None = None,
        percentiles: tuple[float, float] = (1, 99),
        rotated: bool = False,
        n_knot: int = 9,
    ) -> Track:
        """Vary one latent between two percentiles of the sample, holding the others.

        The knots lie at evenly spaced percentiles: where the objects are, not out in a tail.

        Args:
            latent: Which, from 0; with `rotated`, which principal axis of the latents.
            name: What to call it.
            start: Latents held, e.g. of a selected object; by default the medians of all.
            percentiles: Ends of the track.
            rotated: Move along principal axes of the latents instead of the latents themselves.
            n_knot: Knots.

        Raises:
            ValueError: There is no such latent.
        """
        n_latent = self.latents.shape[1]
        if not 0 <= latent < n_latent:
            raise ValueError(f"latent must lie in 0..{n_latent - 1}, got {latent}")
        centre = middle(self.latents)
        axis = principal_axes(self.latents)[latent] if rotated else np.eye(n_latent)[latent]
        held = centre if start is None else np.asarray(start, dtype=float)
        along = (self.latents - centre) @ axis
        steps = np.percentile(along, np.linspace(*percentiles, n_knot))
        latents = held + (steps - (held - centre) @ axis)[:, None] * axis
        recipe = {
            "kind": "one latent", "latent": latent, "rotated": rotated,
            "percentiles": list(percentiles),
        }  # fmt: skip
        return self._track(name, recipe, latents)

    def rows(self, track: Track) -> list[IntArray]:
        """Return the rows of each knot's members; ids this atlas lacks are left out."""
        row = self.ids.rows(item for ids in track.members for item in ids)
        return [
            np.array([row[item] for item in ids if item in row], dtype=np.int64)
            for ids in track.members
        ]

    def _track(
        self,
        name: str,
        recipe: dict[str, Any],
        latents: FloatArray,
        *,
        positions: FloatArray | None = None,
        support: IntArray | None = None,
        within: Sequence[IntArray] | None = None,
    ) -> Track:
        around = count_support(self._places.tree, latents)
        support = around if support is None else support
        if within is None:
            within = list(self._places.nearest(latents, MEMBERS))
        pairs = zip(within, latents, strict=True)
        near = [_nearest(self.latents, rows, at) for rows, at in pairs]
        members = tuple(tuple(self.ids[rows].tolist()) for rows in near)
        return Track(
            name=name,
            recipe=recipe,
            latents=latents.astype(np.float32),
            support=support,
            extrapolated=np.minimum(around, support) < ENOUGH,
            members=members,
            positions=None if positions is None else positions.astype(np.float32),
        )

    @cached_property
    def _places(self) -> Places:
        return Places.of(self.latents) if self.places is None else self.places

    @cached_property
    def _graph(self) -> NeighbourGraph:
        return NeighbourGraph(self.latents, self.neighbours)


def _nearest(latents: FloatArray, rows: IntArray, at: FloatArray) -> IntArray:
    distance = np.linalg.norm(latents[rows] - at, axis=1)
    return rows[np.argsort(distance, kind="stable")[:MEMBERS]]
