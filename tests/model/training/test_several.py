"""One survey of several grids: trained, measured, and every spectrum told on its own grid."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr

from data.grid import WaveGrid, linear_grid
from data.parts import read_parts
from data.survey import Survey
from data.survey_writer import Block, SurveyWriter
from model.__main__ import main
from model.misfit import misfit
from model.store.storage import load_model
from tests.fixtures.training import TINY

GRIDS = {
    "first": WaveGrid(scale="log", start=3.6, step=2.5e-3, n_pixel=140),
    "other": linear_grid(4000.0, 9500.0, 170),
    "few": linear_grid(4000.0, 9000.0, 90),
}
N_OBJECTS = {"first": 80, "other": 60, "few": 3}

pytestmark = pytest.mark.usefixtures("one_thread")


def _galaxies(name: str, n: int, rng: np.random.Generator) -> Block:
    """Make galaxies with a slope and a line, as one instrument sees them."""
    wave, z = GRIDS[name].wave, rng.uniform(0.01, 0.3, n)
    rest = wave[None, :] / (1 + z[:, None])
    flux = 1 + rng.normal(0, 0.3, (n, 1)) * (rest - 5500) / 2000
    flux += rng.exponential(1.0, (n, 1)) * np.exp(-0.5 * ((rest - 5008) / 40) ** 2)
    flux += rng.normal(0, 0.05, flux.shape)
    rows = pd.DataFrame({"object_id": [f"{name}-{i}" for i in range(n)], "z": z})
    return Block(name, rows, flux.astype("f4"), np.full(flux.shape, 400.0, "f4"))


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    rng = np.random.default_rng(5)
    out = tmp_path_factory.mktemp("several") / "survey"
    with SurveyWriter(out, grid=GRIDS, info={}) as writer:
        for name, n in N_OBJECTS.items():
            writer.append_blocks([_galaxies(name, n, rng)])
    return Survey(out)


def _chi2(model: Path, survey: Survey) -> np.ndarray:
    """Return the reduced chi2 of every object."""
    loaded, found = load_model(model), np.empty(len(survey))
    for places, spectra in read_parts(survey, np.arange(len(survey))):
        latents = loaded.encode(spectra)
        found[places] = misfit(
            spectra, *loaded.reconstruct(latents, spectra.z, spectra.grid)
        ).reduced
    return found


def test_a_network_gets_an_encoder_for_each_instrument(survey: Survey, tmp_path: Path, capsys):
    out = tmp_path / "model"
    words = ["train", str(survey.path), "--out", str(out), *TINY, "--warm-start", "--epochs", "60"]
    assert main(words) == 0
    assert "few has too few objects" in capsys.readouterr().err
    info = json.loads((out / "model.json").read_text())
    assert set(info["config"]["grids"]) == set(GRIDS)
    assert set(info["training"]["instruments"]) == set(GRIDS)
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md", "history-other.csv", "history.csv", "model.json", "model.safetensors",
    ]  # fmt: skip
    chi2 = _chi2(out, survey)
    constant = np.concatenate([
        (spectra.ivar * (spectra.flux - 1) ** 2).mean(axis=1)
        for _, spectra in read_parts(survey, np.arange(len(survey)))
    ])  # fmt: skip
    for part in survey.parts[:2]:
        rows = slice(part.start, part.stop)
        assert np.median(chi2[rows]) < np.median(constant[rows]) / 2
    assert main(["evaluate", str(survey.path), str(out), "--device", "cpu"]) == 0


def test_components_are_of_all_instruments_in_the_rest_frame(survey: Survey, tmp_path: Path):
    out = tmp_path / "pca"
    words = ["--model", "pca", "--latents", "3", "--rest-pixels", "200"]
    assert main(["train", str(survey.path), "--out", str(out), *words]) == 0
    chi2 = _chi2(out, survey)
    for part in survey.parts:
        assert np.median(chi2[part.start : part.stop]) < 3
    assert main(["evaluate", str(survey.path), str(out), "--device", "cpu"]) == 0


def test_a_stopped_training_goes_on_with_the_next_instrument(
    survey: Survey, tmp_path: Path, monkeypatch
):
    out = tmp_path / "model"
    words = ["train", str(survey.path), "--out", str(out)]
    options = [*TINY, "--epochs", "2"]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("model.training.spender.start_from_model", stop)
        assert main([*words, *options]) == 130
    first = out / "instruments" / "first" / "model.safetensors"
    before = first.read_bytes()
    assert main([*words, *options]) == 2
    assert main([*words, "--resume", "--latents", "5"]) == 2
    with monkeypatch.context() as patch:
        patch.setattr("model.training.several.shutil.rmtree", lambda *_a, **_k: None)
        assert main([*words, "--resume"]) == 0
    assert first.read_bytes() == before
    assert set(json.loads((out / "model.json").read_text())["config"]["grids"]) == set(GRIDS)


def test_a_finished_instrument_of_a_changed_survey_is_not_taken(
    survey: Survey, tmp_path: Path, monkeypatch, capsys
):
    own, out = tmp_path / "survey", tmp_path / "model"
    shutil.copytree(survey.path, own)
    words = ["train", str(own), "--out", str(out)]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("model.training.spender.start_from_model", stop)
        assert main([*words, *TINY, "--epochs", "2"]) == 130
    flux = zarr.open_group(str(own / "spectra.zarr"), mode="r+")["first/flux"]
    flux[:] = flux[:][::-1]
    assert main([*words, "--resume"]) == 2
    assert "the survey have changed since" in capsys.readouterr().err
    flux[:] = flux[:][::-1]
    assert main([*words, "--resume"]) == 0
