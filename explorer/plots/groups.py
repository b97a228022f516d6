"""The groups of objects that plots compare: what is selected, the others, selections with names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.arrays import BoolArray, IndexArray
from explorer.state.state import ExplorerState
from model.tracks.population import MOST_READ

SELECTED, OTHERS, SHOWN = "selected", "others", "all shown"


def group_names(state: ExplorerState) -> list[str]:
    """Return the groups there are now."""
    some = [SELECTED, OTHERS] if state.subset is not None else []
    return [*some, SHOWN, *state.dataset.conditions]


def group(state: ExplorerState, name: str) -> BoolArray:
    """Return which objects a group holds: of those shown, a selection with a name of all.

    Raises:
        ValueError: There is no such group.
    """
    dataset = state.dataset
    shown = np.ones(len(dataset), dtype=bool) if state.shown is None else state.shown
    if name in dataset.conditions:
        return dataset.conditions[name]
    if name == SHOWN:
        return shown
    if state.subset is not None and name in (SELECTED, OTHERS):
        return state.subset if name == SELECTED else shown & ~state.subset
    raise ValueError(f"there is no group {name[:40]!r} of objects now")


@dataclass(frozen=True)
class Groups:
    """Two groups of objects, or one.

    Attributes:
        names: Of the groups; the second is empty if there is one only.
        masks: Which objects they hold; of one group twice the same.
    """

    names: tuple[str, str]
    masks: tuple[BoolArray, BoolArray]

    @property
    def rows(self) -> dict[str, IndexArray]:
        """Name -> rows of each group."""
        pairs = zip(self.names, self.masks, strict=True)
        return {name: np.flatnonzero(mask) for name, mask in pairs if name}

    def same(self, other: Groups) -> bool:
        """Return whether these are the same groups of the same objects."""
        return self.names == other.names and all(map(np.array_equal, self.masks, other.masks))

    def told(self) -> str:
        """Return what the figures show, in words."""
        counts = {name: len(rows) for name, rows in self.rows.items()}
        empty = [name for name, count in counts.items() if not count]
        if empty:
            return f"{empty[0].capitalize()}: no object. Choose another group."
        parts = [
            f"{name}: {count:,} objects"
            + (f", {MOST_READ} of them stacked" if count > MOST_READ else "")
            for name, count in counts.items()
        ]
        bands = "Band: the middle 68 % of the objects, their noise included"
        if self.names[1]:
            bands += "; below: their difference with its standard error. Distance: largest"
            bands += " distance of the cumulative distributions, 0 to 1"
        return f"{'; '.join(parts)}. {bands}."
