"""Drives the served app in real Chromium: what a user clicks, and what she then sees."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.survey import Survey

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
HOSTILE = "<img src=x onerror=\"document.title='hacked'\"><b>bold</b>"
ROW_OF_HOSTILE = 40

pytestmark = [
    pytest.mark.ui,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"{CHROMIUM} is not installed"),
]


@contextmanager
def serving(*arguments: str, log: Path) -> Iterator[str]:
    """Serve launch.py on a free port; yields the address of the page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "panel", "serve", "launch.py", "--port", str(port)]
    command += ["--args", *arguments] if arguments else []
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    url = f"http://localhost:{port}/launch"
    try:
        deadline = time.monotonic() + 120
        while True:
            assert server.poll() is None, log.read_text()
            try:
                urllib.request.urlopen(url, timeout=60).close()
                break
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.3)
        yield url
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


class Watched:
    """A page, with the complaints of its console and its requests to elsewhere."""

    def __init__(self, browser: Any, url: str) -> None:
        self.page = browser.new_page(viewport={"width": 1440, "height": 900})
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
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
            "window.Bokeh?.documents[0]?.get_model_by_name('map image')?.data.image.length === 1",
            timeout=60_000,
        )
        self.page.wait_for_timeout(300)

    def column(self, source: str, column: str) -> np.ndarray:
        """Return a column of a named data source, as the browser holds it."""
        script = (
            "([s, c]) => Array.from(Bokeh.documents[0].get_model_by_name(s).data[c],"
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
        left, top = self.page.evaluate(script, [figure, float(x), float(y)])
        return left, top

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

    def wait_for_text(self, text: str) -> None:
        self.page.get_by_text(text, exact=True).first.wait_for(timeout=20_000)


def alone(catalog: pd.DataFrame, *, among: np.ndarray | None = None) -> int:
    """Return the row farthest from its nearest neighbour on the map: a click can only mean it."""
    xy = catalog[["umap_x", "umap_y"]].to_numpy()
    distance = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    np.fill_diagonal(distance, np.inf)
    lonely = distance.min(axis=1)
    if among is not None:
        lonely[~among] = -1
    return int(np.argmax(lonely))


@pytest.fixture(scope="module")
def atlas_path(tiny_atlas_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny atlas with one hostile cell, at the loneliest object."""
    path = tmp_path_factory.mktemp("hostile") / "atlas"
    shutil.copytree(tiny_atlas_path, path)
    info = (path / "atlas.json").read_text()
    survey = os.path.relpath(tiny_atlas_path.parent / "survey", path)
    (path / "atlas.json").write_text(info.replace('"../survey"', f'"{survey}"'))
    catalog = pd.read_parquet(path / "catalog.parquet")
    catalog.loc[alone(catalog), "subclass"] = HOSTILE
    catalog.to_parquet(path / "catalog.parquet", index=False)
    return path


@pytest.fixture(scope="module")
def url(atlas_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(str(atlas_path), log=tmp_path_factory.mktemp("log") / "server.log") as address:
        yield address


@pytest.fixture(scope="module")
def catalog(atlas_path: Path) -> pd.DataFrame:
    return pd.read_parquet(atlas_path / "catalog.parquet")


@pytest.fixture
def view(browser: Any, url: str) -> Iterator[Watched]:
    watched = Watched(browser, url)
    watched.wait_for_map()
    yield watched
    watched.page.close()
    assert watched.errors == []
    assert watched.outside == []


def test_click_shows_that_object_and_its_spectrum(
    view: Watched, catalog: pd.DataFrame, tiny_atlas_path: Path
) -> None:
    row = alone(catalog)
    view.click_object(catalog, row)
    view.wait_for_text(catalog["object_id"].iloc[row])
    spectra = Survey(tiny_atlas_path.parent / "survey").read([row])
    view.page.wait_for_function(
        "Bokeh.documents[0].get_model_by_name('pixels').data.flux.length > 0"
    )
    flux = np.where(spectra.ivar[0] > 0, spectra.flux[0], np.nan)
    np.testing.assert_allclose(view.column("pixels", "flux"), flux, rtol=1e-5)
    np.testing.assert_allclose(view.column("pixels", "wave"), spectra.wave)
    view.page.wait_for_timeout(500)
    painted = view.shot("flux")
    orange = (abs(painted - [213, 94, 0]).max(axis=-1) < 60).any(axis=0)
    assert orange.mean() > 0.5  # the reconstruction runs across the panel


def test_hostile_cell_is_text_in_hover_and_facts(view: Watched, catalog: pd.DataFrame) -> None:
    row = alone(catalog)
    title = view.page.title()
    view.page.mouse.move(
        *view.pixel("map", catalog["umap_x"].iloc[row], catalog["umap_y"].iloc[row])
    )
    view.page.wait_for_function(
        "Bokeh.documents[0].get_model_by_name('map hover').text.includes('<img src=x')"
    )
    view.click_object(catalog, row)
    view.wait_for_text(HOSTILE)
    assert view.page.title() == title
    assert view.page.locator("b", has_text="bold").count() == 0
    assert view.page.locator("img[src='x']").count() == 0


def test_click_far_from_all_objects_selects_nothing(view: Watched, catalog: pd.DataFrame) -> None:
    x0, x1, y0, y1 = view.page.evaluate(
        """() => { const {x_range, y_range} = Bokeh.documents[0].get_model_by_name('map');
        return [x_range.start, x_range.end, y_range.start, y_range.end]; }"""
    )
    left, pad = x0 + 0.01 * (x1 - x0), 0.01 * (y1 - y0)
    corners = [(left, y0 + pad), (left, y1 - pad)]
    xy = catalog[["umap_x", "umap_y"]].to_numpy()
    corner = max(corners, key=lambda c: np.hypot(*(xy - c).T).min())
    view.page.mouse.click(*view.pixel("map", *corner))
    view.page.wait_for_timeout(1000)
    assert view.column("map selected", "x").size == 0


def test_wheel_zooms_and_the_map_is_drawn_anew(view: Watched) -> None:
    script = "Bokeh.documents[0].get_model_by_name('map image').data.dw[0]"
    before = view.page.evaluate(script)
    view.page.mouse.move(*view.pixel("map", *view_centre(view)))
    view.page.mouse.wheel(0, -300)
    view.page.wait_for_function(f"{script} < {0.95 * before}", timeout=10_000)


def view_centre(view: Watched) -> tuple[float, float]:
    x, y = view.page.evaluate(
        """() => { const f = Bokeh.documents[0].get_model_by_name('map');
        return [(f.x_range.start + f.x_range.end) / 2, (f.y_range.start + f.y_range.end) / 2]; }"""
    )
    return x, y


def test_bad_path_is_explained_and_the_server_lives_on(browser: Any, tmp_path: Path) -> None:
    missing = tmp_path / "no <b>atlas</b>"
    with serving(str(missing), log=tmp_path / "server.log") as address:
        for _attempt in range(2):
            watched = Watched(browser, address)
            watched.page.get_by_text("can not be opened").first.wait_for(timeout=30_000)
            watched.page.get_by_text(str(missing), exact=True).first.wait_for()
            watched.page.close()
            assert watched.errors == []


def test_without_an_atlas_the_three_commands_are_shown(browser: Any, tmp_path: Path) -> None:
    with serving(log=tmp_path / "server.log") as address:
        watched = Watched(browser, address)
        for command in ("data ingest", "model train", "model atlas"):
            watched.page.get_by_text(f"python -m {command}").first.wait_for(timeout=30_000)
        watched.page.close()
        assert watched.errors == []
        assert watched.outside == []
