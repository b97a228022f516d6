"""Walks through every part of the page on the demo and on an atlas of real spectra."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from data.__main__ import main as data_main
from explorer.start_page import DEMO
from model.__main__ import main as model_main
from model.atlas.atlas import Atlas
from model.attribution.grad_fam import attribute
from model.attribution.target import line_target
from tests.browser.chromium import Watched, alone, choose, own_copy, press, search, visiting

pytestmark = [pytest.mark.ui, pytest.mark.slow]
N_FILE = 120


@pytest.fixture(scope="module", params=["demo", "real"])
def atlas_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "demo":
        return own_copy(DEMO, folder)
    real_spectra: Path = request.getfixturevalue("real_spectra")
    files = [str(path) for path in sorted((real_spectra / "sdss").glob("spec-*.fits"))[:N_FILE]]
    files += [str(path) for path in sorted((real_spectra / "desi").glob("coadd-*.fits"))]
    survey, model, atlas = (str(folder / name) for name in ("survey", "model", "atlas"))
    assert data_main(["ingest", *files, "--out", survey, "--jobs", "1"]) == 0
    assert model_main(["train", survey, "--out", model, "--model", "pca"]) == 0
    assert model_main(["atlas", survey, model, "--out", atlas]) == 0
    return Path(atlas)


@pytest.fixture(scope="module")
def row(catalog: pd.DataFrame) -> int:
    """A galaxy with a good spectrum and nobody near it on the map."""
    good = (catalog["snr"] > 8) & (catalog["class"] == "GALAXY") & (catalog["z"] < 0.25)
    return alone(catalog, among=good.to_numpy())


@pytest.fixture(scope="module")
def view(browser: Any, url: str, catalog: pd.DataFrame, row: int) -> Iterator[Watched]:
    """The page with that galaxy selected; the tests walk from one of its tabs to the next."""
    with visiting(browser, url) as visit:
        yield visit(f"id={quote(catalog['object_id'][row])}")


def test_map(visit: Any, catalog: pd.DataFrame, row: int) -> None:
    view = visit()
    view.click_object(catalog, row)
    view.wait_for_text(catalog["object_id"][row])
    choose(view, "Embedding", "t-SNE")
    view.wait_for(f"Math.abs(get('map selected').data.x[0] - {catalog['tsne_x'][row]}) < 1e-3")
    choose(view, "Colour", "S/N per pixel")
    view.wait_for("get('map colour bar').title === 'S/N per pixel'")
    view.page.get_by_label("Mark neighbours in latent space").click()
    view.wait_for("get('map neighbours').data.x.length === 10")
    low, high = 0.1, 0.15
    inside = int(catalog["z"].between(low, high).sum())
    filtered = visit("filters=" + quote(json.dumps({"z": [low, high]})))
    filtered.page.get_by_text(f"{inside:,} shown").first.wait_for()


def test_an_object_of_each_instrument(visit: Any, catalog: pd.DataFrame, atlas_path: Path) -> None:
    source = Atlas(atlas_path).source
    if len(source.parts) == 1:
        pytest.skip("all spectra of this atlas lie on one grid")
    assert [part.name for part in source.parts] == ["sdss", "boss", "desi"]
    view = visit()
    for part in source.parts:
        row = alone(catalog, among=np.isin(np.arange(len(source)), range(part.start, part.stop)))
        view.click_object(catalog, row)
        view.wait_for_text(catalog["object_id"][row])
        view.wait_for(f"get('pixels')?.data.flux.length === {part.grid.n_pixel}")
        spectra = source.read([row])
        flux = np.where(spectra.ivar[0] > 0, spectra.flux[0], np.nan)
        np.testing.assert_allclose(view.column("pixels", "flux"), flux, rtol=1e-5)
        np.testing.assert_allclose(view.column("pixels", "wave"), part.grid.wave, rtol=1e-6)
        assert np.isfinite(view.column("pixels", "model")).mean() > 0.5


def test_spectrum(view: Watched, catalog: pd.DataFrame, atlas_path: Path, row: int) -> None:
    view.wait_for("get('pixels')?.data.flux.length > 0")
    spectra = Atlas(atlas_path).source.read([row])
    flux = np.where(spectra.ivar[0] > 0, spectra.flux[0], np.nan)
    np.testing.assert_allclose(view.column("pixels", "flux"), flux, rtol=1e-5)
    assert np.nanmedian(abs(view.column("pixels", "residual"))) < 2  # the reconstruction fits
    z = float(catalog["z"][row])
    start = "get('inset Hα + [N II]').x_range.start"
    view.wait_for(f"Math.abs({start} - {6510 * (1 + z)}) < 0.01")
    press(view, "rest")
    view.wait_for(f"Math.abs({start} - 6510) < 0.01")
    press(view, "observed")
    view.wait_for(f"Math.abs({start} - {6510 * (1 + z)}) < 0.01")


def test_attention(view: Watched, catalog: pd.DataFrame, atlas_path: Path, row: int) -> None:
    atlas = Atlas(atlas_path)
    found = attribute(atlas.model, atlas.source.read([row]), line_target("Hα"))
    view.page.get_by_text(f"strongest at {found.peak_wave():.0f} Å observed").wait_for()
    edges = view.column("attention bars", "x0"), view.column("attention bars", "x1")
    np.testing.assert_allclose(np.mean(edges, axis=0), found.wave, rtol=1e-4)
    expected = found.projection[0] / abs(found.projection[0]).max()
    np.testing.assert_allclose(view.column("attention bars", "value"), expected, atol=1e-3)
    if atlas.model.kind == "spender":
        view.page.get_by_text("Grad-FAM (Melchior+2022): top channel").wait_for()
        view.page.get_by_label("channels").click()
        view.wait_for("get('attention channels')?.inner_width > 400")
        press(view, "order objects by the top channel")
        view.wait_for("get('gallery lines')?.data.xs.length === 6")
    else:
        view.page.get_by_text("This model has no attention: shown is input × gradient").wait_for()


def test_tracks(view: Watched, atlas_path: Path) -> None:
    view.page.get_by_role("tab", name="Tracks").click()
    press(view, "binned centroids")
    press(view, "make")
    view.wait_for("get('track spectra')?.data.xs.length === 5")
    view.wait_for("get('track observed')?.data.flux.length > 0")
    view.wait_for("get('map knots').data.x.length === 5")
    press(view, "trends")
    view.wait_for("get('track trends').data.d4000.filter(Number.isFinite).length === 5")
    view.page.get_by_label("name", exact=True).fill("main sequence")
    view.page.keyboard.press("Tab")
    press(view, "save")
    view.page.get_by_text("saved main sequence").wait_for()
    (saved,) = (atlas_path / "tracks").glob("*.json")
    saved.unlink()
    press(view, "planes")
    view.wait_for("get('plane BPT').inner_width > 100")


def test_latents(view: Watched) -> None:
    view.page.get_by_role("tab", name="Latents").click()
    view.wait_for("get('rest now')?.data.flux.length > 0")
    before = view.column("rest start", "flux")
    slider = view.page.locator(".MuiTabsPanel input[type=range]").first
    slider.focus()
    for _ in range(10):
        view.page.keyboard.press("ArrowRight")
    view.page.wait_for_url("**at=%5B**")
    view.until(
        lambda: bool(abs(view.column("rest now", "flux") - before).max() > 1e-4),
        "a spectrum changed by the slider",
    )
    np.testing.assert_array_equal(view.column("rest start", "flux"), before)
    press(view, "traversal")
    view.page.get_by_text("blue continuum").wait_for()


def test_page(view: Watched, visit: Any, catalog: pd.DataFrame, row: int) -> None:
    view.page.get_by_role("tab", name="Table").click()
    selected = view.page.locator(".tabulator-row.tabulator-selected")
    selected.filter(has_text=str(catalog["object_id"][row])).wait_for()
    view.page.get_by_role("tab", name="About").click()
    view.wait_for_text("Embeddings")
    view.page.wait_for_url("**tab=About**")
    view.toggle_theme()
    assert "theme=dark" in view.page.url
    again = visit(address=view.page.url)
    again.wait_for("get('map').background_fill_color === '#121417'")
    again.wait_for_text("Embeddings")
    again.wait_for(f"Math.abs(get('map selected').data.x[0] - {catalog['umap_x'][row]}) < 1e-3")
    again.page.locator("body").press("?")
    again.page.get_by_role("dialog").get_by_text("this list").wait_for()


def test_outliers(view: Watched, catalog: pd.DataFrame) -> None:
    strangest = catalog["object_id"][catalog["neg_log_p"].argmax()]
    view.page.get_by_role("tab", name="Outliers").click()
    view.page.locator(".card").nth(11).wait_for()
    assert len(view.page.locator(".card svg.flux path.data").first.get_attribute("d") or "") > 500
    search(view, strangest)
    view.page.locator(".card.now .id", has_text=strangest).wait_for()
    view.page.locator(".card.now").click()
    view.page.keyboard.press("4")
    view.page.get_by_text("saved by").wait_for()
    view.page.keyboard.press("u")
    view.page.get_by_text("took back a change").wait_for()


def test_take_away(visit: Any, catalog: pd.DataFrame, tmp_path: Path) -> None:
    bright = float(catalog["snr"].nlargest(20).min())
    top = float(catalog["snr"].max()) + 1
    view = visit("filters=" + quote(json.dumps({"snr": [bright, top]})))
    wanted = list(catalog["object_id"][catalog["snr"] >= bright])
    for entry in ("Selection as FITS", "Spectra as FITS"):
        with view.page.expect_download() as event:
            press(view, "Save")
            view.page.get_by_text(entry).click()
        event.value.save_as(tmp_path / entry)
        with fits.open(tmp_path / entry) as hdus:  # spectra of several grids: a table for each
            tables = [hdu.data for hdu in hdus if hdu.name.startswith("CATALOG")]
        assert [name for table in tables for name in table["object_id"]] == wanted, entry
