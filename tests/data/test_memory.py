"""Freed memory goes back to the system."""

import sys

import numpy as np
import psutil
import pytest

from data.memory import give_back


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's way is Linux's")
def test_memory_freed_between_blocks_in_use_is_given_back() -> None:
    process = psutil.Process()
    give_back()
    before = process.memory_info().rss
    small = 32_000  # below what the C library maps on its own
    arrays = [np.ones(small, dtype=np.uint8) for _ in range(4000)]
    kept = arrays[::40]
    full = process.memory_info().rss - before
    assert full > 0.8 * 4000 * small
    del arrays
    give_back()
    left = process.memory_info().rss - before
    assert left < 0.2 * full
    assert all(array.all() for array in kept)


def test_it_is_harmless_where_there_is_nothing_to_give() -> None:
    give_back()
    give_back()
