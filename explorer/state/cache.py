"""Results that are computed once and kept, by a key."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from threading import RLock
from typing import Any

from cachetools import LRUCache

MOST_BYTES = 512 * 2**20
"""Of the values of expressions and the masks that a session remembers: 8 and 1 for an object."""
_new_version = itertools.count(1)
Names = tuple[str, ...]


class Cache:
    """Keeps what was computed; safe to use from threads."""

    def __init__(self) -> None:
        """Start empty."""
        self._kept: dict[tuple[Names, Names], Any] = {}
        self._lock = RLock()
        self._locks: dict[tuple[Names, Names], Any] = {}

    def keep(self, name: Names, columns: Names, make: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Return what `make` gave for this name and these columns, the first time."""
        key = name, columns
        with self._lock:
            lock = self._locks.setdefault(key, RLock())
        with lock:
            if key not in self._kept:
                self._kept[key] = make()
            return self._kept[key]

    def forget(self, column: str) -> None:
        """Forget what depends on a column."""
        with self._lock:
            for key in [key for key in self._locks if column in key[1]]:
                del self._locks[key]
                self._kept.pop(key, None)


class Remembered:
    """What was computed lately from columns that have versions; safe to use from threads.

    Versions are unique in the process, so a copy of the versions may share what is remembered.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._results: LRUCache[Any, Any] = LRUCache(MOST_BYTES, getsizeof=_n_byte)
        self._lock = RLock()

    def get(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Return what `make` gave for this key, if that was lately."""
        with self._lock:
            if key in self._results:
                return self._results[key]
            result = make()
            if _n_byte(result) <= MOST_BYTES:
                self._results[key] = result
            return result


def _n_byte(result: Any) -> int:  # noqa: ANN401
    """Return the bytes of an array, or of the values that an expression gave."""
    return int(getattr(result, "values", result).nbytes)


def new_version() -> int:
    """Return a number that nothing has had before."""
    return next(_new_version)
