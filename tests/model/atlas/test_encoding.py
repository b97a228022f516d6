"""Encoding a source for an atlas, refined or not."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from data.json_file import read_json
from data.survey import Survey
from data.survey_writer import SurveyWriter
from model.__main__ import main
from model.atlas import encoding
from model.atlas.atlas import Atlas
from model.atlas.encoding import encode_source, latent_columns
from model.refinement.support import MARGIN, Support, latent_support
from model.store.storage import load_model, read_model_info
from tests.fixtures.dask_cluster import kill_a_worker


def test_refined_latents_fit_better_and_say_how_far_they_moved(tiny_spender_atlas_path, tmp_path):
    atlas = Atlas(tiny_spender_atlas_path)
    source, model, plain = atlas.source, atlas.model, atlas.catalog
    support = Support.of(atlas.latents)
    made = encode_source(source, model, tmp_path / "made", support=support, progress=False)
    assert set(made) - set(plain.columns) == {"refinement_shift"}
    moved = made["refinement_shift"].to_numpy() > 0
    assert moved.mean() > 0.9
    assert (made["chi2_red"] <= plain["chi2_red"] * (1 + 1e-6)).all()
    assert (made["chi2_red"][moved] < plain["chi2_red"][moved]).mean() > 0.9
    columns = latent_columns(model.n_latent)
    away = support.coordinates(made[columns].to_numpy()) - support.coordinates(
        plain[columns].to_numpy()
    )
    np.testing.assert_allclose(
        made["refinement_shift"], np.linalg.norm(away, axis=1), rtol=1e-3, atol=1e-3
    )


def test_the_support_holds_the_objects_asked_for(tiny_atlas_path):
    tiny = tiny_atlas_path.parent
    source, model = Survey(tiny / "survey"), load_model(tiny / "pca")
    support = latent_support(model, source, np.arange(40))
    latents = model.encode(source.read(list(range(40))))
    along = support.coordinates(latents)
    np.testing.assert_allclose(along.min(axis=0) - MARGIN, support.lowest, atol=1e-6)
    np.testing.assert_allclose(np.median(latents, axis=0), support.centre, atol=1e-6)


def _windows(folder):
    return [np.load(path) for path in encoding.residual_windows(folder)]


def test_the_bits_are_the_same_on_any_number_of_threads_and_workers(
    tiny_spender_atlas_path, tmp_path, scheduler, monkeypatch
):
    tiny = tiny_spender_atlas_path.parent
    source, model = Survey(tiny / "survey"), load_model(tiny_spender_atlas_path / "model")
    monkeypatch.setattr(encoding, "_blocks", lambda source: pairwise(range(0, len(source) + 1, 20)))
    ways = {"one": {"jobs": 1}, "three": {"jobs": 3}, "dask": {"scheduler": scheduler}}
    made = {
        name: encode_source(source, model, tmp_path / name, progress=False, **options)
        for name, options in ways.items()
    }
    for name in ("three", "dask"):
        pd.testing.assert_frame_equal(made["one"], made[name])
        for first, second in zip(
            _windows(tmp_path / "one"), _windows(tmp_path / name), strict=True
        ):
            for key in first:
                np.testing.assert_array_equal(first[key], second[key])


@pytest.mark.parametrize("refined", [False, True])
def test_a_worker_killed_amid_the_encoding_costs_its_blocks(
    tiny_spender_atlas_path, tmp_path, scheduler, monkeypatch, refined
):
    tiny = tiny_spender_atlas_path.parent
    source, model = Survey(tiny / "survey"), load_model(tiny_spender_atlas_path / "model")
    support = latent_support(model, source) if refined else None
    monkeypatch.setattr(encoding, "_blocks", lambda source: pairwise(range(0, len(source) + 1, 10)))
    here = encode_source(source, model, tmp_path / "here", support=support, jobs=1, progress=False)
    keep, kept = encoding._keep, []

    def keep_and_kill(*arguments):
        keep(*arguments)
        kept.append(arguments)
        if len(kept) == 2:
            kill_a_worker(scheduler)

    monkeypatch.setattr(encoding, "_keep", keep_and_kill)
    there = encode_source(
        source, model, tmp_path / "there", support=support, scheduler=scheduler, progress=False
    )
    pd.testing.assert_frame_equal(here, there)


@pytest.fixture
def unknown_redshifts(tiny_atlas_path, tmp_path):
    """The tiny survey, in which seven redshifts are no redshifts."""
    source = Survey(tiny_atlas_path.parent / "survey")
    spectra, catalog = source.read(slice(0, len(source))), source.catalog.copy()
    catalog.loc[[3, 50, 70, 80, 90, 95, 119], "z"] = [np.nan, -1, np.inf, -np.inf, -1.5, -2, -3]
    with SurveyWriter(tmp_path / "survey", grid=source.grid, info=source.info) as writer:
        writer.append(catalog, spectra.flux, spectra.ivar)
    return tmp_path / "survey"


@pytest.mark.parametrize("refine", [[], ["--refine"]])
@pytest.mark.parametrize("kind", ["pca", "spender"])
def test_redshifts_that_are_none_are_told_before_any_work(
    tiny_spender_atlas_path, unknown_redshifts, tmp_path, capsys, kind, refine
):
    model = tiny_spender_atlas_path.parent / kind
    out = tmp_path / "atlas"
    command = ["atlas", str(unknown_redshifts), str(model), *refine, "--out", str(out)]
    assert main(command) == 2
    told = capsys.readouterr().err
    ids = Survey(unknown_redshifts).ids
    assert f"those of 7 objects are not, among them {ids[3]} (nan), {ids[50]} (-1), " in told
    assert f"{ids[90]} (-1.5): make the survey again" in told
    assert ids[95] not in told
    assert list(tmp_path.iterdir()) == [unknown_redshifts]


def test_objects_without_a_redshift_are_neither_learnt_from_nor_measured(
    unknown_redshifts, tmp_path
):
    model = tmp_path / "model"
    survey, out = str(unknown_redshifts), str(tmp_path / "out")
    assert main(["train", survey, "--model", "pca", "--latents", "2", "--out", str(model)]) == 0
    info = read_model_info(model)
    assert info["training"]["left_out"]["redshift unknown or outside the rest frame"] == 7
    measure = [survey, str(model), "--part", "all", "--object-class", "any", "--out", out]
    assert main(["evaluate", *measure]) == 0
    result = read_json(tmp_path / "out" / "evaluation.json", what="evaluation")
    assert result["fidelity"]["all"]["n"] == len(Survey(survey)) - 7
    assert np.isfinite(result["fidelity"]["all"]["fidelity"])
    assert main(["compare", *measure, "--noise-draws", "0"]) == 0
    result = read_json(tmp_path / "out" / "comparison.json", what="comparison")
    assert result["n_object"] == len(Survey(survey)) - 7
