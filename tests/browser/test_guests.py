"""A user brings spectra of her own: dropped, placed, inspected, removed, in real Chromium."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model.atlas.atlas import Atlas
from tests.browser.chromium import HOSTILE, Watched, alone, own_copy, serving
from tests.fixtures.brought import as_file, table_of

pytestmark = pytest.mark.ui
ROW = 17
DROP = """([files]) => {
  const transfer = new DataTransfer()
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))
    transfer.items.add(new File([bytes], name))
  }
  for (const type of ['dragover', 'drop']) {
    document.body.dispatchEvent(
      new DragEvent(type, {dataTransfer: transfer, bubbles: true, cancelable: true}))
  }
}"""


@pytest.fixture(scope="module")
def atlas_path(tiny_atlas_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_copy(tiny_atlas_path, tmp_path_factory.mktemp("guests"))


@pytest.fixture(scope="module")
def url(
    browser: Any,
    atlas_path: Path,
    tiny_spender_atlas_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Address of the atlas, served beside a second one of the same objects."""
    log = tmp_path_factory.mktemp("log") / "server.log"
    arguments = (str(atlas_path), "--compare", str(tiny_spender_atlas_path))
    with serving(*arguments, log=log) as address:
        yield address


def drop(view: Watched, files: dict[str, bytes]) -> None:
    coded = [[name, base64.b64encode(content).decode()] for name, content in files.items()]
    view.page.evaluate(DROP, [coded])


def test_dropped_spectra_are_placed_inspected_and_removed(
    visit: Any, atlas_path: Path, catalog: pd.DataFrame, tiny_spender_atlas_path: Path
) -> None:
    atlas = Atlas(atlas_path)
    good = as_file(table_of(atlas, ROW), "ascii.ecsv")
    view = visit()
    without_z = as_file(table_of(atlas, ROW + 1, z=False), "ascii.csv")
    view.page.get_by_role("button", name="Drop spectra on the page").wait_for()
    drop(
        view, {f"{HOSTILE}.ecsv": good, "cut.fits": b"SIMPLE  =" + bytes(99), "no-z.csv": without_z}
    )
    view.wait_for("get('map guests')?.data.x.length === 1")
    view.wait_for("get('pixels')?.data.flux.length > 0")
    view.page.get_by_text("no-z.csv: no redshift; type one above").wait_for()
    view.page.get_by_text("cut.fits: ").wait_for()
    view.page.get_by_text("What the neighbours tell").wait_for()
    assert view.page.locator("img[src='x']").count() == 0
    assert view.page.title() != "hacked"
    assert view.column("map neighbours", "x").size == 10
    place = [view.column("map guests", axis)[0] for axis in "xy"]
    view.click_object(catalog, alone(catalog))  # an object of the atlas takes its place
    view.wait_for_text(catalog["object_id"].iloc[alone(catalog)])
    view.wait_for("get('pixels').data.second.length > 0")  # as the model of the second draws it
    chi2 = pd.read_parquet(tiny_spender_atlas_path / "catalog.parquet")["chi2_red"]
    view.page.get_by_text(f"{chi2.iloc[alone(catalog)]:.3f} atlas_spender").wait_for()
    view.page.mouse.click(*view.pixel("map", *place))  # and it is found again on the map
    view.page.get_by_text("What the neighbours tell").wait_for()
    view.page.get_by_label("Redshift, or several to try").fill(f"{catalog['z'][ROW + 1]:.5f} 0.2")
    view.page.keyboard.press("Enter")
    view.wait_for("get('map guests')?.data.x.length === 4")  # two files at two redshifts
    for left in range(3, -1, -1):
        view.page.get_by_role("button", name="Remove").first.click()
        view.wait_for(f"get('map guests').data.x.length === {left}")
    assert np.all(view.column("map selected", "x").size == 0)
    assert view.page.get_by_text("What the neighbours tell").count() == 0
