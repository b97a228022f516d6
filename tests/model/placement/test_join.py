import shutil

import numpy as np
import pandas as pd
import pytest

from data.grid import WaveGrid
from data.joined import join_catalogs
from data.partial.folder import made_beside
from data.survey import Survey
from model.__main__ import main
from model.atlas.atlas import Atlas
from model.placement.placer import Placer
from tests.fixtures.atlas import write_survey
from tests.fixtures.paths import copy_without_labels

OTHER = WaveGrid(scale="log", start=3.57, step=4e-4, n_pixel=960)
N_NEW = 30


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """A survey of another instrument's grid, with a column of its own and without `log_ssfr`."""
    path = write_survey(
        tmp_path_factory.mktemp("second") / "other", n_object=N_NEW, grid=OTHER, seed=8
    )
    catalog = pd.read_parquet(path / "catalog.parquet")
    catalog["object_id"] = [f"other-{row}" for row in range(N_NEW)]
    catalog["primary"], catalog["tile"] = True, np.arange(N_NEW)
    catalog.drop(columns="log_ssfr").to_parquet(path / "catalog.parquet")
    return path


@pytest.fixture(scope="module")
def joined(tiny_atlas_path, second, tmp_path_factory):
    out = tmp_path_factory.mktemp("joined") / "both"
    assert main(["place", str(tiny_atlas_path), str(second), "--join", str(out)]) == 0
    return Atlas(out)


def test_one_atlas_holds_the_objects_of_both(joined, tiny_atlas_path, second):
    first, n = Atlas(tiny_atlas_path), len(Atlas(tiny_atlas_path))
    assert len(joined) == n + N_NEW
    shared = list(first.catalog)
    pd.testing.assert_frame_equal(joined.catalog[shared].iloc[:n], first.catalog)
    assert joined.catalog["survey"].value_counts().to_dict() == {first.name: n, "other": N_NEW}
    new = joined.catalog.iloc[n:]
    assert new["object_id"].tolist() == Survey(second).ids.tolist()
    assert new["log_ssfr"].isna().all()
    assert new["tile"].tolist() == list(range(N_NEW))
    scores = [score.column for score in joined.scores]
    assert new[scores].notna().all(axis=None)
    assert joined.neighbours.indices.max() == n + N_NEW - 1


def test_rows_are_what_place_tells_of_each_spectrum(joined, tiny_atlas_path, second):
    placer, survey, n = Placer(Atlas(tiny_atlas_path)), Survey(second), len(joined) - N_NEW
    norm = survey.catalog["norm"].to_numpy()
    for row in (0, 17):
        placed = placer.place(survey.read([row]), norm=norm[row]).row
        ours = joined.catalog.iloc[n + row]
        for name in (set(placed) & set(joined.catalog)) - {"snr"}:
            if isinstance(placed[name], float) and np.isfinite(placed[name]):
                spread = float(joined.catalog[name].std())
                assert ours[name] == pytest.approx(placed[name], rel=1e-3, abs=1e-3 * spread), name


def test_spectra_of_both_are_read_and_drawn(joined, second):
    n = len(joined) - N_NEW
    rows = [n + 3, 5, n + 1]
    seen = {}
    for places, spectra, flux, _ in joined.reconstructions(rows):
        assert flux.shape == spectra.flux.shape
        seen |= dict.fromkeys(np.asarray(rows)[places].tolist(), spectra)
    assert set(seen) == set(rows)
    assert seen[n + 1].grid == OTHER
    np.testing.assert_array_equal(
        next(s for r, s in seen.items() if r == n + 3).flux, Survey(second).read([3, 1]).flux
    )
    with pytest.raises(ValueError, match="one source"):
        joined.source.read([0, n])


def test_a_joined_atlas_moves_with_its_surveys(tiny_atlas_path, second, tmp_path):
    home = tmp_path / "home"
    copy_without_labels(tiny_atlas_path, home / "atlas")
    shutil.copytree(second, home / "other")
    out = home / "both"
    assert main(["place", str(home / "atlas"), str(home / "other"), "--join", str(out)]) == 0
    home.rename(tmp_path / "moved")
    moved = Atlas(tmp_path / "moved" / "both")
    assert moved.source.read([len(moved) - 1]).flux.shape == (1, OTHER.n_pixel)


def test_mistakes_end_with_status_2(tiny_atlas_path, second, joined, tmp_path, capsys):
    survey = str(tiny_atlas_path.parent / "survey")
    out = str(tmp_path / "out")
    assert main(["place", str(tiny_atlas_path), survey, "--join", out]) == 2
    assert "are in both surveys" in capsys.readouterr().err
    assert main(["place", str(tiny_atlas_path), str(second), "--join", str(joined.path)]) == 2
    assert "exists" in capsys.readouterr().err
    assert main(["place", str(tiny_atlas_path), survey, survey, "--join", out]) == 2
    assert "--join takes one survey" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_one_catalogue_lacks_is_nan_or_empty():
    first = pd.DataFrame({"object_id": ["a"], "plate": [3], "kind": ["x"], "good": [True]})
    both = join_catalogs([first, pd.DataFrame({"object_id": ["b"], "z": [0.1]})])
    assert both["object_id"].tolist() == ["a", "b"]
    assert both["kind"].tolist() == ["x", ""]
    np.testing.assert_array_equal(both["good"], [1, np.nan])
    np.testing.assert_array_equal(both["plate"], [3, np.nan])
    assert both["z"].dtype == float


def test_what_the_stages_of_the_first_atlas_left_is_not_taken(
    joined, tiny_atlas_path, second, tmp_path
):
    """As of an atlas whose making was stopped in its last step: blocks of its own objects."""
    atlas, out = tmp_path / "tiny" / "atlas", tmp_path / "both"
    copy_without_labels(tiny_atlas_path.parent, tmp_path / "tiny")
    blocks = atlas / ".work" / "encode"
    blocks.mkdir(parents=True)
    columns = list(joined.catalog)
    wrong = joined.catalog.iloc[:N_NEW][columns].assign(latent_0=np.float32(99))
    wrong.to_parquet(blocks / "000000000.parquet")
    (blocks / "000000000.windows.npz").write_bytes(b"of another survey")
    assert main(["place", str(atlas), str(second), "--join", str(out)]) == 0
    pd.testing.assert_frame_equal(Atlas(out).catalog, joined.catalog)
    assert not (out / ".work").exists()


def test_two_joins_of_one_folder_do_not_meet(tiny_atlas_path, second, tmp_path, capsys):
    words = ["place", str(tiny_atlas_path), str(second), "--join", str(tmp_path / "both")]
    with made_beside(tmp_path / "both") as partial:
        (partial / "of the first").touch()
        assert main(words) == 2
        assert "another process is writing" in capsys.readouterr().err
        assert (partial / "of the first").exists()
