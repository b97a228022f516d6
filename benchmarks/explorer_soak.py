"""Visitors work at random for minutes, two label the same objects, the server is killed twice.

Is a label lost that the page called saved? Does the page complain, the server log an exception,
its memory grow?

Twenty pages in one browser ask ten times of the processors what the server does. People's browsers
run on machines of their own: here the server goes first, where the system allows that (to root).
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from benchmarks.explorer_page import ExplorerPage
from tests.browser.chromium import PATIENCE, VIEWPORT, own_copy, serving

N_VISITOR = 20
KILLED_AT = (0.15, 0.35)
"""Parts of the time after which the server is killed."""
WARM = (0.5, 0.6)
"""Part of the time after which memory should not grow any more."""
MOST_GROWTH = 0.10
PATIENT = 4 * PATIENCE
"""Seconds that a page may take while all twenty load again at once, in one browser."""
PAUSE = 100
"""Milliseconds between two actions of all visitors together."""
TABS = ("Inspect", "Outliers", "Latents", "Tracks", "Plots", "Table")
AWAY = "The server does not answer"
NICE = -10
"""Priority of the server, as of `nice`; Chromium sets those of its processes itself."""
OF_THE_KILL = (
    "WebSocket", "ERR_CONNECTION", "Lost websocket", "Failed to load resource", "not connected",
)  # fmt: skip
"""What a browser's console says of a server that is gone."""

Saved = tuple[str, str, int]
"""A label as a page acknowledged it: who gave it, object, grade."""


class Worker(ExplorerPage):
    """One visitor, who does something at random."""

    def __init__(self, context: Any, url: str, xy: np.ndarray, seed: int) -> None:
        """Open the page.

        Args:
            context: A browser context of its own.
            url: Address of the page.
            xy: Places of the objects on the first map, shape (n_object, 2).
            seed: Of what it does.
        """
        super().__init__(context, url)
        self.page.set_default_timeout(1000 * PATIENT)
        self._xy, self._rng = xy, np.random.default_rng(seed)

    def work(self) -> str:
        """Do one thing; return its name."""
        acts = {"click": 10, "zoom": 3, "key": 4, "tab": 1, "colour": 1}
        weights = np.array(list(acts.values()), float)
        name = str(self._rng.choice(list(acts), p=weights / weights.sum()))
        getattr(self, f"_{name}")()
        return name

    def _place(self) -> tuple[float, float]:
        """Return where on the page an object is that the map shows; its middle if it shows none."""
        ends = "[get('map').{0}_range.start, get('map').{0}_range.end]"
        x, y = (self.model(ends.format(axis)) for axis in "xy")
        low, high = np.sort([x, y], axis=1).T
        seen = self._xy[((self._xy > low) & (self._xy < high)).all(axis=1)]
        return self.pixel("map", *(self._rng.choice(seen) if len(seen) else (low + high) / 2))

    def _click(self) -> None:
        self.page.mouse.click(*self._place())

    def _zoom(self) -> None:
        self.page.mouse.move(*self._place())
        self.page.mouse.wheel(0, int(self._rng.choice([-120, 120])))

    def _key(self) -> None:
        keys = ["ArrowRight", "ArrowLeft", "n", "o", "f", "l", "[", "]", "Escape"]
        self.page.keyboard.press(str(self._rng.choice(keys)))

    def _tab(self) -> None:
        self.page.get_by_role("tab", name=str(self._rng.choice(TABS)), exact=True).click()

    def _colour(self) -> None:
        label = str(self._rng.choice(["log M* [Msun]", "log sSFR [1/yr]", "redshift z"]))
        self.page.get_by_role("combobox", name="Colour", exact=True).click()
        self.page.get_by_role("menuitem", name=label, exact=True).click()


class Labeller(Worker):
    """A visitor who grades the outliers, one after another.

    Attributes:
        saved: What the page acknowledged.
        overruled: Grades that it refused, since somebody else had given one meanwhile.
    """

    def __init__(self, context: Any, url: str, xy: np.ndarray, seed: int, name: str) -> None:
        """Open the list of outliers under a name of one's own."""
        super().__init__(context, f"{url}?tab=Outliers", xy, seed)
        self.name, self.saved, self.overruled = name, list[Saved](), 0

    def begin(self) -> None:
        """Say who labels, and choose the first object."""
        self.page.get_by_label("your name").fill(self.name)
        self.page.keyboard.press("Enter")
        self.page.locator(".card").first.click()
        self.page.locator(".card.now").wait_for()

    def work(self) -> str:
        """Grade the object and wait until that is on record; go to the next."""
        card = self.page.locator(".card.now")
        if not card.count():  # others' filters and pages are their own: the list came anew
            self.page.locator(".card").first.click()
            card.wait_for()
        object_id = card.locator(".id").inner_text()
        mark = card.locator(".mark")
        before = mark.inner_text().strip() if mark.count() else ""
        grade = int(self._rng.choice([grade for grade in range(6) if str(grade) != before]))
        self.page.keyboard.press(str(grade))
        try:
            mark.filter(has_text=str(grade)).wait_for(timeout=20_000)
            self.page.get_by_text(f"saved by {self.name}").wait_for(timeout=1000)
            self.saved.append((self.name, object_id, grade))
        except Exception:  # somebody else's came first, or the server is gone: not acknowledged
            self.overruled += 1
        self.page.keyboard.press("ArrowRight")
        now = self.page.locator(".card.now .id")
        other = re.compile(f"^(?!{re.escape(object_id)}$)")
        now.filter(has_text=other).wait_for()  # or the next grade would be taken for this object's
        return "grade"


