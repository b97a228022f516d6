"""Freed memory, given back to the system."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache


def give_back() -> None:
    """Give freed memory back to the system, where the C library has a way to (glibc: Linux).

    It keeps what lies between blocks still in use, for later: work in blocks of large arrays, on
    threads that come and go, kept 0.4 GB more after 16 blocks than it used, and went on growing.
    """
    _trim()(0)


@cache
def _trim() -> Callable[[int], object]:
    if not sys.platform.startswith("linux"):
        return lambda _left: None
    return getattr(ctypes.CDLL(None), "malloc_trim", lambda _left: None)
