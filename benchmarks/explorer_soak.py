"""Ten visitors click at random for minutes: does the explorer complain, does its memory grow?"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import psutil

from benchmarks.explorer_page import ExplorerPage
from tests.browser.chromium import VIEWPORT

N_VISITOR = 10
WARM_UP = 0.25
"""Part of the time after which memory should not grow any more."""
MOST_GROWTH = 0.10
PAUSE = 200
"""Milliseconds between two actions of all visitors together."""


def soak(
    chromium: Any, url: str, server: psutil.Process, catalog: pd.DataFrame, *, minutes: float
) -> None:
    """Let ten visitors click, zoom and recolour; print memory and complaints.

    Raises:
        RuntimeError: A page complained, or memory grew by more than a tenth after the warm-up.
    """
    rng = np.random.default_rng(2)
    xy = catalog.to_numpy(float)
    visitors = [ExplorerPage(chromium.new_context(**VIEWPORT), url) for _ in range(N_VISITOR)]
    for visitor in visitors:
        visitor.settle()
    begin, actions, memory = time.monotonic(), 0, []
    while (passed := (time.monotonic() - begin) / (60 * minutes)) < 1:
        visitor = visitors[rng.integers(N_VISITOR)]
        x, y = rng.choice(xy)
        left, top = visitor.pixel("map", x, y)
        if rng.random() < 0.8:
            visitor.page.mouse.click(left, top)
        else:
            visitor.page.mouse.move(left, top)
            visitor.page.mouse.wheel(0, int(rng.choice([-120, 120])))
        visitor.page.wait_for_timeout(PAUSE)
        actions += 1
        memory.append((passed, server.memory_info().rss / 1e6))
    _report(visitors, memory, actions, minutes)


def _report(
    visitors: list[ExplorerPage], memory: list[tuple[float, float]], actions: int, minutes: float
) -> None:
    warm = float(np.median([size for passed, size in memory if WARM_UP <= passed < WARM_UP + 0.1]))
    last = float(np.median([size for passed, size in memory if passed >= 0.9]))
    growth = last / warm - 1
    errors = [error for visitor in visitors for error in visitor.errors]
    shown = sum(visitor.column("pixels", "wave").size > 0 for visitor in visitors)
    print(
        f"soak of {minutes:g} minutes: {len(visitors)} visitors, {actions} actions, {shown} show a "
        f"spectrum; {len(errors)} complaints; server {warm:.0f} MB after the warm-up, "
        f"{last:.0f} MB at the end ({100 * growth:+.1f} %)"
    )
    if errors or growth > MOST_GROWTH:
        raise RuntimeError(f"memory grew by {100 * growth:.0f} %, complaints: {errors[:5]}")
