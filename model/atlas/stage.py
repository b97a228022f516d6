"""Results of long work, kept in files so that a killed run does not repeat them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from data.atomic import replacing

T = TypeVar("T")


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
