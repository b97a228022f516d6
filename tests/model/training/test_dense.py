"""InfoVAE, VAE and AE: trained by the command, resumed, opened, and right about spectra."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from data.grid import linear_grid
from data.rest_frame.preparation import PREPARATIONS, prepare
from data.spectra import Spectra
from data.survey import Survey
from model.__main__ import main
from model.dense.autoencoder import DenseAutoencoder
from model.dense.config import DENSE_KINDS, preset
from model.dense.prepared_source import suitable
from model.store.storage import load_model, read_model_info
from model.training.config import TrainConfig, ignored
from model.training.course.history import read_history
from model.training.trainer import Trainer
from tests.fixtures.atlas import write_survey
from tests.fixtures.training import NOT_REPEATABLE

pytestmark = pytest.mark.usefixtures("one_thread")
FREE = ("--preparation", "free", "--rest-first", "3700", "--rest-last", "7000")
FREE += ("--rest-pixels", "200", "--latents", "2", "--layers", "32", "16", "--device", "cpu")
FREE += ("--batch-size", "16", "--precision", "fp32")


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_survey(tmp_path_factory.mktemp("dense") / "survey")


def train(survey: Path, out: Path, kind: str, *options: str) -> DenseAutoencoder:
    command = ["train", str(survey), "--model", kind, "--out", str(out), *FREE, *options]
    assert main(command) == 0
    model = load_model(out)
    assert isinstance(model, DenseAutoencoder)
    return model


@pytest.fixture(scope="module", params=DENSE_KINDS)
def trained(
    request: pytest.FixtureRequest, survey: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[DenseAutoencoder, Path]:
    out = tmp_path_factory.mktemp(request.param) / "model"
    return train(survey, out, request.param, "--epochs", "60", "--dropout", "0"), out


def misfits(model: Any, spectra: Any) -> tuple[float, float]:
    """Return the weighted mean square of the residuals of the model, and of a mean spectrum."""
    flux, covered = model.reconstruct(model.encode(spectra), spectra.z, spectra.grid)
    used = covered & (spectra.ivar > 0)
    same = np.repeat(model.decode(np.zeros((1, 2), "f4")), len(spectra), axis=0)
    plain, _ = model.observe(same, spectra.z, spectra.grid)
    errors = [(spectra.ivar * (spectra.flux - item) ** 2)[used].mean() for item in (flux, plain)]
    return float(errors[0]), float(errors[1])


def test_a_trained_network_knows_spectra_it_never_saw(
    trained: tuple[DenseAutoencoder, Path], survey: Path, tmp_path: Path
) -> None:
    model, out = trained
    other = Survey(write_survey(tmp_path / "other", seed=8))
    own, plain = misfits(model, other.read(slice(0, 60)))
    assert own < 0.5 * plain
    info = read_model_info(out)
    assert info["kind"] == model.kind
    assert info["training"]["infill_changes"][-1] < info["training"]["infill_changes"][0]
    assert {"fidelity_test", "chi2_red_test"} <= set(info["metrics"])


def test_decoded_spectra_have_the_norm_of_a_survey(trained: tuple[DenseAutoencoder, Path]) -> None:
    model = trained[0]
    rest = model.decode(np.random.default_rng(0).normal(size=(8, 2)).astype("f4"))
    inside = (model.wave_rest >= 5300) & (model.wave_rest <= 5850)
    np.testing.assert_allclose(np.median(rest[:, inside], axis=1), 1, atol=2e-3)


def test_latents_do_not_depend_on_company(
    trained: tuple[DenseAutoencoder, Path], survey: Path
) -> None:
    model, spectra = trained[0], Survey(survey).read(slice(0, 40))
    alone = np.concatenate([model.encode(spectra.take(slice(row, row + 1))) for row in range(40)])
    np.testing.assert_allclose(alone, model.encode(spectra), rtol=1e-4, atol=1e-5)


def replace_flux(spectra: Spectra, pixel: int, step: float) -> Spectra:
    """Return one spectrum with a step in one pixel."""
    flux = spectra.flux.copy()
    flux[0, pixel] += step
    return Spectra(grid=spectra.grid, flux=flux, ivar=spectra.ivar, z=spectra.z)


def test_gradients_reach_observed_pixels_and_tell_what_they_change(
    trained: tuple[DenseAutoencoder, Path], survey: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, spectra = trained[0], Survey(survey).read([5])
    flux, rest = model.trace(spectra)
    np.testing.assert_allclose(
        rest.detach().numpy(), model.decode(model.encode(spectra)), rtol=1e-4, atol=1e-5
    )
    (slope,) = torch.autograd.grad(rest[0, 100], flux)
    assert (slope[0].numpy()[spectra.ivar[0] == 0] == 0).all()
    pixel = int(slope.abs().argmax())
    constant = model.prepare(spectra)  # what is filled in, and the norm
    monkeypatch.setattr(model, "prepare", lambda _spectra: constant)
    ends = []
    for step in (-0.01, 0.01):
        moved = replace_flux(spectra, pixel, step)
        ends.append(model.trace(moved)[1][0, 100].item())
    assert (ends[1] - ends[0]) / 0.02 == pytest.approx(float(slope[0, pixel]), rel=0.1)


def test_an_interrupted_training_repeats_the_uninterrupted_one(
    survey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--epochs", "6", "--dropout", "0.2")
    train(survey, tmp_path / "whole", "infovae", *options)
    progress = Trainer._progress
    monkeypatch.setattr(
        Trainer, "_progress",
        lambda self, stopped: (progress(self, stopped)[0], self.state.position.step == 17),
    )  # fmt: skip
    command = ["train", str(survey), "--model", "infovae", "--out", str(tmp_path / "part")]
    assert main([*command, *FREE, *options]) == 130
    monkeypatch.undo()
    assert main([*command, *FREE, *options, "--resume"]) == 0
    rows = [read_history(tmp_path / name / "history.csv") for name in ("whole", "part")]
    for whole, part in zip(*rows, strict=True):
        for name in set(whole) - set(NOT_REPEATABLE):
            assert whole[name] == part[name], name


def test_the_rate_falls_on_a_plateau_and_the_training_ends(survey: Path, tmp_path: Path) -> None:
    options = ("--epochs", "400", "--learning-rate", "0.03")
    train(survey, tmp_path / "model", "ae", *options)
    rows = read_history(tmp_path / "model" / "history.csv")
    rates = [row["learning_rate"] for row in rows]
    assert rates[0] == 0.03
    assert rates[-1] < 0.004
    losses = np.array([row["valid_loss"] for row in rows])
    assert len(rows) < 400
    assert len(rows) - 1 - losses.argmin() == 10


def test_spectra_that_do_not_suit_are_left_out_and_counted(survey: Path) -> None:
    source = Survey(survey)
    rows = np.arange(len(source))
    narrow = replace(PREPARATIONS["nicolaou2025"], z_max=0.2, min_snr=12.0)
    chosen, reasons = suitable(source, rows, narrow, progress=False)
    z, snr = (source.catalog[name].to_numpy() for name in ("z", "snr"))
    assert chosen.tolist() == np.flatnonzero((z >= 0) & (z <= 0.2) & (snr > 12)).tolist()
    assert reasons == {
        "redshift outside 0 to 0.2": int((z > 0.2).sum()),
        "S/N not above 12": int(((z <= 0.2) & (snr <= 12)).sum()),
    }


def test_a_spectrum_more_than_half_missing_is_not_learnt_from(survey: Path) -> None:
    source = Survey(survey)
    far = replace(PREPARATIONS["portillo2020"], rest_grid=linear_grid(1500, 5400, 300))
    chosen, reasons = suitable(source, np.arange(len(source)), far, progress=False)
    seen = [prepare(source.read([row]), far).observed.mean() >= 0.5 for row in range(len(source))]
    assert 0 < len(chosen) < len(source)
    assert chosen.tolist() == np.flatnonzero(seen).tolist()
    assert list(reasons) == ["more than half of the rest frame missing"]


def test_pixels_that_reach_below_0_are_refused(
    survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(survey), "--model", "ae", "--out", str(tmp_path / "m"), *FREE]
    assert main([*command, "--rest-first", "1000", "--rest-pixels", "2"]) == 2
    assert "rest_pixels must be more for 1000 to 7000 Angstrom, got 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"model": "pca", "similarity": 1.0, "epochs": 5}, ["similarity", "epochs"]),
        ({"model": "nmf", "config": "full"}, ["similarity", "consistency"]),
        ({"model": "ae", "mask": 1.0, "rest_pixels": 9}, ["rest_pixels", "mask"]),
        ({"model": "vae", "mmd": 3.0, "layers": (9,)}, ["mmd"]),
        ({"layers": (9,), "mmd": 3.0, "mask": 1.0}, ["layers", "mmd"]),
        ({"config": "portillo2020", "mmd": 3.0}, []),
        ({"model": "ae", "preparation": "free", "rest_pixels": 9, "epochs": 2}, []),
    ],
)
def test_settings_that_a_kind_does_not_use_are_named(
    options: dict[str, Any], names: list[str], tmp_path: Path
) -> None:
    config = TrainConfig.from_options(survey=tmp_path, out=tmp_path / "m", **options)
    assert ignored(config) == names


def test_a_training_tells_which_settings_it_ignores(
    survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(survey), "--model", "pca", "--out", str(tmp_path / "m")]
    assert main([*command, "--rest-pixels", "100", "--latents", "2", "--mask", "1"]) == 0
    assert "WARNING: --model pca does not use mask\n" in capsys.readouterr().err


def test_presets_are_those_of_the_papers() -> None:
    assert preset("infovae", 6).layers == (703, 94)
    assert preset("infovae", 2).mmd == 11.2
    assert preset("vae", 10).layers == (800, 600, 500, 300)
    assert preset("ae", 4).layers == (549, 110)


def test_a_range_without_the_norm_is_refused(
    survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(survey), "--model", "vae", "--out", str(tmp_path), *FREE]
    assert main([*command, "--rest-last", "5000"]) == 2
    assert "must cover some of 5300-5850 A" in capsys.readouterr().err
