"""Opens every tab on an atlas of real spectra in real Chromium."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.__main__ import main as data_main
from model.__main__ import main as model_main
from tests.browser import CHROMIUM, FLAGS, Watched, serving

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = [
    pytest.mark.ui,
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"{CHROMIUM} is not installed"),
]
N_FILE = 120


def test_every_tab_shows_real_galaxies(real_spectra: Path, tmp_path: Path) -> None:
    files = [str(path) for path in sorted((real_spectra / "sdss").glob("spec-*.fits"))[:N_FILE]]
    survey, model, atlas = (str(tmp_path / name) for name in ("survey", "model", "atlas"))
    assert data_main(["ingest", *files, "--out", survey, "--jobs", "1"]) == 0
    assert model_main(["train", survey, "--out", model, "--model", "pca"]) == 0
    assert model_main(["atlas", survey, model, "--out", atlas]) == 0
    catalog = pd.read_parquet(Path(atlas) / "catalog.parquet")
    row = int(catalog["snr"].argmax())
    with (
        serving(atlas, log=tmp_path / "server.log") as address,
        sync_api.sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        view = Watched(chromium, f"{address}?id={catalog['object_id'][row]}")
        view.page.set_default_timeout(120_000)
        view.wait_for_map()
        walk(view, catalog, row)
        assert view.errors == []
        assert view.outside == []
        chromium.close()


def walk(view: Watched, catalog: pd.DataFrame, row: int) -> None:
    """Open tab after tab; wait until each shows what it is for."""

    def open_tab(name: str) -> None:
        view.page.get_by_role("tab", name=name, exact=True).click()

    view.wait_for("get('pixels').data.flux.length > 0")
    z = float(catalog["z"][row])
    start = view.model("get('inset Hα + [N II]').x_range.start")
    np.testing.assert_allclose(start, 6510 * (1 + z), rtol=1e-5)
    assert np.nanmedian(abs(view.column("pixels", "residual"))) < 3
    open_tab("Table")
    view.wait_for_text(catalog["object_id"][0])
    open_tab("Tracks")
    view.page.get_by_role("button", name="binned centroids").click()
    view.page.get_by_role("button", name="make", exact=True).locator("visible=true").click()
    view.wait_for("get('track spectra')?.data.xs.length === 5")
    view.wait_for("get('track observed')?.data.flux.length > 0")
    open_tab("Outliers")
    view.page.locator(".card").nth(11).wait_for()
    view.page.locator(".card.now .id", has_text=catalog["object_id"][row]).wait_for()
    open_tab("Latents")
    view.wait_for("get('rest now')?.data.flux.length > 0")
    open_tab("About")
    view.wait_for_text("Embeddings")
    open_tab("Inspect")
    view.wait_for("get('flux').inner_width > 100")
