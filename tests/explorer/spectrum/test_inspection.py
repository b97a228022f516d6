"""What a click costs: each object is read once and decoded once, for all views together."""

from collections import Counter
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest

from explorer.outliers.thumbnails import Thumbnails
from explorer.session import Session
from explorer.spectrum.inspection import KEPT, inspect, rest_spectra
from explorer.state.dataset import Dataset
from model.tracks.trends import stack_members
from tests.fixtures.explorer import on_two_grids, open_tiny

pytestmark = pytest.mark.filterwarnings(
    # Bokeh 3.9.2 makes tables with a keyword that pandas 3.1 deprecates.
    "ignore:The inplace keyword:pandas.errors.Pandas4Warning"
)


def count_calls(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the objects read and decoded from now on."""
    calls: Counter[str] = Counter()

    def counted(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def call(items: Any, *rest: Any) -> Any:
            calls[name] += len(items)
            return original(items, *rest)

        monkeypatch.setattr(owner, name, call)

    counted(dataset.atlas.source, "read")
    for name in ("decode", "reconstruct", "observe"):
        counted(dataset.atlas.model, name)
    return calls


@pytest.mark.parametrize("kind", ["tiny_atlas_path", "tiny_spender_atlas_path"])
def test_a_click_reads_once_and_decodes_once(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(open_tiny(request.getfixturevalue(kind)))
    session.start()  # the Inspect tab is open
    _ = session.state.dataset.atlas.explainer.templates  # made once, for all clicks
    calls = count_calls(session.state.dataset, monkeypatch)
    session.state.selected = 7
    assert calls == {"read": 1, "decode": 1, "observe": 1}
    shown = session.tabs.get_root()
    for name in ("pixels", "attention bars"):  # the spectrum and its attention are both there
        (column,) = [item.data["value" if "bars" in name else "flux"]
                     for item in shown.references() if item.name == name]  # fmt: skip
        assert len(column)


def test_an_object_that_comes_back_is_at_hand(
    tiny_atlas_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_tiny(tiny_atlas_path)
    calls = count_calls(dataset, monkeypatch)
    first = inspect(dataset, 3)
    for row in range(4, 4 + KEPT - 1):
        inspect(dataset, row)
    assert inspect(dataset, 3) is first
    assert calls["read"] == KEPT
    inspect(dataset, 50)
    inspect(dataset, 4)  # the one not asked for longest was let go
    assert calls["read"] == KEPT + 2


def test_views_that_ask_at_once_share_one_reading(
    tiny_atlas_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_tiny(tiny_atlas_path)
    calls = count_calls(dataset, monkeypatch)
    start, found = Barrier(8), []

    def ask() -> None:
        start.wait()
        found.append(inspect(dataset, 5))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls["read"] == calls["decode"] == 1
    assert len(found) == 8
    assert len({id(item) for item in found}) == 1


def test_the_reconstruction_is_that_of_the_model(tiny_spender_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_spender_atlas_path)
    atlas, item = dataset.atlas, inspect(dataset, 9)
    latents = np.array(atlas.latents[9:10])
    flux, inside = atlas.model.reconstruct(latents, item.spectra.z, atlas.source.grid)
    np.testing.assert_array_equal(np.isfinite(item.model), inside[0])
    np.testing.assert_allclose(item.model[inside[0]], flux[0][inside[0]], rtol=1e-6)


def test_objects_on_several_grids_are_shown_together(tiny_atlas_path: Path) -> None:
    """The second grid lacks pixels at the end; all before them are as on one grid."""
    whole, dataset = open_tiny(tiny_atlas_path), on_two_grids(open_tiny(tiny_atlas_path))
    rows = [90, 3, 80]
    n_pixel = [part.grid.n_pixel for part in dataset.atlas.source.parts]
    for row, (wave, flux) in zip(rows, rest_spectra(dataset, rows), strict=True):
        assert len(wave) == len(flux) == n_pixel[int(row >= 60)]
        item, other = inspect(dataset, row), inspect(whole, row)
        assert len(item.wave) == len(item.sky) == len(wave)
        np.testing.assert_array_equal(item.flux, other.flux[: len(wave)])
        np.testing.assert_allclose(item.model, other.model[: len(wave)], rtol=1e-5)
    drawn = Thumbnails(dataset).get(rows, frame="rest")
    theirs = Thumbnails(whole).get(rows, frame="rest")
    assert drawn[1] == theirs[1]
    starts = [[item.data.split()[0] for item in sheet] for sheet in (drawn, theirs)]
    assert starts[0] == starts[1]
    model = dataset.atlas.model
    both = stack_members(dataset.atlas.source, model, [np.array([3, 90])])[0]
    same = stack_members(whole.atlas.source, model, [np.array([3, 90])])[0]
    seen = both.count == same.count
    assert seen.mean() > 0.8
    np.testing.assert_allclose(both.flux[seen], same.flux[seen], rtol=1e-5)
