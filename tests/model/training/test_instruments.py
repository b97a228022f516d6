"""Spectra of another instrument get an encoder of their own, into the same latent space."""

import shutil
import subprocess
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import wilcoxon

from data.grid import WaveGrid, linear_grid
from data.spectra import Spectra
from data.survey import Survey
from data.survey_writer import SurveyWriter
from model.__main__ import main
from model.networks.config import SpenderConfig
from model.networks.spender import Spender
from model.store.storage import load_model
from model.training.course.history import read_history
from model.training.instruments import add_instrument, train_only
from tests.fixtures.training import ROOT, TINY, command, environment, launched, losses

FIRST = WaveGrid(scale="log", start=3.6, step=2.5e-3, n_pixel=140)
OTHER = linear_grid(4000.0, 9500.0, 170)
N_GALAXY = 80
OPTIONS = (*TINY, "--noise", "0.02", "--similarity", "1", "--warm-start")


pytestmark = pytest.mark.usefixtures("one_thread")


def _write_survey(path: Path, grid: WaveGrid, seed: int) -> Path:
    """Write the same galaxies, with noise of its own, as an instrument sees them."""
    rng = np.random.default_rng(5)
    z, slope = rng.uniform(0.01, 0.3, N_GALAXY), rng.normal(0, 0.3, N_GALAXY)
    height = rng.exponential(1.0, N_GALAXY)
    rest = grid.wave[None, :] / (1 + z[:, None])
    flux = 1 + slope[:, None] * (rest - 5500) / 2000
    flux += height[:, None] * np.exp(-0.5 * ((rest - 5008) / 40) ** 2)
    flux += np.random.default_rng(seed).normal(0, 0.05, flux.shape)
    rows = pd.DataFrame({"object_id": [f"g{i}" for i in range(N_GALAXY)], "z": z})
    with SurveyWriter(path, grid=grid, info={"instrument": "test"}) as writer:
        writer.append(rows, flux.astype("f4"), np.full(flux.shape, 400.0, dtype="f4"))
    return path


def _train(survey: Path, out: Path, *options: str) -> int:
    return main(["train", str(survey), "--out", str(out), *OPTIONS, *options])


