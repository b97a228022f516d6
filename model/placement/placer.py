"""New spectra in an old atlas: latents, places on its maps, scores, neighbours, properties.

    placer = Placer(atlas)
    placed = placer.place(spectrum, norm=norm)      # Spectra of one object
    placed.row, placed.latents, placed.neighbours

Each spectrum is worked on alone, in arrays of always the same shape: what comes out is the same
to the last bit, whatever else is placed before, after or beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.spatial import KDTree

from data.arrays import FloatArray, IntArray
from data.spectra import Spectra
from model.atlas.atlas import Atlas
from model.atlas.embedding import project
from model.atlas.encoding import latent_columns
from model.atlas.maps.positions import among_neighbours
from model.placement.new_scores import NewScores
from model.properties.known import ENDINGS, KnownProperty, learn_properties, log_light
from model.refinement.refine import refine
from model.refinement.support import Support

N_NEIGHBOUR = 32
"""Nearest objects of the atlas that are listed, at most."""


@dataclass(frozen=True)
class Placed:
    """One spectrum in an atlas.

    Attributes:
        row: Columns of the atlas's catalogue, as far as they follow from the spectrum: latents,
            places on maps, scores; `refinement_shift`; of properties `NAME_near`, `_low`, `_high`.
        latents: float32, shape (n_latent,).
        neighbours: Rows of the nearest objects, nearest first, shape (k,).
        distances: Their latent distances, shape (k,).
    """

    row: dict[str, Any]
    latents: FloatArray
    neighbours: IntArray
    distances: NDArray[np.float64]


class Placer:
    """Places spectra in an atlas; what that needs of the atlas is prepared once."""

    def __init__(self, atlas: Atlas, *, refined: bool | None = None) -> None:
        """Take an atlas.

        Args:
            atlas: Where to.
            refined: Refine latents; by default if those of the atlas are.
        """
        self.atlas = atlas
        self._refinement = atlas.info.get("refinement")
        self.refined = bool(self._refinement) if refined is None else refined

    @cached_property
    def support(self) -> Support:
        """Where the latents of the survey lie, for refinement."""
        if self._refinement:
            return Support.from_dict(self._refinement["support"])
        return Support.of(self.atlas.latents)

    @cached_property
    def tree(self) -> KDTree:
        """Of the latents of the atlas."""
        return KDTree(self.atlas.latents.astype(np.float64))

    @cached_property
    def scores(self) -> NewScores:
        """Scores spectra against the atlas."""
        return NewScores(self.atlas, self.tree)

    @cached_property
    def properties(self) -> dict[str, KnownProperty]:
        """What is known of the objects of the atlas."""
        known = self.atlas.info.get("properties")
        return learn_properties(self.atlas.catalog, self.atlas.latents, known)

    @cached_property
    def _maps(self) -> dict[str, FloatArray]:
        """Places on the maps that are no projection, shape (n_galaxy, 2), by name."""
        catalog = self.atlas.catalog
        return {
            item.name: catalog[[item.x, item.y]].to_numpy(np.float64)
            for item in self.atlas.embeddings
            if item.name != "pca"
        }

    def place(self, spectrum: Spectra, *, norm: float = np.nan) -> Placed:
        """Place one spectrum.

        Args:
            spectrum: On a grid that the atlas's model encodes.
            norm: What its flux was divided by, 1e-17 erg/s/cm2/A; without it, properties that
                scale with a galaxy's light stay unknown.

        Raises:
            ValueError: The model does not encode that grid, or there is more than one spectrum.
        """
        if len(spectrum) != 1:
            raise ValueError(f"spectra are placed one by one, got {len(spectrum)}")
        model, spectrum = self.atlas.model, _aligned(spectrum)
        latents, row = model.encode(spectrum), {}
        if self.refined:
            latents, _, shift = refine(model, spectrum, latents, self.support)
            row["refinement_shift"] = float(shift[0])
        flux, covered = model.reconstruct(latents, spectrum.z, spectrum.grid)
        k = min(N_NEIGHBOUR, len(self.atlas))
        found: Any = self.tree.query(latents[0].astype(np.float64), k=k)
        distances, near = found
        row |= dict(zip(latent_columns(model.n_latent), latents[0].tolist(), strict=True))
        row |= self.scores.row(spectrum, latents, flux, covered.astype(bool))
        columns = self.places(latents, near[None], distances[None])
        columns |= self.estimates(latents, np.array([norm]), spectrum.z)
        row |= {name: float(values[0]) for name, values in columns.items()}
        return Placed(row, latents[0], near, distances)

    def places(
        self, latents: FloatArray, near: IntArray, distances: FloatArray
    ) -> dict[str, FloatArray]:
        """Return the coordinates on every map, each of shape (n_galaxy,).

        Args:
            latents: Shape (n_galaxy, n_latent).
            near: Rows of the nearest objects of the atlas, shape (n_galaxy, k).
            distances: How far those are, same shape.
        """
        columns = {}
        for item in self.atlas.embeddings:
            if item.name == "pca":
                place = project(latents, self.atlas.latents)
            else:
                place = among_neighbours(self._maps[item.name][near], distances)
            columns |= {item.x: place[:, 0], item.y: place[:, 1]}
        return columns

    def estimates(
        self, latents: FloatArray, norm: FloatArray, z: FloatArray
    ) -> dict[str, FloatArray]:
        """Return what neighbours tell, with its interval, each of shape (n_galaxy,)."""
        light = log_light(norm, z)
        return {
            name + ending: values
            for name, known in self.properties.items()
            for ending, values in zip(ENDINGS, known.estimate(latents, light), strict=True)
        }


def place_all(
    placer: Placer, spectra: Sequence[Spectra], norms: Sequence[float]
) -> tuple[pd.DataFrame, list[Placed]]:
    """Place spectra of one object each; return their rows as a table, and all about each."""
    placed = [
        placer.place(spectrum, norm=norm) for spectrum, norm in zip(spectra, norms, strict=True)
    ]
    return pd.DataFrame([item.row for item in placed]), placed


def _aligned(spectrum: Spectra) -> Spectra:
    """Copy a spectrum to where torch puts its own arrays.

    Vectorised sums depend, in their last bit, on how an array lies in memory.
    """
    flux, ivar = (
        torch.tensor(np.asarray(item, np.float32)).numpy()
        for item in (spectrum.flux, spectrum.ivar)
    )
    return Spectra(grid=spectrum.grid, flux=flux, ivar=ivar, z=np.array(spectrum.z))
