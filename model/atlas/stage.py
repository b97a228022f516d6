"""Results of long work, kept in files so that a killed run does not repeat them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from zipfile import BadZipFile

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
    """Return what a file holds; if it is not there, make it and write it atomically.

    Raises:
        ValueError: The file is there and can not be read.
    """
    if path.exists():
        with left_by_stage(path):
            return load(path)
    made = make()
    with replacing(path) as partial:
        save(made, partial)
    return made


@contextmanager
def left_by_stage(path: Path) -> Iterator[None]:
    """Say of what can not be read in a file that a stopped run left how to go on.

    Raises:
        ValueError: It can not be read.
    """
    try:
        yield
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise ValueError(
            f"{path}, left by a run that was stopped, can not be read ({error}); remove it to "
            "start its stage anew"
        ) from error


def kept_array(path: Path, make: Callable[[], Array]) -> Array:
    """Return the array of an `.npy` file, made if it is not there; see `kept`."""
    return kept(path, make=make, save=_save_array, load=np.load)


def _save_array(values: np.ndarray, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, values)
