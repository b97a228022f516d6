"""Drives the served app in real Chromium: what a user clicks, and what she then sees."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.survey import Survey
from explorer.start_page import DEMO
from explorer.theme.colour import PALETTES, rgb
from tests.browser.chromium import (
    HOSTILE,
    VIEWPORT,
    Watched,
    alone,
    choose,
    own_copy,
    serving,
    visiting,
    write_cell,
)
from tests.fixtures.paths import ROOT

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def atlas_path(tiny_atlas_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny atlas with one hostile cell, at the loneliest object."""
    path = own_copy(tiny_atlas_path, tmp_path_factory.mktemp("hostile"))
    write_cell(path, alone(pd.read_parquet(path / "catalog.parquet")), "subclass", HOSTILE)
    return path


@pytest.fixture(scope="module")
def view(browser: Any, url: str) -> Iterator[Watched]:
    """One page, which the tests that take it use in turn."""
    with visiting(browser, url) as visit:
        yield visit()


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
    view.wait_for_answer()
    assert view.column("map selected", "x").size == 0


def test_click_shows_that_object_and_its_spectrum(
    view: Watched, catalog: pd.DataFrame, tiny_atlas_path: Path
) -> None:
    row = alone(catalog)
    view.click_object(catalog, row)
    view.wait_for_text(catalog["object_id"].iloc[row])
    spectra = Survey(tiny_atlas_path.parent / "survey").read([row])
    view.wait_for("get('pixels')?.data.flux.length > 0")
    flux = np.where(spectra.ivar[0] > 0, spectra.flux[0], np.nan)
    np.testing.assert_allclose(view.column("pixels", "flux"), flux, rtol=1e-5)
    np.testing.assert_allclose(view.column("pixels", "wave"), spectra.wave)

    def orange() -> float:
        """Return the share of the columns of the panel that have the reconstruction's colour."""
        return (abs(view.shot("flux") - [213, 94, 0]).max(axis=-1) < 60).any(axis=0).mean()

    view.until(lambda: orange() > 0.5, "the reconstruction across the panel")


