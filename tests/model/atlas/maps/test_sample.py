"""Samples that maps are fitted to."""

import numpy as np
from scipy.spatial import KDTree

from model.atlas.maps.sample import spread_sample


def test_a_sample_lies_as_dense_as_the_objects_and_more_evenly(rng):
    latents = rng.normal(size=(8000, 3)).astype(np.float32)
    latents[:400] += [8, 0, 0]  # a group apart, 1 in 20
    rows = spread_sample(latents, 1000, seed=0)
    assert len(set(rows.tolist())) == len(rows) == 1000
    assert (np.diff(rows) > 0).all()
    assert abs((rows < 400).sum() - 50) <= 2  # a random sample: 50 +- 7
    far = KDTree(latents[rows]).query(latents)[0]
    random = KDTree(latents[rng.permutation(8000)[:1000]]).query(latents)[0]
    assert far.mean() < random.mean()


def test_a_sample_follows_the_seed_and_holds_all_of_few(rng):
    latents = rng.normal(size=(500, 2)).astype(np.float32)
    first, again, other = (spread_sample(latents, 100, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(spread_sample(latents, 500, seed=0), np.arange(500))


def test_copies_are_sampled_too():
    assert len(np.unique(spread_sample(np.zeros((300, 2), np.float32), 50, seed=0))) == 50
