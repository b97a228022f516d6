"""The axes that latents are moved along: the latents themselves, or their principal axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.arrays import FloatArray
from explorer.state.dataset import Dataset
from explorer.state.planes import axes_of
from model.latent_axes import bulk

RAW, ROTATED = "latents", "principal axes"
ENDS = (0.2, 99.8)
"""Percentiles of the objects at which sliders end, unless a long tail would take them too far."""
REACH = 5.0
"""Ends lie at most so many times as far from the median as 68 % of the objects do."""


def first_number(name: str) -> int:
    """Return the number of the first coordinate: latents count from 0, principal axes from 1."""
    return 1 if name == ROTATED else 0


@dataclass(frozen=True)
class Basis:
    """Coordinates of latent space.

    Attributes:
        names: What the coordinates are called.
        origin: Latents where all coordinates are 0, shape (n_latent,).
        axes: One unit axis a row, shape (n_latent, n_latent).
        low: Lower end of each coordinate among the objects, shape (n_latent,).
        high: Upper end.
    """

    names: tuple[str, ...]
    origin: FloatArray
    axes: FloatArray
    low: FloatArray
    high: FloatArray

    def coordinates(self, latents: FloatArray) -> FloatArray:
        """Return the coordinates of latents, shape (..., n_latent)."""
        return (np.asarray(latents, dtype=float) - self.origin) @ self.axes.T

    def latents(self, coordinates: FloatArray) -> FloatArray:
        """Return the latents of coordinates, shape (..., n_latent)."""
        return self.origin + np.asarray(coordinates, dtype=float) @ self.axes


def basis(dataset: Dataset, name: str) -> Basis:
    """Return `RAW` or `ROTATED` axes of an atlas, kept for all sessions."""

    def make() -> Basis:
        latents = dataset.atlas.latents
        n_latent = latents.shape[1]
        if name == ROTATED:
            origin, axes = axes_of(dataset)
        else:
            origin, axes = np.zeros(n_latent), np.eye(n_latent)
        low, high = bulk((latents - origin) @ axes.T, percentiles=ENDS, reach=REACH)
        word = "axis" if name == ROTATED else "latent"
        names = tuple(f"{word} {number + first_number(name)}" for number in range(n_latent))
        return Basis(names=names, origin=origin, axes=axes, low=low, high=high)

    return dataset.keep(("basis", name), make)
