"""Paired timing: two ways to do the same work, run in turn, compared by medians.

Runs alternate (a b, b a, a b, ...), so that a busy machine slows both; the ratio is the
median over pairs, not the ratio of two lucky minima.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Pairs:
    """Seconds of `ours` and `theirs`, one entry a pair.

    Attributes:
        ours: Seconds of the first way, one entry a pair.
        theirs: Seconds of the second way, one entry a pair.
    """

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def speedup(self) -> float:
        """Median over pairs of theirs / ours: above 1, ours is faster."""
        return median(b / a for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def spread(self) -> tuple[float, float]:
        """Smallest and largest theirs / ours of any pair."""
        ratios = [b / a for a, b in zip(self.ours, self.theirs, strict=True)]
        return min(ratios), max(ratios)

    def line(self, ours: str, theirs: str) -> str:
        """Return one line of report; `ours` and `theirs` name the two ways."""
        low, high = self.spread
        return (
            f"{ours} {median(self.ours):.4g} s, {theirs} {median(self.theirs):.4g} s: "
            f"{self.speedup:.2f} times as fast ({low:.2f} to {high:.2f}, {len(self.ours)} pairs)"
        )


def seconds(work: Callable[[], Any]) -> float:
    """Return the wall-clock seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def time_pairs(
    ours: Callable[[], Any], theirs: Callable[[], Any], *, n_pair: int = 7, warm_up: int = 1
) -> Pairs:
    """Time two ways in turn.

    Args:
        ours: The first way; called without arguments.
        theirs: The second way, doing the same work.
        n_pair: Pairs timed.
        warm_up: Pairs run first and not timed (imports, file cache, compilation).
    """
    if n_pair < 1:
        raise ValueError(f"n_pair must be at least 1, got {n_pair}")
    for _ in range(warm_up):
        ours()
        theirs()
    first: list[float] = []
    second: list[float] = []
    for pair in range(n_pair):
        if pair % 2 == 0:
            first.append(seconds(ours))
            second.append(seconds(theirs))
        else:
            second.append(seconds(theirs))
            first.append(seconds(ours))
    return Pairs(ours=tuple(first), theirs=tuple(second))
