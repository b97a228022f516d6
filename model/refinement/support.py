"""Where the latents of a survey lie: the units and the bounds of a refinement.

Support.of(latents), latent_support(model, source)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.arrays import FloatArray, IndexArray
from data.parts import read_parts
from data.spectra import SpectrumSource
from model.interface import SpectrumModel
from model.latent_axes import principal_axes
from model.splits import evenly

CENTRAL = (0.15865, 0.84135)
"""Quantiles between which the spread of a normal distribution is one standard deviation."""
MARGIN = 1.0
"""Spreads beyond the range of the latents that count as inside: they scatter, as answers do."""
READ_ROWS = 256
SUPPORT_OBJECTS = 2048
"""Objects of a survey by whose latents its support is known."""


@dataclass(frozen=True)
class Support:
    """Where the latents of a survey lie.

    Attributes:
        centre: Their median, shape (n_latent,).
        axes: Principal axes, each as long as half the width of the central 68 % of the latents
            along it, shape (n_latent, n_latent), one axis a row.
        lowest: A little below their least coordinates along the axes, in spreads (lengths of the
            axes), shape (n_latent,).
        highest: A little above their largest ones.
    """

    centre: FloatArray
    axes: FloatArray
    lowest: FloatArray
    highest: FloatArray

    @classmethod
    def of(cls, latents: FloatArray) -> Support:
        """Return the support of some latents, shape (n_galaxy, n_latent)."""
        centre = np.median(latents, axis=0).astype(np.float64)
        units = principal_axes(latents)
        along = (latents - centre) @ units.T
        low, high = np.quantile(along, CENTRAL, axis=0)
        spread = np.maximum((high - low) / 2, 1e-6)
        along = along / spread
        lowest, highest = along.min(axis=0) - MARGIN, along.max(axis=0) + MARGIN
        return cls(centre, units * spread[:, None], lowest, highest)

    def coordinates(self, latents: FloatArray) -> FloatArray:
        """Return positions along the axes in units of the spreads, shape of `latents`."""
        square = (self.axes**2).sum(axis=1)
        return (latents.astype(np.float64) - self.centre) @ self.axes.T / square

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {name: values.tolist() for name, values in vars(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Support:
        """Return the support that `to_dict` gave."""
        names = ("centre", "axes", "lowest", "highest")
        return cls(*(np.asarray(values[name], dtype=np.float64) for name in names))


def latent_support(
    model: SpectrumModel, source: SpectrumSource, rows: IndexArray | None = None
) -> Support:
    """Return the support of a survey's latents, from at most 2048 evenly spaced objects.

    Args:
        model: What encodes them.
        source: Where the spectra are.
        rows: Which objects count; all by default.
    """
    rows = evenly(np.arange(len(source)) if rows is None else rows, SUPPORT_OBJECTS)
    blocks = np.array_split(rows, -(-len(rows) // READ_ROWS))
    parts = (spectra for block in blocks for _, spectra in read_parts(source, block))
    return Support.of(np.concatenate([model.encode(spectra) for spectra in parts]))
