"""An object that a user brought: not of the atlas, known to one session only, kept in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data.spectra import Spectra
from explorer.state.plane import Plane

if TYPE_CHECKING:
    from model.placement.placer import Placed


@dataclass(frozen=True, eq=False, kw_only=True)
class Guest:
    """A spectrum placed in the atlas.

    Attributes:
        name: What its file calls it.
        file: Name of the file, as the user has it.
        facts: Columns of a catalogue, as ingest makes them: `z`, `norm`, `snr`, `ra` ...
        spectra: The spectrum, on a grid that the model encodes.
        placed: Where it lies, its scores, its neighbours, what they tell.
        shares: Score -> share of the atlas's objects that have at least as much.
    """

    name: str
    file: str
    facts: dict[str, Any]
    spectra: Spectra
    placed: Placed
    shares: dict[str, float]

    @property
    def z(self) -> float:
        """Redshift it was placed at."""
        return float(self.spectra.z[0])

    def position(self, plane: Plane) -> tuple[float, float]:
        """Return where it lies on a plane of the map."""
        if plane.directions is not None:
            origin, axes = plane.directions
            x, y = (float(value) for value in axes @ (self.placed.latents - origin))
        else:
            x, y = (float(self.placed.row[name]) for name in plane.columns)
        return x, y


def place_on(plane: Plane, chosen: int | Guest) -> tuple[float, float]:
    """Return where a row, or what the user brought, lies on a plane of the map."""
    if isinstance(chosen, Guest):
        return chosen.position(plane)
    return float(plane.x[chosen]), float(plane.y[chosen])
