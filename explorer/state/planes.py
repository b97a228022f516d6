"""The planes of a dataset: its embeddings, pairs of latents, of principal axes or of columns."""

from __future__ import annotations

from threading import RLock
from typing import Any

import numpy as np
from cachetools import LRUCache

from data.arrays import FloatArray
from explorer.state.dataset import Dataset
from explorer.state.plane import AXES, LATENTS, Plane
from model.latent_axes import principal_axes

MOST_PAIRS = 32
"""Planes of two columns that are kept for all sessions: with each is what finds its objects."""


def plane_of(dataset: Dataset, key: Any) -> Plane:  # noqa: ANN401 - whatever an address holds
    """Return the plane with that key (`Plane.key`), or that of a pair of columns.

    Raises:
        ValueError: There is no such plane.
    """
    if isinstance(key, (list, tuple)) and len(key) == 2:
        return _plane_of_columns(dataset, *map(str, key))
    name, *numbers = str(key).split(":")
    if name in (LATENTS, AXES) and len(numbers) == 2 and all(map(str.isdecimal, numbers)):
        x, y = map(int, numbers)
        return (_plane_of_axes if name == AXES else _plane_of_latents)(dataset, x, y)
    found = [item for item in dataset.atlas.embeddings if item.name == key]
    if not found:
        known = [item.name for item in dataset.atlas.embeddings]
        raise ValueError(f"embedding must be one of {known}, got {key!r}")
    titles = f"{found[0].label} 1", f"{found[0].label} 2"
    return _plane_of_numbers(dataset, found[0].name, titles, (found[0].x, found[0].y))


def _plane_of_columns(dataset: Dataset, x: str, y: str) -> Plane:
    """Return the plane of two columns of numbers.

    Raises:
        ValueError: One of them is not there.
    """
    for name in (x, y):
        if name not in dataset.numeric_columns:
            raise ValueError(f"there is no column of numbers {name[:40]!r}")

    own = tuple(name for name in (x, y) if name in dataset.added)
    pairs, lock = dataset.keep(("pairs",), lambda: (LRUCache(MOST_PAIRS), RLock()), columns=own)
    with lock:
        if (x, y) not in pairs:
            across, upwards = (
                dataset.numeric(name).astype(np.float32, copy=False) for name in (x, y)
            )
            titles = dataset.label(x), dataset.label(y)
            pairs[x, y] = Plane(f"{x} {y}", *titles, across, upwards, (x, y))
        return pairs[x, y]


def axes_of(dataset: Dataset) -> tuple[FloatArray, FloatArray]:
    """Return the mean of the latents, shape (n_latent,), and their principal axes, one a row."""

    def make() -> tuple[FloatArray, FloatArray]:
        latents = dataset.atlas.latents
        return latents.mean(axis=0, dtype=float), principal_axes(latents)

    return dataset.keep(("principal axes",), make)


def _plane_of_numbers(
    dataset: Dataset, key: str, titles: tuple[str, str], names: tuple[str, str]
) -> Plane:
    """Return the plane of two columns that the atlas must have, kept under a key."""
    missing = [name for name in names if name not in dataset.catalog]
    if missing:
        raise ValueError(f"the atlas has no column {missing[0]!r}; build it again")

    def make() -> Plane:
        x, y = (dataset.catalog[name].to_numpy(np.float32, na_value=np.nan) for name in names)
        return Plane(key, *titles, x, y, columns=names)

    return dataset.keep(("plane", key), make)


def _plane_of_latents(dataset: Dataset, x: int, y: int) -> Plane:
    titles, names = (f"latent {x}", f"latent {y}"), (f"latent_{x}", f"latent_{y}")
    return _plane_of_numbers(dataset, f"{LATENTS}:{x}:{y}", titles, names)


def _plane_of_axes(dataset: Dataset, x: int, y: int) -> Plane:
    origin, axes = axes_of(dataset)
    if max(x, y) >= len(axes):
        raise ValueError(f"there are {len(axes)} principal axes, got number {max(x, y) + 1}")

    def along(number: int) -> FloatArray:
        return ((dataset.atlas.latents - origin) @ axes[number]).astype(np.float32)

    across, upwards = (
        dataset.keep(("axis", str(number)), lambda number=number: along(number))
        for number in (x, y)
    )
    key, titles = f"{AXES}:{x}:{y}", (f"axis {x + 1}", f"axis {y + 1}")
    directions = origin, axes[[x, y]]
    return dataset.keep(
        ("plane", key), lambda: Plane(key, *titles, across, upwards, directions=directions)
    )
