"""Encoding a source for an atlas, refined or not."""

import numpy as np

from data.survey import Survey
from model.atlas.atlas import Atlas
from model.atlas.encoding import encode_source, latent_columns
from model.refinement.support import MARGIN, Support, latent_support
from model.store.storage import load_model


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
