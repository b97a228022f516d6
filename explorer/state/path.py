"""A path on the map: where it runs, on which plane, and who put it there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from data.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class Path:
    """A path on the map.

    Attributes:
        vertices: Points in order, map coordinates, shape (n_vertex, 2).
        plane: Key of the plane it lies on (`Plane.key`).
        origin: `drawn` by the user, `address` where it came with the URL, `track` where a track
            was placed on the map. A track is made of the first two, never of the last.
    """

    vertices: FloatArray
    plane: str
    origin: Literal["drawn", "address", "track"]

    @property
    def is_wanted(self) -> bool:
        """Whether the user asked for it: a track is to be made of it, and the URL keeps it."""
        return self.origin != "track"
