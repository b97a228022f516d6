"""Random search: every trial once, the best of them becomes the model."""

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest
import zarr

from data.survey import Survey
from model.__main__ import main
from model.dense.config import preset
from model.store.storage import load_model, read_model_info
from model.training import command
from model.training.config import TrainConfig
from model.training.search import FIRST, MMD, SECOND, trial
from model.training.settings import NetworkSettings
from tests.fixtures.atlas import write_survey

pytestmark = pytest.mark.usefixtures("one_thread")
OPTIONS = (
    "--model", "infovae", "--preparation", "free", "--rest-first", "3700", "--rest-last", "7000",
    "--rest-pixels", "100", "--latents", "2", "--device", "cpu", "--batch-size", "16",
    "--precision", "fp32", "--epochs", "2",
)  # fmt: skip


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_survey(tmp_path_factory.mktemp("search") / "survey", n_object=60)


def search(survey: Path, out: Path, n: int, *options: str) -> int:
    return main(["train", str(survey), "--out", str(out), "--search", str(n), *OPTIONS, *options])


def test_the_best_trial_becomes_the_model_and_more_can_be_added(
    survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    out = tmp_path / "model"
    assert search(survey, out, 2) == 0
    assert search(survey, out, 3) == 2  # a search is there: --resume is wanted
    assert "--resume" in capsys.readouterr().err
    trained, whole = [], command.save_model
    monkeypatch.setattr(
        command, "save_model", lambda *a, **k: (trained.append(a[1].name), whole(*a, **k))
    )
    assert search(survey, out, 3, "--resume") == 0
    assert trained == ["002"]
    with (out / "search" / "ranking.csv").open() as file:
        ranked = list(csv.DictReader(file))
    assert sorted(row["trial"] for row in ranked) == ["0", "1", "2"]
    errors = [float(row["fidelity_valid"]) for row in ranked]
    assert errors == sorted(errors)
    best = out / "search" / f"{int(ranked[0]['trial']):03d}"
    assert read_model_info(out) == read_model_info(best)
    model, source = load_model(out), Survey(survey)
    assert model.encode(source.read([0, 1])).shape == (2, 2)
    assert "| 1 |" in capsys.readouterr().out


def test_trials_are_drawn_within_limits_and_the_same_again(tmp_path: Path) -> None:
    config = TrainConfig(survey=tmp_path, out=tmp_path, model="infovae", search=30)
    drawn = [trial(config, number) for number in range(30)]
    assert drawn[0].network.layers == preset("infovae", 6).layers
    assert drawn[0].losses.mmd == preset("infovae", 6).mmd
    for item in drawn[1:]:
        for value, (low, high) in zip(
            (*item.network.layers, item.losses.mmd), (FIRST, SECOND, MMD), strict=True
        ):
            assert low * 0.99 <= value <= high * 1.01
    assert len({item.network.layers for item in drawn}) == 30
    assert trial(config, 7) == drawn[7]
    fixed = TrainConfig(
        survey=tmp_path, out=tmp_path, model="infovae", network=NetworkSettings(layers=(50, 20))
    )
    assert trial(fixed, 4).network.layers == (50, 20)
    assert trial(fixed, 4).losses.mmd != trial(fixed, 5).losses.mmd


def test_only_an_infovae_has_something_to_search(survey: Path, tmp_path: Path) -> None:
    assert main(["train", str(survey), "--out", str(tmp_path / "m"), "--search", "2"]) == 2
    assert not (tmp_path / "m").exists()


def test_one_process_searches(
    survey: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert search(survey, tmp_path / "m", 2) == 2
    assert "in one process" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_a_finished_model_is_not_searched_over(
    survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m"
    assert main(["train", str(survey), "--out", str(out), *OPTIONS]) == 0
    before = read_model_info(out)
    for options in ((), ("--resume",)):
        assert search(survey, out, 2, *options) == 2
        assert "holds a finished model" in capsys.readouterr().err
    assert read_model_info(out) == before
    assert not (out / "search").exists()


def test_finished_trials_of_a_changed_survey_are_not_ranked(
    survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, out = tmp_path / "survey", tmp_path / "model"
    shutil.copytree(survey, own)
    assert search(own, out, 1) == 0
    flux = zarr.open_group(str(own / "spectra.zarr"), mode="r+")["flux"]
    flux[:] = flux[:][::-1]
    assert search(own, out, 2, "--resume") == 2
    assert "the survey have changed since" in capsys.readouterr().err
    flux[:] = flux[:][::-1]
    assert search(own, out, 2, "--resume") == 0


def test_two_searches_in_one_folder_do_not_meet(
    survey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    save, codes = command.save_model, []

    def save_while_another_begins(*arguments: Any, **settings: Any) -> None:
        codes.append(search(survey, tmp_path / "model", 2, "--resume"))
        save(*arguments, **settings)

    monkeypatch.setattr(command, "save_model", save_while_another_begins)
    assert search(survey, tmp_path / "model", 2) == 0
    assert codes == [2, 2]
    assert "another process is writing" in capsys.readouterr().err
