"""The card that goes with a model."""

import json

import pandas as pd
import pytest

from data.mock.survey import MockConfig, mock
from model.__main__ import main
from model.atlas.atlas import Atlas
from model.store.card import write_card
from model.store.storage import load_model, read_model_info


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A mock survey and a PCA of it."""
    path = tmp_path_factory.mktemp("card")
    mock(MockConfig(out=path / "survey", n=128, seed=4))
    command = ["train", str(path / "survey"), "--out", str(path / "model"), "--model", "pca"]
    assert main([*command, "--latents", "3"]) == 0
    return path


def test_training_leaves_a_card_and_evaluation_adds_to_it(folder):
    card = (folder / "model" / "README.md").read_text()
    assert "python -m data mock" in card
    assert "learnt from mock galaxies only" in card
    assert "| latents | 3 |" in card
    assert "at the end of training" in card
    assert main(["evaluate", str(folder / "survey"), str(folder / "model"), "--part", "all"]) == 0
    card = (folder / "model" / "README.md").read_text()
    measured = json.loads((folder / "model" / "evaluation" / "evaluation.json").read_text())
    assert f"ratio {measured['ratio']:.3f}" in card
    assert "S/N 10 to 20" in card


@pytest.mark.parametrize(
    ("stated", "text"),
    [
        ({}, "divided by its median over rest-frame 5300-5850 Angstrom"),
        ({"statistic": "median", "rest_range": [4000.0, 4500.0]}, "rest-frame 4000-4500 Angstrom"),
        ({"statistic": "none"}, "as observed, not normalised"),
    ],
)
def test_the_norm_is_that_of_the_survey(folder, tmp_path, stated, text):
    info = json.loads((folder / "model" / "model.json").read_text())
    info["training"]["normalisation"] = stated
    (tmp_path / "model.json").write_text(json.dumps(info))
    write_card(tmp_path)
    assert text in (tmp_path / "README.md").read_text()


def test_numbers_of_other_weights_are_not_shown(folder):
    path = folder / "model" / "evaluation" / "evaluation.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"model": {"weights_sha256": "0" * 64}}))
    write_card(folder / "model")
    assert "at the end of training" in (folder / "model" / "README.md").read_text()


def test_compact_atlas_needs_no_survey_folder(folder):
    survey, model, out = (str(folder / name) for name in ("survey", "model", "atlas"))
    assert main(["atlas", survey, model, "--out", out, "--compact"]) == 0
    (folder / "survey").rename(folder / "elsewhere")
    atlas = Atlas(out)
    told = {"kind": "mock", "n": 128, "seed": 4, "instrument": "sdss", "outliers": 0.01}
    assert told.items() <= atlas.info["source"].items()
    latents = atlas.model.encode(atlas.source.read(slice(0, 20)))
    assert latents == pytest.approx(atlas.latents[:20], rel=1e-4, abs=1e-4)
    assert (folder / "atlas" / "model" / "README.md").exists()
    small, full = (folder / name / "model.safetensors" for name in ("atlas/model", "model"))
    assert small.stat().st_size < 0.7 * full.stat().st_size
    info = read_model_info(folder / "atlas" / "model")
    assert info["training"] == read_model_info(folder / "model")["training"]
    assert load_model(folder / "atlas" / "model").n_latent == 3
    stored = pd.read_parquet(folder / "elsewhere" / "catalog.parquet")
    pd.testing.assert_frame_equal(atlas.catalog[list(stored)], stored)
