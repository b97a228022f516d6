"""Results that are computed once and kept, by a key."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any


class Cache:
    """Keeps what was computed; safe to use from threads."""

    def __init__(self) -> None:
        """Start empty."""
        self._kept: dict[tuple[str, ...], Any] = {}
        self._lock = RLock()
        self._locks: dict[tuple[str, ...], Any] = {}

    def keep(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Return what `make` gave for this key, the first time."""
        with self._lock:
            lock = self._locks.setdefault(key, RLock())
        with lock:
            if key not in self._kept:
                self._kept[key] = make()
            return self._kept[key]

    def forget(self, part: str) -> None:
        """Forget what is kept under keys that hold `part`."""
        with self._lock:
            for key in [key for key in self._locks if part in key]:
                del self._locks[key]
                self._kept.pop(key, None)
