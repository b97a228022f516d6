"""The common area of distributions."""

import numpy as np
import pytest

from benchmarks.realism.overlap import (
    overlap,
    overlap_density,
    overlap_expected,
    overlap_relation,
    overlap_shares,
)
from benchmarks.realism.published import MAIN_SEQUENCE


def test_a_sample_overlaps_with_itself_and_not_with_another(rng):
    values = rng.normal(size=500)
    assert overlap(values, values) == pytest.approx(1.0)
    assert overlap(values, values + 100) == pytest.approx(1 / 6, abs=0.01)  # the last bin is open
    assert np.isnan(overlap(values, np.array([np.nan])))


def test_shifted_gaussians_overlap_as_they_should(rng):
    """Two unit Gaussians a distance d apart share 2 Phi(-d / 2)."""
    first, second = rng.normal(size=40_000), rng.normal(1.0, 1.0, size=40_000)
    assert overlap(first, second, n_bin=60) == pytest.approx(0.617, abs=0.02)


def test_few_draws_can_not_overlap_fully():
    assert 0.8 < overlap_expected(30) < overlap_expected(100) < overlap_expected(1000) < 1


def test_draws_from_a_relation_overlap_with_it(rng):
    mass = rng.uniform(9, 11, 20_000)
    value = MAIN_SEQUENCE.value(mass) + rng.normal(0, MAIN_SEQUENCE.scatter, len(mass))
    assert overlap_relation(MAIN_SEQUENCE, mass, value) > 0.96
    assert overlap_relation(MAIN_SEQUENCE, mass, value + 0.3) < 0.7
    assert overlap_relation(MAIN_SEQUENCE, mass, MAIN_SEQUENCE.value(mass)) < 0.3


def test_draws_from_a_density_overlap_with_it(rng):
    x = np.linspace(0, 1, 300)
    assert overlap_density(np.sqrt(rng.uniform(size=20_000)), x, 2 * x) > 0.97
    assert overlap_density(rng.uniform(size=20_000), x, 2 * x) < 0.8


def test_mixtures_share_their_common_parts():
    assert overlap_shares({"a": 0.7, "b": 0.3}, {"a": 0.4, "c": 0.6}) == pytest.approx(0.4)
