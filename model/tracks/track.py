"""A track: knots in latent space, what supports them, and its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.arrays import BoolArray, FloatArray, IntArray
from data.json_file import read_json, write_json


@dataclass(frozen=True, kw_only=True)
class Track:
    """A sequence of knots in latent space.

    Attributes:
        name: What the user calls it.
        recipe: How it was made, JSON-ready.
        latents: Shape (n_knot, n_latent).
        support: Objects around each knot, int, shape (n_knot,).
        extrapolated: True where fewer than 5 objects lie around a knot, in latent space or on
            the map it was drawn on; "around" is within twice the distance at which the nearest
            objects have 5 others; shape (n_knot,).
        members: Ids of the objects behind each knot, nearest first, at most 100.
        positions: On the map it was drawn on, shape (n_knot, 2), or None.
    """

    name: str
    recipe: dict[str, Any]
    latents: FloatArray
    support: IntArray
    extrapolated: BoolArray
    members: tuple[tuple[str, ...], ...]
    positions: FloatArray | None = None

    def __len__(self) -> int:
        """Return the number of knots."""
        return len(self.latents)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        content = {
            "name": self.name,
            "recipe": self.recipe,
            "latents": self.latents.tolist(),
            "support": self.support.tolist(),
            "extrapolated": self.extrapolated.tolist(),
            "members": [list(ids) for ids in self.members],
            "positions": None if self.positions is None else self.positions.tolist(),
        }
        write_json(path, {"track_version": 1} | content)

    @classmethod
    def load(cls, path: Path) -> Track:
        """Read what `save` wrote.

        Raises:
            ValueError: The file is missing, or not a track.
        """
        content = read_json(path, what="track")
        try:
            if content["track_version"] != 1:
                raise ValueError(f"track_version must be 1, got {content['track_version']}")
            positions = content["positions"]
            track = cls(
                name=str(content["name"]),
                recipe=dict(content["recipe"]),
                latents=np.array(content["latents"], dtype=np.float32),
                support=np.array(content["support"], dtype=np.int64),
                extrapolated=np.array(content["extrapolated"], dtype=bool),
                members=tuple(tuple(map(str, ids)) for ids in content["members"]),
                positions=None if positions is None else np.array(positions, dtype=np.float32),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a track: {error}") from error
        n_knot = len(track)
        if track.latents.ndim != 2 or not n_knot == len(track.support) == len(track.members):
            raise ValueError(f"{path} is not a track: its lists are of different lengths")
        return track
