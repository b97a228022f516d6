"""Trustworthiness and preservation of neighbours, against scikit-learn."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from model.atlas.maps import quality
from model.atlas.maps.quality import map_quality


def test_agrees_with_scikit_learn(rng):
    latents = rng.normal(size=(400, 5)).astype(np.float32)
    maps = {"plane": latents[:, :2], "noise": rng.normal(size=(400, 2)).astype(np.float32)}
    found = map_quality(latents, maps, np.arange(400), seed=0)
    k = quality.N_NEIGHBOUR
    for name, places in maps.items():
        expected = trustworthiness(latents, places, n_neighbors=k)
        assert found[name].trustworthiness == pytest.approx(expected, abs=1e-6)
        near = [
            NearestNeighbors(n_neighbors=k).fit(item).kneighbors(return_distance=False)
            for item in (latents, places)
        ]
        kept = np.mean([len(set(a) & set(b)) for a, b in zip(*near, strict=True)]) / k
        assert found[name].neighbours_kept == pytest.approx(kept, abs=1e-6)
        assert found[name].n_object == 400
    assert found["plane"].trustworthiness > 0.7 > 0.6 > found["noise"].trustworthiness


def test_a_perfect_map_is_perfect(rng):
    latents = rng.normal(size=(200, 2)).astype(np.float32)
    found = map_quality(latents, {"same": latents}, np.arange(50), seed=0)["same"]
    assert (found.trustworthiness, found.neighbours_kept, found.n_object) == (1.0, 1.0, 50)


def test_copies_and_few_objects(rng):
    latents = np.zeros((100, 2), np.float32)
    found = map_quality(latents, {"same": latents}, np.arange(100), seed=0)["same"]
    assert found.trustworthiness == 1.0
    assert map_quality(latents[:30], {"same": latents[:30]}, np.arange(30), seed=0) == {}
