"""The explorer in a real browser on a large atlas: from an input event to the answer painted.

`python -m benchmarks explorer [--objects N] [--actions N] [--soak MINUTES]`. The browser is
headless Chromium without a GPU: it paints in software. The atlas is a `timing_atlas`.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from playwright.sync_api import sync_playwright

from benchmarks.explorer_page import ExplorerPage, box_of
from benchmarks.explorer_soak import soak
from benchmarks.plain_page import PlainPage
from benchmarks.timing_atlas import BLOCK, timing_atlas
from explorer.start_page import DEMO
from tests.browser.chromium import CHROMIUM, FLAGS, VIEWPORT, serving

Times = dict[str, list[float]]

CLICK, FAM = "click: spectrum, residual, decoded", "click: Grad-FAM of H-alpha"
COLOUR, ZOOM, PAN = "recolour", "zoom", "pan"
LASSO, TRACK = "lasso of 100,000", "track of 20 knots"
FIRST = "first paint, warm server"
MEMORY = "memory of a session [MB]"
TARGETS = {
    CLICK: 0.25, FAM: 0.5, COLOUR: 0.4, ZOOM: 0.25, PAN: 0.25, LASSO: 0.6, TRACK: 0.3, FIRST: 3.0,
    MEMORY: 40.0,
}  # fmt: skip
"""Seconds at the 95th percentile; MB."""
MILLIONS = TARGETS | {CLICK: 0.3, ZOOM: 0.5, PAN: 0.5}
"""With a million objects and more."""
TENS_OF_MILLIONS = TARGETS | {
    CLICK: 0.5, FAM: 1.0, COLOUR: 1.5, ZOOM: 1.5, PAN: 1.5, LASSO: 1.5, FIRST: 4.0
}  # fmt: skip
"""With ten million and more."""
N_EARLIER, N_SESSION = 3, 10
"""Visitors before the time and memory of others is taken."""
WARM_UP = 3
"""Actions of each kind that are not counted."""
N_PEER = 3
"""Actions of each kind of the peer, which takes seconds for one."""
MOST_PLAIN = 1_000_000
"""Objects of a plain scatter at most: with five million one action takes minutes. Then the peer
is a plain datashaded image."""
RESULTS = Path(__file__).parent / "results"


def main(argv: list[str] | None = None) -> None:
    """Print a table of seconds and write it to benchmarks/results."""
    options = _options(argv or [])
    if options.soak:
        with browser() as chromium:
            soak(chromium, DEMO, minutes=options.soak)
        return
    atlas = timing_atlas(options.objects)
    catalog = pd.read_parquet(atlas / "catalog.parquet", columns=["umap_x", "umap_y"])
    print(f"{len(catalog):,} objects, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with browser() as chromium, server(str(atlas)) as (url, process):
        times, size = time_actions(chromium, url, catalog, options)
        if options.only in FIRST:
            times |= time_visits(chromium, url, process, catalog)
        print(f"server: {_memory(process)}")
    targets = MILLIONS if options.objects >= 10**6 else TARGETS
    targets = TENS_OF_MILLIONS if options.objects >= 10**7 else targets
    print(table(times, targets, {}), flush=True)
    if not options.only:
        peer = time_peer(atlas, size, catalog)
        print(table({name: times[name] for name in peer}, targets, peer))
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"explorer-{options.objects}.json"
        path.write_text(
            json.dumps({"ours": times, "plain": peer, "targets": targets}, indent=1),
            encoding="utf-8",
        )
        print(f"written: {path}")


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks explorer", description=__doc__)
    parser.add_argument("--objects", type=int, default=BLOCK, help="objects of the atlas")
    parser.add_argument("--actions", type=int, default=30, help="actions of each kind")
    parser.add_argument("--only", default="", help="only kinds of action with this in their name")
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES",
                        help="instead: twenty sessions work on the demo for so long")  # fmt: skip
    return parser.parse_args(argv)


@contextmanager
def browser() -> Iterator[Any]:
    """Start Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def server(*arguments: str, script: str = "launch.py") -> Iterator[tuple[str, psutil.Process]]:
    """Serve a script; yields its address and its process."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        with serving(*arguments, log=log, script=script) as url:
            children = psutil.Process().children()
            yield url, next(child for child in children if "serve" in child.cmdline())


def time_actions(
    chromium: Any, url: str, catalog: pd.DataFrame, options: argparse.Namespace
) -> tuple[Times, tuple[int, int]]:
    """Return seconds of each kind of action, and the size of the map in pixels."""
    page = ExplorerPage(chromium.new_context(**VIEWPORT), url)
    print(f"first page of a cold server: {page.first_paint:.1f} s")
    page.settle()
    width, height = page.model("[get('map').inner_width, get('map').inner_height]")
    times: Times = {}
    for names, act in _actions(page, catalog).items():
        if any(options.only in name for name in names):
            rows = [act() for _ in range(WARM_UP + options.actions)][WARM_UP:]
            for name, column in zip(names, zip(*rows, strict=True), strict=True):
                times[name] = list(column)
    if page.errors:
        raise RuntimeError(f"the page complained: {page.errors[:5]}")
    page.page.context.close()
    return times, (width, height)


def _actions(
    page: ExplorerPage, catalog: pd.DataFrame
) -> dict[tuple[str, ...], Callable[[], list[float]]]:
    """Return what is done, by the names of the times it gives."""
    rng = np.random.default_rng(1)
    xy = catalog.to_numpy(float)
    middle, spread = np.median(xy, axis=0), xy.std(axis=0)
    most = min(100_000, len(xy) // 2)
    labels = ["log M* [Msun]", "log sSFR [1/yr]", "A_V [mag]", "S/N per pixel", "redshift z"]
    colours, turns, sides = cycle(labels), cycle([-120] * 3 + [120] * 3), cycle([90, -90])

    def draw() -> list[float]:
        if page.model("get('track spectra') == null"):
            page.begin_to_draw()
        path = middle + np.linspace([-1.2, -0.4], [1.2, 0.4], 8) * spread
        return page.draw(path + rng.normal(0, 0.15, path.shape) * spread)

    return {
        (CLICK, FAM): lambda: page.click(*rng.choice(xy)),
        (COLOUR,): lambda: page.recolour(next(colours)),
        (ZOOM,): lambda: page.wheel(*middle, turn=next(turns)),
        (PAN,): lambda: page.drag(*middle, right=next(sides), down=0),
        # Never twice the same number: the text that tells it must change.
        (LASSO,): lambda: page.lasso(box_of(xy, most - int(rng.integers(most // 20)), rng)),
        (TRACK,): draw,
    }


def time_visits(chromium: Any, url: str, process: psutil.Process, catalog: pd.DataFrame) -> Times:
    """Return seconds to the first map of new visitors, and MB the server takes for each.

    All stay, and each looks at one object: what only the first need is no part of the difference.
    """
    rng = np.random.default_rng(2)
    xy = catalog.to_numpy(float)
    visitors, memory = [], []
    for _ in range(N_EARLIER + N_SESSION):
        visitors.append(ExplorerPage(chromium.new_context(**VIEWPORT), url))
        visitors[-1].settle()
        visitors[-1].click(*rng.choice(xy))
        memory.append(process.memory_full_info().uss / 1e6)
    times = [visitor.first_paint for visitor in visitors[N_EARLIER:]]
    for visitor in visitors:
        visitor.page.context.close()
    return {FIRST: times, MEMORY: [(memory[-1] - memory[N_EARLIER - 1]) / N_SESSION]}


def time_peer(atlas: Path, size: tuple[int, int], catalog: pd.DataFrame) -> Times:
    """Return seconds of the peer, with the same points in a figure of the same size."""
    shaded = len(catalog) > MOST_PLAIN
    script = f"benchmarks/plain_{'datashader' if shaded else 'scatter'}.py"
    middle = catalog.median().to_numpy(float)
    turns, sides = cycle([-120, 120]), cycle([90, -90])
    arguments = [str(atlas), str(size[0]), str(size[1])]
    with (
        browser() as chromium,
        server(*arguments, script=script) as (url, process),
    ):
        PlainPage(chromium.new_context(**VIEWPORT), url).page.context.close()
        page = PlainPage(chromium.new_context(**VIEWPORT), url, shaded=shaded)
        times = {
            FIRST: [page.first_paint],
            ZOOM: [page.wheel(*middle, turn=next(turns)) for _ in range(N_PEER)],
            PAN: [page.drag(*middle, right=next(sides)) for _ in range(N_PEER)],
        }
        print(f"server of the peer: {_memory(process)}")
        return times


def _memory(process: psutil.Process) -> str:
    """Return what a process has in memory: its own, and what it mapped of files and looked at."""
    memory = process.memory_info()
    own = memory.rss - memory.shared
    return f"{own / 1e9:.2f} GB, and {memory.shared / 1e9:.2f} GB of files"


def table(times: Times, targets: dict[str, float], peer: Times) -> str:
    """Return medians and 95th percentiles beside their targets, and how much slower the peer is."""
    lines = [f"{'':36s}{'n':>4s}{'median':>9s}{'p95':>9s}{'target':>9s}      {'plain':>8s} ratio"]
    for name, values in times.items():
        middle, high = np.percentile(values, [50, 95])
        verdict = "ok" if high <= targets[name] else "MISS"
        text = (
            f"{name:36s}{len(values):4d}{middle:9.3f}{high:9.3f}{targets[name]:9.3f} {verdict:4s}"
        )
        if name in peer:
            theirs = float(np.median(peer[name]))
            text += f" {theirs:8.2f} {theirs / middle:5.1f}"
        lines.append(text)
    return "\n".join(lines)
