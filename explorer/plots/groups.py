"""The groups of objects that plots compare: what is selected, the others, selections with names."""

from __future__ import annotations

import numpy as np

from data.arrays import BoolArray
from explorer.state.state import ExplorerState

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