def test_the_pointer_reads_the_spectrum_out(
    view: Watched, catalog: pd.DataFrame, tiny_atlas_path: Path
) -> None:
    row = alone(catalog)
    view.click_object(catalog, row)
    view.wait_for("get('pixels')?.data.flux.length > 0")
    spectra = Survey(tiny_atlas_path.parent / "survey").read([row])
    pixel = int(np.flatnonzero(spectra.ivar[0] > 0)[len(spectra.wave) // 3])
    wave, flux = float(spectra.wave[pixel]), float(spectra.flux[0, pixel])
    view.page.mouse.move(*view.pixel("flux", wave, flux))
    view.wait_for("get('readout').visible && get('readout').text.includes('reconstruction')")
    words = view.page.evaluate("Bokeh.documents[0].get_model_by_name('readout').text")
    found = re.match(r"([\d.]+) Å observed, ([\d.]+) Å rest\ndata (\S+) ± ", words)
    assert found is not None, words
    observed, rest, told = map(float, found.groups())
    at = np.abs(spectra.wave - observed).argmin()
    assert abs(int(at) - pixel) <= 4  # a pixel of the screen has several of the spectrum
    assert rest == pytest.approx(observed / (1 + spectra.z[0]), abs=0.1)
    assert told == pytest.approx(float(spectra.flux[0, at]), rel=1e-3)
    view.page.mouse.move(20, 300)
    view.wait_for("!get('readout').visible")


def test_hostile_cell_is_text_in_hover_and_facts(view: Watched, catalog: pd.DataFrame) -> None:
    row = alone(catalog)
    title = view.page.title()
    view.click_object(catalog, row)
    view.wait_for_text(HOSTILE)
    x, y = view.pixel("map", catalog["umap_x"].iloc[row], catalog["umap_y"].iloc[row])
    view.page.mouse.move(x + 2, y)
    view.wait_for("get('map hover').text.includes('<img src=x')")
    assert view.page.title() == title
    assert view.page.locator("b", has_text="bold").count() == 0
    assert view.page.locator("img[src='x']").count() == 0


def test_keys_act_on_the_page_but_not_while_typing(view: Watched, catalog: pd.DataFrame) -> None:
    view.click_object(catalog, alone(catalog))
    view.wait_for("get('map selected').data.x.length === 1")
    first = view.column("map selected", "x")[0]
    view.page.keyboard.press("ArrowRight")
    view.wait_for(f"get('map selected').data.x[0] !== {first}")
    second = view.column("map selected", "x")[0]
    box = view.page.get_by_placeholder("object id, plate-mjd-fiber")
    box.click()
    view.page.keyboard.type("?n")
    view.page.keyboard.press("ArrowLeft")
    view.wait_for_answer()
    assert view.page.get_by_role("dialog").count() == 0
    assert view.column("map selected", "x")[0] == second
    assert view.column("map neighbours", "x").size == 0
    box.fill("")
    box.press("Escape")
    view.page.keyboard.press("n")
    view.wait_for("get('map neighbours').data.x.length === 10")
    view.page.keyboard.press("?")
    view.page.get_by_role("dialog").get_by_text("this list").wait_for()
    view.page.keyboard.press("Escape")
    view.page.get_by_role("dialog").wait_for(state="detached")


def test_search_selects_and_the_address_brings_back_the_same_view(
    view: Watched, visit: Any, catalog: pd.DataFrame
) -> None:
    object_id = catalog["object_id"].iloc[33]
    box = view.page.get_by_placeholder("object id, plate-mjd-fiber")
    box.fill(f"spec-0{object_id}.fits")
    box.press("Enter")
    view.wait_for_text(object_id)
    view.page.get_by_role("button", name="rest", exact=True).click()
    view.page.wait_for_url(f"**id={object_id}**frame=rest**")
    again = visit(address=view.page.url)
    again.wait_for_text(object_id)
    again.wait_for("get('pixels')?.data.wave.length > 0")
    np.testing.assert_allclose(again.column("pixels", "wave"), view.column("pixels", "wave"))
    view.page.go_back()
    view.wait_for("get('residual').below[0].axis_label === 'observed wavelength [Å]'")
    view.page.go_forward()
    view.wait_for("get('residual').below[0].axis_label === 'rest wavelength [Å]'")


def test_sessions_do_not_disturb_each_other(
    view: Watched, visit: Any, catalog: pd.DataFrame
) -> None:
    other = visit()
    view.click_object(catalog, alone(catalog))
    view.wait_for("get('map selected').data.x.length === 1")
    first = view.column("map selected", "x")[0]
    view.page.keyboard.press("ArrowRight")
    view.wait_for(f"get('map selected').data.x[0] !== {first}")
    other.wait_for_answer()
    assert other.column("map selected", "x").size == 0


def test_colour_chosen_from_the_menu_recolours(view: Watched) -> None:
    before = view.shot("map")
    for column in ("class", "activity"):  # the bar is back after the key
        choose(view, "Colour", column)
    view.wait_for("get('map colour bar').title === 'activity'")
    view.until(
        lambda: (abs(view.shot("map") - before).max(axis=-1) > 30).sum() > 500, "other colours"
    )
    last = rgb(PALETTES["viridis"][-1:])[0].astype(int)
    view.until(
        lambda: (abs(view.shot("map")[-60:] - last).max(axis=-1) < 12).any(axis=0).sum() > 3,
        "the colour bar under the map",
    )
    view.page.keyboard.press("l")  # quick keys are heard after a menu
    view.page.wait_for_url("**lines=all**")


def test_a_menu_that_fades_out_takes_no_click(view: Watched) -> None:
    """It took one for a click on its field, and opened again."""
    script = """() => {
        const models = [...Bokeh.documents[0]._all_models.values()]
        const {data} = models.find(m => m.data?.label === 'Colour')
        const box = Bokeh.index.find_one_by_id(Bokeh.documents[0].get_model_by_name('map').id)
            .el.getBoundingClientRect()
        const look = () => {
            let at = document
            for (let inner = at; inner; inner = at.shadowRoot) {
                const found = inner.elementFromPoint(box.right - 200, box.top + 200)
                if (found === null || found === at) break
                at = found
            }
            window.below = at.className
        }
        data.properties.dropdown_open.change.connect(() => {
            if (!data.dropdown_open) requestAnimationFrame(look)
        })
    }"""
    view.page.evaluate(script)
    view.page.get_by_role("combobox", name="Colour", exact=True).click()
    view.page.get_by_role("menuitem", name="activity", exact=True).click()
    view.page.wait_for_function("window.below !== undefined")
    assert view.page.evaluate("window.below") == "bk-layer bk-events"
    view.page.get_by_role("menuitem").first.wait_for(state="detached")


def test_lasso_dims_the_rest_and_escape_frees_it(view: Watched) -> None:
    view.page.get_by_role("button", name="Close", exact=True).click()  # the tour
    view.model("get('map').toolbar.tools.find(t => t.type == 'LassoSelectTool').active = true")
    x0, x1, y0, y1 = view.model(
        "[get('map').x_range.start, get('map').x_range.end,"
        " get('map').y_range.start, get('map').y_range.end]"
    )
    corners = [(0.02, 0.02), (0.55, 0.02), (0.55, 0.98), (0.02, 0.98), (0.02, 0.1)]
    path = [view.pixel("map", x0 + u * (x1 - x0), y0 + v * (y1 - y0)) for u, v in corners]
    view.page.mouse.move(*path[0])
    view.page.mouse.down()
    for point in path[1:]:
        view.page.mouse.move(*point, steps=4)
    view.page.mouse.up()
    view.page.get_by_text("selected").first.wait_for()
    assert view.column("map region", "x").size > 4
    grey = [216, 216, 219]
    view.until(
        lambda: (abs(view.shot("map") - grey).max(axis=-1) < 25).sum() > 200, "objects in grey"
    )
    view.page.keyboard.press("Escape")
    view.wait_for("get('map region').data.x.length === 0")


def test_theme_toggle_repaints_the_figures(view: Watched) -> None:
    assert view.shot("map")[5, 5].min() > 240
    view.toggle_theme()
    for figure in ("map", "flux", "residual"):
        view.until(lambda figure=figure: view.shot(figure)[3, -3].max() < 40, f"a dark {figure}")
    assert "theme=dark" in view.page.url


def test_every_tab_opens_without_complaint(view: Watched, catalog: pd.DataFrame) -> None:
    view.click_object(catalog, alone(catalog))
    tabs = view.page.get_by_role("tab")
    for place in [*range(tabs.count()), 0]:
        tabs.nth(place).click()
        view.page.wait_for_function(
            "title => (new URLSearchParams(location.search).get('tab') ?? 'Inspect') === title",
            arg=tabs.nth(place).text_content(),
        )
        view.wait_for_rest()


def test_wheel_zooms_and_the_map_is_drawn_anew(view: Watched) -> None:
    script = "Bokeh.documents[0].get_model_by_name('map image').data.dw[0]"
    before = view.page.evaluate(script)
    view.page.mouse.move(*view.pixel("map", *view_centre(view)))
    view.page.mouse.wheel(0, -300)
    view.page.wait_for_function(f"{script} < {0.95 * before}")


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
            watched.page.get_by_text("can not be opened").first.wait_for()
            watched.page.get_by_text(str(missing), exact=True).first.wait_for()
            watched.page.close()
            assert watched.errors == []


def test_without_an_atlas_the_demo_opens(visit: Any, tmp_path: Path) -> None:
    catalog = pd.read_parquet(DEMO / "catalog.parquet", columns=["object_id", "umap_x", "umap_y"])
    row = alone(catalog)
    with serving(log=tmp_path / "server.log") as address:
        view = visit(address=address)
        view.wait_for("get('pixels')?.data.flux.length > 0")  # a new visitor sees an object
        view.page.wait_for_url("**?id=**")
        view.click_object(catalog, row)
        view.wait_for_text(catalog["object_id"].iloc[row])
        view.wait_for("get('pixels')?.data.flux.length > 0")
        view.wait_for("get('attention bars').data.value.length > 0")
        assert view.page.locator(".bar").count() == 1
        view.wait_for_rest()  # nothing more to be done
        view.page.get_by_role("tab", name="About").click()
        for command in ("data ingest", "model train", "model atlas"):
            view.page.get_by_text(f"python -m {command}").first.wait_for()
        view.page.goto("about:blank")  # the server ends first


def test_the_page_works_with_versions_it_does_not_know(
    visit: Any, catalog: pd.DataFrame, atlas_path: Path, tmp_path: Path
) -> None:
    log, script = tmp_path / "server.log", tmp_path / "newer.py"
    forget = "versions.KNOWN_GOOD = dict.fromkeys(versions.KNOWN_GOOD, frozenset())\n"
    script.write_text(
        f"from explorer.server import versions\n{forget}{(ROOT / 'launch.py').read_text()}".replace(
            "from __future__ import annotations\n", ""
        )
    )
    with serving(str(atlas_path), log=log, script=str(script)) as address:
        view = visit(address=address)
        row = alone(catalog)
        view.click_object(catalog, row)
        view.wait_for_text(catalog["object_id"].iloc[row])
        view.wait_for("get('pixels')?.data.flux.length > 0")
        view.page.goto("about:blank")  # the server ends first
    assert "is not among the versions known to work" in log.read_text()


def test_classes_get_a_key_with_counts(visit: Any, catalog: pd.DataFrame) -> None:
    watched = visit("c=class")
    labels = watched.model("get('map key').items.map(item => item.label.value)")
    counts = catalog["class"].value_counts()
    assert labels == [f"{name}  {count}" for name, count in counts.items()]

    def blue() -> int:
        """Return how many pixels have the first class's colour, #0072B2."""
        red, _, blue = watched.shot("map").transpose(2, 0, 1)
        return int((blue - red > 100).sum())

    watched.until(lambda: blue() > 2000, "dots of the first class's colour")
    key = """() => {
        const model = Bokeh.documents[0].get_model_by_name('map key');
        const view = Bokeh.index.find_one(model);
        const item = view.el.shadowRoot.querySelectorAll('.bk-item')[1];
        const box = item.getBoundingClientRect();
        return [box.left + box.width / 2, box.top + box.height / 2];
    }"""
    for told in (f"{counts.iloc[1]} shown", "120 objects"):  # only the second, then all again
        watched.page.mouse.click(*watched.steady(lambda: watched.page.evaluate(key)))
        watched.page.get_by_text(told).first.wait_for()


def test_selection_is_saved_as_a_file(visit: Any, catalog: pd.DataFrame, tmp_path: Path) -> None:
    watched = visit("filters=%7B%22class%22%3A%5B%22QSO%22%5D%7D")
    expected = catalog[catalog["class"] == "QSO"]
    watched.page.get_by_text(f"{len(expected)} shown").first.wait_for()
    with watched.page.expect_download() as event:
        watched.page.get_by_role("button", name="Save").click()
        watched.page.get_by_text("Selection as CSV").click()
    path = tmp_path / "selection.csv"
    event.value.save_as(path)
    saved = pd.read_csv(path)
    assert list(saved["object_id"]) == list(expected["object_id"])


def test_tour_is_shown_once(browser: Any, url: str) -> None:
    visitor = browser.new_context(**VIEWPORT)
    first = Watched(visitor, url)
    card = first.page.get_by_label("Tour")
    card.wait_for()
    for _step in range(4):
        card.get_by_role("button").last.click()
    card.wait_for(state="detached")
    second = Watched(visitor, url)
    second.wait_for_map()
    assert second.page.get_by_label("Tour").count() == 0
    visitor.close()
    assert first.errors == second.errors == []


def test_sky_image_offline_fails_quietly(visit: Any, catalog: pd.DataFrame) -> None:
    view = visit()
    view.click_object(catalog, alone(catalog))
    view.wait_for("get('pixels')?.data.wave.length > 0")
    view.page.route("https://www.legacysurvey.org/**", lambda route: route.abort())
    view.page.get_by_role("button", name="Sky image").click()
    view.page.get_by_text("no image").first.wait_for()
    view.wait_for_answer()
    assert all("legacysurvey.org/viewer/cutout" in address for address in view.outside)
    view.outside.clear()
    view.errors[:] = [error for error in view.errors if "Failed to load resource" not in error]


STEP = """(by) => new Promise((done) => {
  window.addEventListener('popstate', () => setTimeout(done, 150), {once: true})
  history.go(by)
})"""
"""Goes back or forward; done a moment after the page has heard of it."""


def test_back_and_forward_in_quick_succession_lose_no_view(visit: Any) -> None:
    page = visit("tab=Inspect").page
    for title in ("Plots", "Latents", "Tracks", "About"):
        page.get_by_role("tab", name=title, exact=True).click()
        page.wait_for_url(f"**tab={title}**")
    length = page.evaluate("history.length")
    for step, expected in ((-1, "Plots"), (1, "About")):
        for _press in range(3):  # faster than the server follows
            page.evaluate(STEP, step)
        page.wait_for_url(f"**tab={expected}**")
        tab = page.get_by_role("tab", name=expected, exact=True, selected=True)
        tab.wait_for()
        assert page.evaluate("history.length") == length
