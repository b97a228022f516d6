"""A plane that the map can show: two numbers of each object."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.arrays import BoolArray, FloatArray
from explorer.state.plane_index import PlaneIndex
from model.tracks.places import Places

LATENTS, AXES = "latents", "axes"
"""The embeddings that show two latents, or two principal axes of them, against each other."""


@dataclass(frozen=True)
class Plane:
    """A plane the map can show: two columns of the catalogue, or two principal axes.

    Attributes:
        key: Unique among the planes of an atlas: `umap`, `latents:0:1`, `axes:0:1`.
        x_label: Name of the horizontal axis.
        y_label: Name of the vertical axis.
        x: Positions, float32, shape (n_object,); NaN where an object has none.
        y: Positions, same shape.
        columns: Columns of the catalogue that hold x and y.
        directions: Of a pair of principal axes: their origin in the latents, shape (n_latent,), and
            their unit vectors, shape (2, n_latent).
    """

    key: str
    x_label: str
    y_label: str
    x: FloatArray
    y: FloatArray
    columns: tuple[str, str] = ("", "")
    directions: tuple[FloatArray, FloatArray] | None = None

    @property
    def known(self) -> BoolArray:
        """True for objects that have a position."""
        return np.isfinite(self.x) & np.isfinite(self.y)

    @cached_property
    def index(self) -> PlaneIndex:
        """Finds the objects in a part of the plane; 0.1 s at a million objects."""
        return PlaneIndex.of(self.x, self.y)

    @property
    def indexed(self) -> bool:
        """Whether `index` has been made."""
        return "index" in self.__dict__

    @cached_property
    def places(self) -> Places:
        """The positions for tracks, which search the nearest of many points; slow for many."""
        return Places.of(np.column_stack([self.x, self.y]), known=self.known)
