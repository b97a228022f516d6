"""Serves the app and drives it in real Chromium: what the browser tests share."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from scipy.spatial import KDTree

from tests.fixtures.paths import ROOT, copy_without_labels

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 90.0
"""Seconds that a busy machine may take for anything waited for."""
HOSTILE = "<img src=x onerror=\"document.title='hacked'\"><b>bold</b>"
"""What must never be more than text."""


def own_copy(path: Path, folder: Path) -> Path:
    """Copy an atlas, for labels and tracks of its own."""
    own = folder / "atlas"
    copy_without_labels(path, own)
    info = (own / "atlas.json").read_text()
    survey = os.path.relpath(path.parent / "survey", own)
    (own / "atlas.json").write_text(info.replace('"../survey"', f'"{survey}"'))
    return own


def write_cell(path: Path, row: int, column: str, text: str) -> None:
    """Change one cell of an atlas's catalogue."""
    catalog = pd.read_parquet(path / "catalog.parquet")
    catalog.loc[row, column] = text
    catalog.to_parquet(path / "catalog.parquet", index=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


TRACEBACK = re.compile(r"^Traceback.*\n(?:[ \t].*\n|\n)*.*", re.MULTILINE)
# A page that closes while it is written to is no error of ours. Bokeh drops such a connection when
# its next ping fails, and trips over that when Tornado then tells it of the close.
HARMLESS = re.compile("StreamClosedError|WebSocketClosedError|session.notify_connection_lost")


@contextmanager
def serving(
    *arguments: str,
    log: Path,
    script: str = "launch.py",
    port: int | None = None,
    options: Sequence[str] = (),
) -> Iterator[str]:
    """Serve a script on a port, or on a free one, with options of `panel serve`.

    Yields:
        The address of its page.

    Raises:
        AssertionError: The server did not start, or logged an error while it ran.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "panel", "serve", script, "--port", str(port), *options]
    command += ["--args", *arguments] if arguments else []
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    url = f"http://localhost:{port}/{Path(script).stem}"
    try:
        deadline = time.monotonic() + 120
        while True:
            assert server.poll() is None, log.read_text(encoding="utf-8")
            try:
                urllib.request.urlopen(url, timeout=60).close()
                break
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
                time.sleep(0.3)
        yield url
    finally:
        server.terminate()
        server.wait(PATIENCE)
    errors = [
        error
        for error in TRACEBACK.findall(log.read_text(encoding="utf-8"))
        if not HARMLESS.search(error)
    ]
    assert not errors, "\n".join([*errors, log.read_text(encoding="utf-8")])


VIEWPORT = {"viewport": {"width": 1440, "height": 900}}


class Watched:
    """A page, with the complaints of its console and its requests to elsewhere."""

    def __init__(self, browser: Any, url: str) -> None:
        """Open a page as a first-time visitor; `browser` may be a browser or a context."""
        self.page = browser.new_page(**({} if hasattr(browser, "cookies") else VIEWPORT))
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.page.set_default_timeout(1000 * PATIENCE)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(error.stack or str(error)))
        self.page.on("request", self._on_request)
        self.page.goto(url)

    def _on_console(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _on_request(self, request: Any) -> None:
        if not request.url.startswith(("http://localhost:", "ws://localhost:", "data:", "blob:")):
            self.outside.append(request.url)

    def wait_for_map(self) -> None:
        self.page.wait_for_function(
            "window.Bokeh?.documents[0]?.get_model_by_name('map image')?.data.image.length === 1"
            " && document.getElementById('loader').style.display === 'none'"
            # What stands beside the map comes later; the tour is its last part.
            " && [...Bokeh.documents[0]._all_models.values()].some(m => m.class_name === 'Tour')"
        )
        # On a busy machine the mouse button may stay down long: Bokeh must not see a long press.
        script = """() => {
            const {id} = Bokeh.documents[0].get_model_by_name('map');
            const {ui_gestures} = Bokeh.index.find_one_by_id(id).canvas_view.ui_event_bus;
            ui_gestures.constructor.press_threshold = 60_000;
        }"""
        self.page.evaluate(script)

    def column(self, source: str, column: str) -> np.ndarray:
        """Return a column of a named data source, as the browser holds it; empty if not made."""
        script = (
            "([s, c]) => Array.from(Bokeh.documents[0].get_model_by_name(s)?.data[c] ?? [],"
            " v => Number.isFinite(v) ? v : null)"
        )
        values = self.page.evaluate(script, [source, column])
        return np.array([np.nan if value is None else value for value in values], dtype=float)

    def pixel(self, figure: str, x: float, y: float) -> tuple[float, float]:
        """Return where a point of a figure is on the page."""
        script = """([name, x, y]) => {
            const model = Bokeh.documents[0].get_model_by_name(name);
            const view = Bokeh.index.find_one_by_id(model.id);
            const box = view.el.getBoundingClientRect();
            const {x_scale, y_scale} = view.frame;
            return [box.left + x_scale.compute(x), box.top + y_scale.compute(y)];
        }"""
        # A figure's data may be there before the browser has drawn it the first time.
        self.wait_for(f"Bokeh.index.find_one_by_id(get({figure!r}).id) != null")
        left, top = self.steady(lambda: self.page.evaluate(script, [figure, float(x), float(y)]))
        return left, top

    def steady(self, measure: Callable[[], Any]) -> Any:
        """Return what is measured once it is the same over ten frames painted."""
        value, n_same = measure(), 0
        deadline = time.monotonic() + PATIENCE
        while n_same < 10:
            assert time.monotonic() < deadline, f"the page does not come to rest: {value}"
            self._next_frame()
            before, value = value, measure()
            n_same = n_same + 1 if value == before else 0
        return value

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Let the page work until a condition holds that is looked at from outside.

        Raises:
            AssertionError: It never held; says `what` should have been seen.
        """
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"never seen in {PATIENCE:g} s: {what}"
            self._next_frame()

    def _next_frame(self) -> None:
        self.page.wait_for_function("() => new Promise(requestAnimationFrame)")

    def wait_for_answer(self) -> None:
        """Wait until the server has dealt with all that the page told it before.

        It answers in turn; it is asked for the other theme, and for the one there was.
        """
        self.toggle_theme()
        self.toggle_theme()
        self.wait_for_rest()

    def toggle_theme(self) -> None:
        """Change the theme; returns when the server has painted the map for it."""
        paper = "get('map').background_fill_color"
        before = self.model(paper)
        self.page.get_by_label("Toggle theme").click()
        self.wait_for(f"{paper} !== {before!r}")

    def wait_for_rest(self) -> None:
        """Wait until the server works on nothing for this page."""
        self.page.locator(".bar.busy").wait_for(state="detached")

    def shot(self, figure: str) -> np.ndarray:
        """Return the pixels of a figure as painted, shape (height, width, 3)."""
        script = """(name) => {
            const model = Bokeh.documents[0].get_model_by_name(name);
            const box = Bokeh.index.find_one_by_id(model.id).el.getBoundingClientRect();
            return {x: box.left, y: box.top, width: box.width, height: box.height};
        }"""
        png = self.page.screenshot(clip=self.page.evaluate(script, figure))
        return np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(int)

    def click_object(self, catalog: pd.DataFrame, row: int) -> None:
        x, y = catalog["umap_x"].iloc[row], catalog["umap_y"].iloc[row]
        self.page.mouse.click(*self.pixel("map", x, y))

    def model(self, expression: str) -> Any:
        """Evaluate JavaScript on the page, where `get(name)` finds a Bokeh model."""
        return self.page.evaluate(
            f"() => {{ const get = (n) => Bokeh.documents[0].get_model_by_name(n);"
            f" return {expression} }}"
        )

    def wait_for(self, expression: str) -> None:
        """Wait until JavaScript is true; `get(name)` finds a Bokeh model, once it is there."""
        script = (
            f"() => {{ const get = (n) => Bokeh.documents[0]?.get_model_by_name(n);"
            f" try {{ return {expression} }} catch (e) {{ if (e instanceof TypeError) return false;"
            f" throw e }} }}"
        )
        try:
            self.page.wait_for_function(script)
        except Exception as error:
            error.add_note(f"waited for {expression}")
            raise

    def wait_until_it_hears(self, label: str) -> None:
        """Wait until a widget hears what the server tells it: that comes after it is drawn."""
        self.wait_for(
            f"[...Bokeh.index.all_views()].find(v => v.model.data?.label === {label!r})"
            "._event_handlers.length > 0"
        )

    def wait_for_text(self, text: str) -> None:
        self.page.get_by_text(text, exact=True).first.wait_for()


@contextmanager
def visiting(browser: Any, url: str) -> Iterator[Callable[..., Watched]]:
    """Open pages of an atlas; afterwards check that none complained or asked anybody else.

    Yields:
        What opens a page, with a query or at another `address`. A bare address would select an
        object for its visitor; here nothing is selected unless asked.
    """
    opened: list[Watched] = []

    def visit(query: str = "tab=Inspect", *, address: str | None = None) -> Watched:
        opened.append(Watched(browser, f"{url}?{query}" if address is None else address))
        opened[-1].wait_for_map()
        return opened[-1]

    yield visit
    for watched in opened:
        watched.page.close()
        assert watched.errors == [], watched.errors
        assert watched.outside == []


def choose(view: Watched, menu: str, entry: str) -> None:
    """Choose an entry of a menu."""
    view.page.get_by_role("combobox", name=menu, exact=True).click()
    view.page.get_by_role("menuitem", name=entry, exact=True).click()
    view.page.get_by_role("menuitem").first.wait_for(state="detached")


def search(view: Watched, text: str) -> None:
    """Search for an object."""
    box = view.page.get_by_placeholder("object id, plate-mjd-fiber")
    box.fill(text)
    box.press("Enter")


def press(view: Watched, button: str) -> None:
    """Press the button of that name that is on screen."""
    view.page.get_by_role("button", name=button, exact=True).locator("visible=true").click()


def alone(catalog: pd.DataFrame, *, among: np.ndarray | None = None) -> int:
    """Return the row farthest from its nearest neighbour on the map: a click can only mean it."""
    xy = catalog[["umap_x", "umap_y"]].to_numpy()
    lonely = KDTree(xy).query(xy, k=2)[0][:, 1]
    if among is not None:
        lonely[~among] = -1
    return int(np.argmax(lonely))