class Soak:
    """A server with its visitors."""

    def __init__(self, chromium: Any, atlas: Path, logs: Path) -> None:
        """Copy the atlas, for labels of its own.

        Args:
            chromium: The browser.
            atlas: The atlas to serve.
            logs: Folder for the server's logs and the copy.
        """
        self.path = own_copy(atlas, logs)
        self._chromium, self._logs = chromium, logs
        self._xy = pd.read_parquet(self.path / "catalog.parquet")[["umap_x", "umap_y"]].to_numpy()
        self.actions: Counter[str] = Counter()
        self.memory: list[tuple[float, float]] = []
        self.complaints: list[str] = []
        self.visitors: list[Worker] = []

    def run(self, minutes: float) -> None:
        """Let the visitors work, with two kills of the server, for some minutes in all."""
        _go_first()
        begin, port = time.monotonic(), None
        for number, until in enumerate((*KILLED_AT, 1.0)):
            log = self._logs / f"server-{number}.log"
            with serving(str(self.path), log=log, port=port) as url:
                port = int(url.split(":")[2].split("/")[0])
                process = next(
                    child for child in psutil.Process().children() if "serve" in child.cmdline()
                )
                if not self.visitors:
                    self._arrive(url)
                    begin = time.monotonic()
                else:
                    begin += self._come_back()
                self._work(process, begin, 60 * minutes, until)
                if until < 1:
                    os.kill(process.pid, signal.SIGKILL)

    def _arrive(self, url: str) -> None:
        for number in range(N_VISITOR):
            context = self._chromium.new_context(**VIEWPORT)
            if number < 2:
                visitor = Labeller(context, url, self._xy, number, f"labeller {number}")
            else:
                visitor = Worker(context, url, self._xy, number)
            visitor.settle()
            if isinstance(visitor, Labeller):
                visitor.begin()
            self.visitors.append(visitor)

    def _come_back(self) -> float:
        """Wait until all pages have found the new server; return the seconds that took."""
        start = time.monotonic()
        for visitor in self.visitors:
            visitor.page.get_by_text(AWAY).wait_for(state="detached")
            visitor.wait_for_map()
            self._collect(visitor, gone=True)
        for visitor in self.visitors:
            if isinstance(visitor, Labeller):
                visitor.begin()
        seconds = time.monotonic() - start
        print(f"all pages back {seconds:.0f} s after the start of a new server", flush=True)
        return seconds

    def _work(self, process: psutil.Process, begin: float, seconds: float, until: float) -> None:
        rng = np.random.default_rng(2)
        while (passed := (time.monotonic() - begin) / seconds) < until:
            visitor = self.visitors[rng.integers(N_VISITOR)]
            self.actions[self._act(visitor)] += 1
            visitor.page.wait_for_timeout(PAUSE)
            self.memory.append((passed, process.memory_info().rss / 1e6))
        for visitor in self.visitors:
            self._collect(visitor, gone=False)

    def _act(self, visitor: Worker) -> str:
        """Let a visitor do one thing; if that fails, keep a picture of the page."""
        try:
            return visitor.work()
        except Exception:
            with suppress(Exception):  # the first error is the one to tell
                visitor.page.screenshot(path=self._logs / "stuck.png")
            raise

    def _collect(self, visitor: Worker, *, gone: bool) -> None:
        """Take what a page's console said; while the server was gone it may say so."""
        self.complaints += [
            text
            for text in visitor.errors
            if not (gone and any(word in text for word in OF_THE_KILL))
        ]
        visitor.errors.clear()

    def lost(self) -> list[Saved]:
        """Return the labels that a page called saved and the file does not have."""
        with sqlite3.connect(self.path / "labels.sqlite") as database:
            rows = database.execute("SELECT who, object_id, grade FROM change").fetchall()
        database.close()
        given = Counter(
            saved for one in self.visitors if isinstance(one, Labeller) for saved in one.saved
        )
        return list((given - Counter(rows)).elements())


def soak(chromium: Any, atlas: Path, *, minutes: float) -> None:
    """Let visitors work for some minutes; print labels, memory and complaints.

    Raises:
        RuntimeError: A label was lost, a page complained, or memory grew by more than a tenth.
        AssertionError: The server logged an exception.
    """
    with _folder() as logs:
        soaked = Soak(chromium, atlas, logs)
        soaked.run(minutes)
        _report(soaked, minutes)


def _report(soaked: Soak, minutes: float) -> None:
    lost = soaked.lost()
    labellers = [one for one in soaked.visitors if isinstance(one, Labeller)]
    warm, last = (
        float(np.median([size for passed, size in soaked.memory if low <= passed < high]))
        for low, high in (WARM, (0.9, 1.0))
    )
    growth = last / warm - 1
    done = ", ".join(f"{count} {name}" for name, count in soaked.actions.most_common())
    print(
        f"{N_VISITOR} visitors, {minutes:g} minutes, the server killed {len(KILLED_AT)} times: "
        f"{done}\nlabels acknowledged {sum(len(one.saved) for one in labellers)}, refused or not "
        f"answered {sum(one.overruled for one in labellers)}, lost {len(lost)}; "
        f"{len(soaked.complaints)} complaints; server {warm:.0f} MB, at the end {last:.0f} MB "
        f"({100 * growth:+.1f} %)"
    )
    if lost or soaked.complaints or not growth <= MOST_GROWTH:  # NaN: too short to tell
        raise RuntimeError(
            f"lost {lost[:5]}, complaints {soaked.complaints[:5]}; see {soaked.path.parent}"
        )


def _go_first() -> None:
    """Let what this process starts from now on, the servers, go before the browser."""
    with suppress(psutil.AccessDenied):
        psutil.Process().nice(NICE)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    yield folder
    shutil.rmtree(folder)  # what went wrong stays to be looked at
