"""Several models measured side by side on one survey."""

import json
from pathlib import Path

import numpy as np
import pytest

from data.survey import Survey
from model.__main__ import main
from model.comparison.measures import Measures
from model.comparison.noise import measure_sensitivity, with_white_noise
from model.comparison.sample import ALL, draw_sample
from model.evaluation.fidelity import measure_spectra
from model.store.storage import load_model
from tests.fixtures.atlas import write_pca, write_spender, write_survey


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small survey with a PCA, and a SPENDER of random weights."""
    folder = tmp_path_factory.mktemp("compare")
    survey = write_survey(folder / "survey")
    write_pca(survey, folder / "pca")
    write_spender(survey, folder / "spender")
    return folder


@pytest.fixture(scope="module")
def compared(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("compared")
    assert main(_arguments(tiny, out, "pca", "spender")) == 0
    return out


def _arguments(tiny: Path, out: Path, *models: str) -> list[str]:
    return [
        "compare", str(tiny / "survey"), *(str(tiny / name) for name in models), "--out", str(out),
        "--part", "all", "--most", "40", "--noise-draws", "4",
    ]  # fmt: skip


def test_errors_are_reduced_chi2_over_the_common_range(tiny: Path, compared: Path) -> None:
    told = json.loads((compared / "comparison.json").read_text())
    source, model = Survey(tiny / "survey"), load_model(tiny / "pca")
    assert told["n_object"] == 40
    assert sum(n for name, n in told["classes"].items() if name != ALL) == 40
    rows = np.linspace(0, len(source) - 1, 40).round().astype(int)
    spectra = source.read(rows)
    expected = measure_spectra(model, spectra, model.encode(spectra))["chi2_red"].mean()
    assert told["rest_range"][0] == pytest.approx(2359, abs=2)
    assert 9300 < told["rest_range"][1] < 9332  # the PCA's last pixel
    assert told["models"]["pca"]["error"][ALL]["mean"] == pytest.approx(expected, rel=0.01)
    assert told["models"]["spender"]["error"][ALL]["mean"] > 2 * expected  # of random weights


def test_table_and_figures_are_there(compared: Path) -> None:
    table = (compared / "comparison.md").read_text()
    assert "| pca | pca | 4 |" in table
    figures = {path.name for path in compared.glob("*.png")}
    assert {"errors.png", "noise.png", "invariance.png"} <= figures
    assert any(name.startswith("zooms_") for name in figures)


def test_a_measured_model_is_not_measured_again(
    tiny: Path, compared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(*_args: object, name: str, **_more: object) -> Measures:
        asked.append(name)
        raise ValueError("measured again")

    monkeypatch.setattr("model.comparison.command.measure_model", refuse)
    monkeypatch.setattr("model.comparison.command._write", lambda *_: None)
    assert main(_arguments(tiny, compared, "pca", "spender")) == 0
    assert asked == []
    assert main([*_arguments(tiny, compared, "pca", "spender"), "--seed", "5"]) == 2
    assert asked == ["pca"]


def test_white_noise_brings_spectra_to_a_signal_to_noise(tiny: Path) -> None:
    spectra = Survey(tiny / "survey").read(slice(0, 20))
    noisy = with_white_noise(spectra, 2.0, np.random.default_rng(1))
    good = noisy.ivar > 0
    assert (good == (spectra.ivar > 0)).all()
    snr = [
        np.median(flux[use]) * np.sqrt(np.median(ivar[use]))
        for flux, ivar, use in zip(noisy.flux, noisy.ivar, good, strict=True)
    ]
    assert np.median(snr) == pytest.approx(2.0, rel=0.1)


def test_latents_scatter_more_in_more_noise(tiny: Path) -> None:
    source, model = Survey(tiny / "survey"), load_model(tiny / "pca")
    sample = draw_sample(source, np.arange(60), rest_range=(3800.0, 7000.0))
    latents = model.encode(source.read(slice(0, 60)))
    found = measure_sensitivity(model, sample, latents, n_draw=24, seed=3)
    assert (np.diff(found.snr) > 0).all()
    assert (found.variance[0] > 4 * found.variance[-1]).all()  # S/N^2, less what was there before
    assert np.isfinite(found.bias).all()


def test_an_unknown_object_is_refused(tiny: Path, tmp_path: Path, capsys) -> None:  # noqa: ANN001
    assert main([*_arguments(tiny, tmp_path / "out", "pca"), "--object", "nobody"]) == 2
    assert "no object nobody" in capsys.readouterr().err
