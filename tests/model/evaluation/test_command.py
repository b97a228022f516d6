import json
import os
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from data.survey import Survey
from model.__main__ import main
from model.atlas.atlas import Atlas
from model.evaluation.command import EvaluateConfig, _as_text, measure_model
from model.evaluation.fidelity import outlier_groups
from model.evaluation.invariance import measure_invariance, redshifted
from model.linear.pca import PCA
from model.losses import MATCHED_SIMILARITY, fidelity_loss, similarity_loss
from model.similarity_weight import similarity_weight
from model.splits import split_source
from model.store.storage import load_model
from tests.fixtures.atlas import write_survey


@pytest.fixture(scope="module")
def tiny(tiny_atlas_path):
    return tiny_atlas_path.parent


@pytest.fixture(scope="module")
def measured(tiny):
    source, model = Survey(tiny / "survey"), load_model(tiny / "pca")
    config = EvaluateConfig(survey=tiny / "survey", model=tiny / "pca", part="all")
    return source, model, measure_model(model, source, config, progress=False)


def test_fidelity_is_equation_1(measured):
    source, model, (result, _, rows) = measured
    spectra = source.read(rows.tolist())
    flux, covered = model.reconstruct(model.encode(spectra), spectra.z, source.grid)
    tensors = [torch.tensor(item) for item in (spectra.flux, spectra.ivar, flux, covered)]
    expected = float(fidelity_loss(*tensors))
    assert result["fidelity"]["all"]["fidelity"] == pytest.approx(expected, rel=1e-4)
    share = ((spectra.ivar > 0) & covered).mean()
    assert result["fidelity"]["all"]["noise_floor"] == pytest.approx(share / 2, rel=1e-6)
    assert 0.9 < result["fidelity"]["all"]["over_floor"] < 1.1


def test_parts_and_bins_add_up(measured):
    _, _, (result, _, rows) = measured
    fidelity = result["fidelity"]
    assert sum(fidelity[name]["n"] for name in ("train", "valid", "test")) == len(rows)
    for group in ("by_snr", "by_class"):
        table = result[group].values()
        assert sum(row["n"] for row in table) == len(rows)
        mean = sum(row["n"] * row["fidelity"] for row in table) / len(rows)
        assert mean == pytest.approx(fidelity["all"]["fidelity"])
    assert set(result["by_class"]) == {"GALAXY", "GALAXY STARFORMING"}, "no QSO unless asked for"


def test_injected_outliers_are_told_apart_where_they_are_known(measured):
    source = SimpleNamespace(catalog=pd.DataFrame({"outlier_kind": ["", "star", None, ""]}))
    number, names = outlier_groups(source, np.arange(4), np.array([5.0, 5.0, 30.0, 20.0]))
    told = [names[item] for item in number]
    assert told == [names[0], "injected outliers", names[1], names[1]]
    assert "below 20" in names[0]
    assert measured[2][0]["by_outlier"] == {}, "a survey of real spectra does not know"


class Constant:
    """Encodes everything alike."""

    kind, n_latent = "constant", 3

    def __init__(self, model, offset=0.0):
        self._model, self._offset = model, offset
        self.wave_rest, self.rest_grid = model.wave_rest, model.rest_grid

    def encode(self, spectra):
        return np.outer(np.float32(self._offset) * spectra.z, np.ones(3)).astype(np.float32)

    def decode(self, latents):
        return np.ones((len(latents), len(self.wave_rest)), np.float32)


def test_a_model_that_ignores_redshift_has_no_moved_latents(measured):
    source, model, _ = measured
    result = measure_invariance(Constant(model), source, np.arange(50))
    assert (result.moved == 0).all()
    assert result.consistency == 0
    assert result.similarity == pytest.approx(MATCHED_SIMILARITY, abs=1e-4)


