"""Random numbers that depend on seed, object and purpose alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from data.mock.object_random import ObjectRandom


def test_uniform_numbers_are_uniform_and_independent():
    random = ObjectRandom(seed=5, index=np.arange(100_000))
    first, second = random.uniform("mass"), random.uniform("distance")
    other = ObjectRandom(seed=6, index=np.arange(100_000)).uniform("mass")
    assert kstest(first, "uniform").pvalue > 1e-3
    for pair in ((first, second), (first, other), (first[1:], first[:-1])):
        assert abs(np.corrcoef(*pair)[0, 1]) < 0.015
    assert 0 < first.min()
    assert first.max() < 1


def test_normal_numbers_are_normal():
    values = ObjectRandom(seed=5, index=np.arange(100_000)).normal("x", 2.0, 3.0)
    assert kstest((values - 2) / 3, "norm").pvalue > 1e-3


@given(
    seed=st.integers(0, 2**63 - 1),
    index=st.lists(st.integers(0, 2**62 - 1), min_size=1, max_size=20),
)
def test_a_draw_depends_on_its_own_object_only(seed, index):
    together = ObjectRandom(seed=seed, index=np.array(index, dtype=np.uint64))
    draws = together.uniform("age")
    pixels = [generator.random(3) for generator in together.generators()]
    for i, one in enumerate(index):
        alone = ObjectRandom(seed=seed, index=np.array([one], dtype=np.uint64))
        assert alone.uniform("age")[0] == draws[i]
        assert np.array_equal(next(iter(alone.generators())).random(3), pixels[i])


def test_streams_of_neighbours_are_independent():
    random = ObjectRandom(seed=1, index=np.arange(200))
    pixels = np.array([g.standard_normal(2000) for g in random.generators()])
    correlation = np.corrcoef(pixels)[np.triu_indices(200, 1)]
    assert np.abs(correlation).max() < 6 / np.sqrt(2000)
    assert pixels.std() == pytest.approx(1.0, abs=0.01)
