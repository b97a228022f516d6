"""Opens every tab on an atlas of real spectra in real Chromium."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.__main__ import main as data_main
from data.survey import Survey
from model.__main__ import main as model_main
from tests.browser import Watched, alone

pytestmark = [pytest.mark.ui, pytest.mark.slow]
N_FILE = 120


@pytest.fixture(scope="module")
def atlas_path(real_spectra: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    files = [str(path) for path in sorted((real_spectra / "sdss").glob("spec-*.fits"))[:N_FILE]]
    survey, model, atlas = (str(folder / name) for name in ("survey", "model", "atlas"))
    assert data_main(["ingest", *files, "--out", survey, "--jobs", "1"]) == 0
    assert model_main(["train", survey, "--out", model, "--model", "pca"]) == 0
    assert model_main(["atlas", survey, model, "--out", atlas]) == 0
    return Path(atlas)


def test_click_on_a_real_galaxy_shows_what_was_observed(
    visit: Any, atlas_path: Path, catalog: pd.DataFrame
) -> None:
    row = alone(catalog, among=(catalog["snr"] > 8).to_numpy())
    view = visit()
    view.click_object(catalog, row)
    view.wait_for_text(catalog["object_id"].iloc[row])
    view.wait_for("get('pixels')?.data.flux.length > 0")
    spectra = Survey(atlas_path.parent / "survey").read([row])
    flux = np.where(spectra.ivar[0] > 0, spectra.flux[0], np.nan)
    np.testing.assert_allclose(view.column("pixels", "flux"), flux, rtol=1e-5)
    residual = view.column("pixels", "residual")
    assert np.nanmedian(abs(residual)) < 2  # sigma: the reconstruction fits


def test_every_tab_shows_real_galaxies(visit: Any, catalog: pd.DataFrame) -> None:
    row = int(catalog["snr"].argmax())
    view = visit(f"id={catalog['object_id'][row]}")
    view.page.set_default_timeout(120_000)
    walk(view, catalog, row)


def walk(view: Watched, catalog: pd.DataFrame, row: int) -> None:
    """Open tab after tab; wait until each shows what it is for."""

    def open_tab(name: str) -> None:
        view.page.get_by_role("tab", name=name, exact=True).click()

    view.wait_for("get('pixels')?.data.flux.length > 0")
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
