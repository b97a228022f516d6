"""A second atlas of the same objects: its model and its maps beside those of the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data.arrays import FloatArray, IndexArray
from data.spectra import Spectra

if TYPE_CHECKING:
    from model.atlas.atlas import Atlas

PREFIX = "second_"
"""Columns of the second atlas have it before their name."""


@dataclass(frozen=True)
class Second:
    """A second atlas.

    Attributes:
        atlas: It.
        name: What it is called.
        rows: Row in it of each object of the first, -1 where it has none, shape (n_object,).
    """

    atlas: Atlas
    name: str
    rows: IndexArray

    def columns(self) -> dict[str, FloatArray]:
        """Return its positions on maps and its scores for the objects of the first atlas."""
        names = [axis for item in self.atlas.embeddings for axis in (item.x, item.y)]
        names += [score.column for score in self.atlas.scores]
        there = self.rows >= 0
        columns = {}
        for name in names:
            values = np.full(len(self.rows), np.nan, dtype=np.float32)
            known = self.atlas.catalog[name].to_numpy(np.float32, na_value=np.nan)
            values[there] = known[self.rows[there]]
            columns[PREFIX + name] = values
        return columns

    def planes(self) -> list[tuple[str, str, str]]:
        """Return name and columns of its maps."""
        return [
            (f"{item.label}, second", PREFIX + item.x, PREFIX + item.y)
            for item in self.atlas.embeddings
        ]

    def reconstruct(self, row: int, spectra: Spectra, *, anew: bool) -> FloatArray | None:
        """Return how its model draws a spectrum, NaN outside its rest range; None if it can not.

        Args:
            row: Row in the first atlas; -1 for what a user brought.
            spectra: The spectrum.
            anew: Encode it though the second atlas has its latents.
        """
        known = -1 if row < 0 or anew else int(self.rows[row])
        model = self.atlas.model
        try:
            latents = model.encode(spectra) if known < 0 else self.atlas.latents[[known]]
        except ValueError:  # its model does not know this grid
            return None
        flux, inside = model.reconstruct(latents, spectra.z, spectra.grid)
        return np.where(inside[0], flux[0], np.nan)


def join(first: Atlas, second: Atlas) -> Second:
    """Find the objects of one atlas in another, and add what that knows to the first's catalogue.

    Raises:
        ValueError: They share no object, or the second has one twice.
    """
    ids = pd.Index(second.catalog["object_id"].astype(str))
    if not ids.is_unique:
        raise ValueError("the second atlas has an object twice; it can not be compared")
    rows = ids.get_indexer(pd.Index(first.catalog["object_id"].astype(str)))
    if not (rows >= 0).any():
        raise ValueError(
            "the two atlases have no object in common; compare atlases of the same spectra"
        )
    joined = Second(second, str(second.info.get("name") or "second"), rows)
    first.catalog = pd.concat([first.catalog, pd.DataFrame(joined.columns())], axis=1)
    return joined
