"""Results of long work, kept in files so that a killed run does not repeat them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from data.atomic import replacing

T = TypeVar("T")
Array = TypeVar("Array", bound=np.ndarray)


def kept(
    path: Path,
    *,
    make: Callable[[], T],
    save: Callable[[T, Path], object],
    load: Callable[[Path], T],
) -> T:
    """Return what a file holds; if it is not there, make it and write it atomically."""
    if path.exists():
        return load(path)
    made = make()
    with replacing(path) as partial:
        save(made, partial)
    return made


def kept_array(path: Path, make: Callable[[], Array]) -> Array:
    """Return the array of an `.npy` file, made if it is not there; see `kept`."""
    return kept(path, make=make, save=_save_array, load=np.load)


def _save_array(values: np.ndarray, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, values)
