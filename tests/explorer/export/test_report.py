"""A report is one page that needs nothing else, and nothing of an object is more than text."""

import re
from pathlib import Path

import pandas as pd
import pytest

from explorer.export.export import export_guests
from explorer.export.menu import TakeAway
from explorer.export.report import MOST_REPORTED, ReportSettings, report_page
from explorer.guests.placing import Upload, place_uploads
from explorer.labels.shared import shared_labels
from explorer.state.state import ExplorerState
from model.store.identifiers import Identifiers
from tests.browser.chromium import HOSTILE
from tests.fixtures.brought import as_file, table_of
from tests.fixtures.explorer import catalog_of, open_tiny

SETTINGS = ReportSettings(frame="observed", lines="major", smoothing=0)


def without_images(html: str) -> str:
    return re.sub(r'src="data:image/png;base64,[A-Za-z0-9+/=]+"', "", html)


def test_a_report_of_labelled_objects_holds_all_and_loads_nothing(own_atlas: Path) -> None:
    ids = catalog_of(own_atlas)["object_id"].tolist()
    ids[3] = HOSTILE
    dataset = open_tiny(own_atlas, subclass=HOSTILE)
    dataset.ids = Identifiers(pd.Series(ids))
    store, _ = shared_labels(dataset)
    assert store is not None
    store.put(ids[3], who="ada", grade=2, kind="star", note="<b>see</b>\nsecond line")
    store.put(ids[8], who="ada", grade=5)
    store.put(ids[9], who="ada", grade=1)
    store.put(ids[9], who="ada", grade=None)
    view = TakeAway(ExplorerState(dataset), lambda: None)
    report = view.work("report labelled")()
    html = report.content.decode()
    assert report.name.endswith("_report.html")
    assert ids[8] not in report.name
    assert html.count('src="data:image/png;base64,') == 2
    text = without_images(html)
    assert text.index(f"<h2>{ids[8]}") < text.index("<h2>&lt;img")  # the higher grade first
    assert ids[9] not in re.findall(r"<h2>(.*?)</h2>", text)
    assert "<img src=x" not in text
    assert "<b>see</b>" not in text
    assert "grade 2, star" in text
    assert not re.search(r"""<[a-z][^>]*\b(src|href)\s*=|<script|url\(|@import""", text)
    assert "default-src 'none'" in text
    for told in ("Scores", "Why strange?", "Nearest in the latents", "weights (SHA-256)"):
        assert told in text
    store.close()


def test_a_brought_spectrum_is_reported_and_written(tiny_atlas_path: Path, tmp_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path)
    upload = Upload("mine.ecsv", as_file(table_of(dataset.atlas, 5), "ascii.ecsv"))
    guests = place_uploads(dataset, [upload], trials=(), air=False).guests
    report = report_page(dataset, guests, SETTINGS, labels={})
    html = report.content.decode()
    assert report.name.endswith("_mine_report.html")
    assert "<h2>mine</h2>" in html
    assert "What the neighbours tell" in html
    path = tmp_path / "placed.csv"
    path.write_bytes(export_guests(guests).content)
    assert {"object_id", "z", "latent_0", "umap_x", "log_mass_near"} <= set(pd.read_csv(path))


def test_a_report_of_one_object_bears_its_name_as_far_as_files_may(own_atlas: Path) -> None:
    dataset = open_tiny(own_atlas)
    dataset.ids = Identifiers(
        pd.Series(["../0266 51602<0001", *catalog_of(own_atlas)["object_id"].tolist()[1:]])
    )
    report = report_page(dataset, [0], SETTINGS, labels={})
    assert report.name.endswith("____0266_51602_0001_report.html")
    assert report_page(dataset, [0, 1], SETTINGS, labels={}).name.count("0266") == 0


def test_a_report_is_of_some_objects_but_not_of_thousands(tiny_atlas_path: Path) -> None:
    state = ExplorerState(open_tiny(tiny_atlas_path))
    for n_object in (0, MOST_REPORTED + 1):
        with pytest.raises(ValueError, match=f"1 to {MOST_REPORTED} objects, got {n_object}"):
            report_page(state.dataset, list(range(n_object)), SETTINGS, labels={})
    with pytest.raises(ValueError, match="no object is selected"):
        TakeAway(state, lambda: None).work("report object")
    with pytest.raises(ValueError, match="no spectra were brought"):
        TakeAway(state, lambda: None).work("guests")()
