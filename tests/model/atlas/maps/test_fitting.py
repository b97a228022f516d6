"""Maps of a sample, with the rest placed, beside maps of all objects."""

from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

from data.survey import Survey
from model.__main__ import main
from model.atlas.atlas import Atlas
from model.atlas.config import AtlasConfig
from model.atlas.embedding import choose_settings
from model.atlas.maps.fitting import map_maker
from model.atlas.neighbours import find_neighbours


def blobs(rng, n_galaxy):
    centres = rng.normal(size=(4, 5)) * 5
    around = rng.normal(size=(n_galaxy, 5)) * rng.uniform(0.3, 1.5, (n_galaxy, 1))
    return (centres[np.arange(n_galaxy) % 4] + around).astype(np.float32)


def test_placed_objects_keep_their_neighbours_as_the_sample_does(rng, tmp_path):
    latents = blobs(rng, 1500)
    settings, _ = choose_settings(500, seed=0)
    maker = map_maker(latents, settings, n_sample=500, jobs=1)
    graph = find_neighbours(latents, k=32)
    maps = maker.make(["tsne", "pca"], graph, tmp_path, lambda _: nullcontext())
    assert {name: place.shape for name, place in maps.items()} == {
        "tsne": (1500, 2), "pca": (1500, 2),
    }  # fmt: skip
    quality = maker.quality(maps)["tsne"]
    assert set(quality) == {"sample", "placed"}
    difference = quality["sample"]["trustworthiness"] - quality["placed"]["trustworthiness"]
    errors = [quality[which]["trustworthiness_error"] for which in ("sample", "placed")]
    assert abs(difference) < 0.01 + 5 * np.hypot(*errors)
    assert quality["placed"]["trustworthiness"] > 0.85
    again = map_maker(latents, settings, n_sample=500, jobs=1)
    (tmp_path / "again").mkdir()
    same = again.make(["tsne"], graph, tmp_path / "again", lambda _: nullcontext())
    np.testing.assert_array_equal(same["tsne"], maps["tsne"])


def test_an_atlas_with_the_maps_that_were_asked_for(tiny_atlas_path, tmp_path):
    tiny, out = tiny_atlas_path.parent, tmp_path / "atlas"
    command = ["atlas", str(tiny / "survey"), str(tiny / "pca"), "--out", str(out)]
    assert main([*command, "--maps", "pca,tsne"]) == 0
    atlas, before = Atlas(out), Atlas(tiny_atlas_path)
    assert [item.name for item in atlas.embeddings] == ["tsne", "pca"]
    assert "umap_x" not in atlas.catalog
    for column in ("tsne_x", "pca_y", "strangeness"):
        pd.testing.assert_series_equal(atlas.catalog[column], before.catalog[column])
    for item in atlas.info["embeddings"]:
        assert 0.5 < item["quality"]["trustworthiness"] <= 1
    assert len(Survey(tiny / "survey")) == 120


def test_settings_that_make_no_map_are_refused(tmp_path):
    paths = {"survey": tmp_path, "model": tmp_path, "out": tmp_path}
    with pytest.raises(ValueError, match="umap, tsne, pca, got isomap"):
        AtlasConfig(**paths, maps=("isomap",))
    with pytest.raises(ValueError, match="at least 1000, got 10"):
        AtlasConfig(**paths, map_sample=10)
    assert AtlasConfig(**paths, maps=("pca,tsne",)).map_names == ("tsne", "pca")
