"""Named selections: what was selected, kept under a name that filters and expressions may use."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray
from explorer.state.calculated import check_name, that_work
from explorer.state.dataset import SELECTION, Dataset
from explorer.state.selection import inside_region, passing

MOST = 12
"""Named selections of a session."""


def masks_of(
    dataset: Dataset, selections: Mapping[str, Mapping[str, Any]], *, replacing: Iterable[str] = ()
) -> dict[str, BoolArray]:
    """Return which objects each selection holds.

    Args:
        dataset: Of the session; it stays as it is.
        selections: Name -> `filters` (see `selection.passing`) and `region` (see
            `selection.inside_region`), both may be absent. One may use those before it.
        replacing: Names of selections that these take the place of.

    Raises:
        ValueError: A name means something else, or a selection is none.
    """
    trial, masks = dataset.trial(), dict[str, BoolArray]()
    trial.remove(SELECTION)  # it follows from the selections
    if len(selections) > MOST:
        raise ValueError(f"at most {MOST} selections can have a name")
    for name in replacing:
        trial.name_condition(name, None)
    for name, selection in selections.items():
        check_name(trial, name)
        mask = passing(trial, selection.get("filters") or {})
        region = selection.get("region")
        inside = None if region is None else inside_region(trial, region)
        parts = [part for part in (mask, inside) if part is not None]
        masks[name] = np.logical_and.reduce([np.ones(len(dataset), dtype=bool), *parts])
        trial.name_condition(name, masks[name])
    return masks


def selections_that_work(
    dataset: Dataset, selections: Mapping[str, Mapping[str, Any]], *, replacing: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """Return the selections whose objects can be found; arguments as of `masks_of`."""
    return that_work(selections, lambda some: masks_of(dataset, some, replacing=replacing))


def next_name(dataset: Dataset) -> str:
    """Return the first letter that is no name yet."""
    taken = {*dataset.conditions, *map(str, dataset.catalog.columns)}
    names = (f"{letter}{number}" for number in ("", 2, 3) for letter in string.ascii_uppercase)
    return next(name for name in names if name not in taken)


def membership(masks: Mapping[str, BoolArray], n_object: int) -> NDArray[np.object_]:
    """Return the names of the selections that each object is in (`A B`), None where in none."""
    code = np.zeros(n_object, dtype=np.int64)
    for bit, mask in enumerate(masks.values()):
        code |= mask.astype(np.int64) << bit
    words = [
        " ".join(name for bit, name in enumerate(masks) if value >> bit & 1) or None
        for value in range(2 ** len(masks))
    ]
    return np.array(words, dtype=object)[code]
