"""Encoding a source for an atlas, refined or not."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from data.survey import Survey
from model.atlas import encoding
from model.atlas.atlas import Atlas
from model.atlas.encoding import encode_source, latent_columns
from model.refinement.support import MARGIN, Support, latent_support
from model.store.storage import load_model
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