def test_a_model_that_encodes_redshift_is_caught(measured):
    source, model, _ = measured
    result = measure_invariance(Constant(model, offset=1.0), source, np.arange(120), z_max=0.5)
    z = source.catalog["z"].to_numpy()
    assert result.random.mean() == pytest.approx(
        np.sqrt(3) * np.abs(z[:, None] - z).mean(), rel=0.25
    )
    assert result.ratio > 1, "uniform in 0..0.5 is farther than another galaxy's redshift"


def test_redshifted_copies_are_the_same_galaxies(measured):
    source, _, _ = measured
    spectra = source.read([2, 3])
    z = spectra.z + 0.1
    moved = redshifted(spectra, z)
    good = moved.ivar[0] > 0
    rest = source.grid.wave[good] / (1 + z[0])
    original = np.interp(rest, source.grid.wave / (1 + spectra.z[0]), spectra.flux[0])
    np.testing.assert_allclose(moved.flux[0, good], original, atol=2e-3)
    beyond = source.grid.wave / (1 + z[0]) < source.grid.wave[0] / (1 + spectra.z[0])
    assert (moved.ivar[0, beyond] == 0).all()
    assert (moved.flux[0, beyond] == 0).all()


def test_command_prints_the_table_and_saves_json_and_figures(tiny, tmp_path, capsys):
    out = tmp_path / "evaluation"
    arguments = [tiny / "survey", tiny / "pca", "--out", out, "--part", "all"]
    assert main(["evaluate", *map(str, arguments)]) == 0
    printed = capsys.readouterr().out
    for word in ("L_fid(test)", "L_sim", "L_c", "<ds_aug>", "<ds_rand>", "floor", "S/N 10 to 20"):
        assert word in printed
    saved = json.loads((out / "evaluation.json").read_text())
    assert f"{saved['ds_aug']:.4f}" in printed
    assert saved["ratio"] == pytest.approx(saved["ds_aug"] / saved["ds_rand"])
    assert saved["seen_in_training"] is False
    for name in ("latent_distances.png", "reconstruction.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
        assert (out / name).stat().st_size > 10_000
    assert main(["evaluate", *map(str, arguments)]) == 0, "a second run replaces the first"
    assert json.loads((out / "evaluation.json").read_text())["ds_aug"] == saved["ds_aug"]


def test_mistakes_end_with_status_2(tiny, tmp_path, capsys):
    for arguments, says in (
        ((tiny / "nowhere", tiny / "pca"), "does not exist"),
        ((tiny / "survey", tiny / "survey"), "is not a model"),
        ((tiny / "survey", tiny / "pca", "--most", "3"), "most must be at least 10"),
        ((tiny / "survey", tiny / "pca", "--sigma", "0"), "sigma must be positive"),
        ((tiny / "survey", tiny / "pca", "--object-class", "STAR"), "left out"),
    ):
        assert main(["evaluate", *map(str, arguments), "--out", str(tmp_path / "x")]) == 2
        error = capsys.readouterr().err
        assert says in error
        assert not (tmp_path / "x").exists()


def test_model_of_an_atlas_is_left_as_it_is(tiny, tmp_path, capsys):
    """Such is the demo's, which is part of the program."""
    model = tiny / "atlas" / "model"
    before = sorted(model.rglob("*"))
    arguments = ["evaluate", str(tiny / "survey"), str(model), "--part", "all"]
    assert main(arguments) == 2
    assert "is part of an atlas" in capsys.readouterr().err
    assert main([*arguments, "--out", str(tmp_path / "results")]) == 0
    assert (tmp_path / "results" / "evaluation.json").is_file()
    assert sorted(model.rglob("*")) == before


def test_model_that_can_not_be_written_to_needs_another_folder(tiny, capsys, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    assert main(["evaluate", str(tiny / "survey"), str(tiny / "pca")]) == 2
    assert "can not be written to; give --out" in capsys.readouterr().err


def test_evaluation_of_the_atlas_copy_of_a_model_is_the_same(tiny, measured):
    source, _, (result, _, _) = measured
    config = EvaluateConfig(survey=tiny / "survey", model=tiny / "atlas" / "model", part="all")
    again, _, _ = measure_model(Atlas(tiny / "atlas").model, source, config, progress=False)
    assert again == result


def test_tells_the_encoders_part_of_a_misfit_from_the_decoders(measured):
    """The latents of a PCA are nearly the best ones; moved away, the search finds the way back."""
    source, model, (result, _, _) = measured
    encoded, best = (
        result["by_latents"][f"S/N below 20, {x}"] for x in ("encoded", "best latents")
    )
    assert encoded["n"] == best["n"] > 0
    assert 0.99 < best["fidelity"] / encoded["fidelity"] <= 1

    class Astray(PCA):
        def encode(self, spectra):
            latents = super().encode(spectra)
            return latents + latents.std(axis=0)

    astray = Astray(model.config)
    astray.load_state_dict(model.state_dict())
    config = EvaluateConfig(survey="", model="", part="all", refine=True)
    result, _, _ = measure_model(astray, source, config, progress=False)
    moved = result["by_latents"]
    assert moved["S/N below 20, encoded"]["fidelity"] > 1.1 * encoded["fidelity"]
    assert moved["S/N below 20, best latents"]["fidelity"] == pytest.approx(
        best["fidelity"], rel=1e-3
    )
    assert moved["S/N below 20, refined"]["fidelity"] == pytest.approx(best["fidelity"], rel=0.01)
    refined = result["refined"]
    assert refined["fidelity"]["all"]["fidelity"] < result["fidelity"]["all"]["fidelity"]
    assert refined["ratio"] == pytest.approx(refined["ds_aug"] / refined["ds_rand"])
    text = _as_text(result)
    assert f"{refined['ds_aug']:.4f}" in next(
        line for line in text.splitlines() if "refined" in line
    )


def test_a_survey_too_small_to_train_with_can_be_measured(tiny, tmp_path, capsys):
    few = write_survey(tmp_path / "few", n_object=2)
    sets = split_source(Survey(few), object_class="any", rest_first=3000.0).sets()
    assert len(sets["train"]) < 2 or not len(sets["valid"])
    options = ["--part", "all", "--out", str(tmp_path / "out")]
    assert main(["evaluate", str(few), str(tiny / "pca"), *options, "--object-class", "any"]) == 0
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["part"] == "all"
    assert main(["evaluate", str(few), str(tiny / "pca"), "--object-class", "X", *options]) == 2
    error = capsys.readouterr().err
    assert "the all part has 0 objects, 2 are needed" in error
    assert "use --object-class any" in error
    assert main(["compare", str(few), str(tiny / "pca"), *options, "--noise-draws", "0"]) == 0


def test_similarity_is_that_of_the_training(measured):
    source, model, (plain, _, _) = measured
    config = EvaluateConfig(survey=source.path, model=source.path, part="all")
    trained = {"k0": 1.5, "k1": 2.0, "similarity_weight": "ivar", "scale_free": True}
    result, _, rows = measure_model(model, source, config, trained, progress=False)
    assert {name: result["settings"][name] for name in trained} == trained
    latents = model.encode(source.read(rows))
    splits = split_source(source, object_class="GALAXY", rest_first=float(model.wave_rest[0]))
    weight = similarity_weight("ivar", model.rest_grid, source, splits.train)
    rest = torch.tensor(model.decode(latents))
    expected = similarity_loss(torch.tensor(latents), rest, weight, 1.5, 2.0, scale_free=True)
    assert result["similarity"] == pytest.approx(float(expected), rel=1e-4)
    told = {"k0": 2.5, "k1": 5.0, "similarity_weight": "gaussian", "scale_free": False}
    assert {name: plain["settings"][name] for name in told} == told
    own = EvaluateConfig(survey=source.path, model=source.path, part="all", k0=4.0)
    assert measure_model(model, source, own, trained, progress=False)[0]["settings"]["k0"] == 4.0
    with pytest.raises(ValueError, match="k0 must be at least 0, got nan"):
        EvaluateConfig(survey=source.path, model=source.path, k0=float("nan"))