def _latents(model: Path, survey: Path) -> np.ndarray:
    return load_model(model).encode(Survey(survey).read(list(range(N_GALAXY))))


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return how far apart two latents of each galaxy are, shape (N_GALAXY,)."""
    return np.linalg.norm(one - other, axis=1)


def _misfit(model: Spender, spectra: Spectra) -> np.ndarray:
    """Return the mean squared residual of each galaxy, shape (N_GALAXY,)."""
    flux, valid = model.reconstruct(model.encode(spectra), spectra.z, OTHER)
    return np.where(valid, (spectra.flux - flux) ** 2, 0).sum(axis=1) / valid.sum(axis=1)


def _is_less(smaller: np.ndarray, larger: np.ndarray) -> bool:
    """Whether pairs of numbers differ so much as chance makes them once in a million times."""
    return wilcoxon(smaller, larger, alternative="less").pvalue < 1e-6


@pytest.mark.slow
def test_another_instrument_joins_the_latent_space(tmp_path, capsys):
    first = _write_survey(tmp_path / "first", FIRST, seed=1)
    other = _write_survey(tmp_path / "other", OTHER, seed=2)
    old, new = tmp_path / "old", tmp_path / "new"
    assert _train(first, old, "--epochs", "150") == 0
    options = ("--start-from", str(old), "--consistency", "1", "--epochs", "150")
    assert _train(other, new, *options) == 0
    assert list(load_model(new).config.grids.values()) == [FIRST, OTHER]
    before = _latents(old, first)
    np.testing.assert_array_equal(_latents(new, first), before)
    places = np.random.default_rng(0).normal(size=(5, 2)).astype("f4")
    np.testing.assert_array_equal(load_model(new).decode(places), load_model(old).decode(places))
    spectra = Survey(other).read(list(range(N_GALAXY)))
    untrained, trained = add_instrument(load_model(old), "other", OTHER), load_model(new)
    after = trained.encode(spectra)
    assert _is_less(_apart(before, after), _apart(before, np.roll(after, N_GALAXY // 2, axis=0)))
    assert _is_less(_misfit(trained, spectra), _misfit(untrained, spectra))

    assert _train(other, tmp_path / "odd", "--start-from", str(new), "--latents", "3") == 2
    assert "does not fit the settings: its n_latent is 2" in capsys.readouterr().err


@pytest.mark.slow
def test_newcomer_killed_or_trained_by_two_processes_learns_the_same(tmp_path):
    first = _write_survey(tmp_path / "first", FIRST, seed=1)
    other = _write_survey(tmp_path / "other", OTHER, seed=2)
    old, whole, killed, two = (tmp_path / name for name in ("old", "whole", "killed", "two"))
    assert _train(first, old, "--epochs", "3") == 0
    options = ("--start-from", str(old), "--epochs", "12", "--batch-size", "14", "--augmented", "0")
    options += ("--checkpoint-minutes", "0", "--valid-every", "1", "--learning-rate", "1e-4")
    run = partial(subprocess.run, env=environment(), cwd=ROOT, check=True, capture_output=True)
    run(command(other, whole, *options))
    process = subprocess.Popen(
        command(other, killed, *options), env=environment(), cwd=ROOT, stderr=subprocess.DEVNULL
    )
    while len(read_history(killed / "history.csv")) < 3:
        assert process.poll() is None, "it must still run when it is killed"
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (killed / "model.json").exists()
    assert main(command(other, killed, *options, "--resume")[3:]) == 0
    assert losses(killed) == losses(whole)
    run(launched(command(other, two, *options)))
    for row, expected in zip(losses(two), losses(whole), strict=True):
        assert row == pytest.approx(expected, rel=1e-4)


def test_changed_start_is_told_when_a_training_goes_on(tmp_path, capsys):
    first = _write_survey(tmp_path / "first", FIRST, seed=1)
    other = _write_survey(tmp_path / "other", OTHER, seed=2)
    old, new = tmp_path / "old", tmp_path / "new"
    assert _train(first, old, "--epochs", "1") == 0
    assert _train(other, new, "--epochs", "1", "--start-from", str(old)) == 0
    (new / "model.json").unlink()  # as if stopped after its last checkpoint
    shutil.rmtree(old)
    assert _train(other, old, "--epochs", "1") == 0
    assert _train(other, new, "--epochs", "1", "--start-from", str(old), "--resume") == 2
    assert "the model it started from has changed" in capsys.readouterr().err


@pytest.mark.parametrize("lsf_size", [0, 5])
def test_newcomer_starts_as_the_first_and_only_it_is_trained(lsf_size):
    config = SpenderConfig(
        n_latent=2, rest_grid=linear_grid(3000.0, 9000.0, 150), hidden=(8,),
        grids={"survey": FIRST}, lsf_size=lsf_size,
    )  # fmt: skip
    model = Spender(config)
    larger = add_instrument(model, "survey", OTHER)
    assert list(larger.config.grids) == ["survey", "survey-2"]
    flux = torch.rand(3, FIRST.n_pixel)
    torch.testing.assert_close(larger.encode_tensor(flux, grid=FIRST), model.encode_tensor(flux))
    torch.testing.assert_close(larger.encoders["survey-2"](flux), model.encode_tensor(flux))
    train_only(larger, OTHER)
    trained = {name.rsplit(".", 1)[0] for name, p in larger.named_parameters() if p.requires_grad}
    assert trained
    assert all(".survey-2" in name for name in trained)
    assert ("line_spreads.survey-2" in str(trained)) == bool(lsf_size)
    train_only(model, FIRST)
    assert all(parameter.requires_grad for parameter in model.parameters())
