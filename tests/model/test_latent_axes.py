"""The spread and the bulk of latents: long tails do not rule them."""

import numpy as np
import pytest

from model.latent_axes import bulk, leaf_order, rising_along, spread, turned


def test_spread_is_the_standard_deviation_without_the_tail(rng: np.random.Generator) -> None:
    latents = rng.normal(size=(20_000, 2)) * [1.0, 3.0]
    expected = spread(latents)
    np.testing.assert_allclose(expected, [1.0, 3.0], rtol=5 * 0.012)  # 5 sigma of a percentile
    latents[:20, 0] = 1e6
    np.testing.assert_allclose(spread(latents), expected, rtol=0.01)
    assert (spread(np.ones((50, 2))) > 0).all()


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_bulk_is_the_percentiles_unless_a_tail_is_long(
    rng: np.random.Generator, side: float
) -> None:
    values = rng.normal(size=50_000)
    usual = bulk(values, percentiles=(0.2, 99.8), reach=5.0)
    np.testing.assert_allclose(usual, np.percentile(values, [0.2, 99.8]))
    values[:500] = side * 1e4  # one in a hundred
    low, high = bulk(values, percentiles=(0.2, 99.8), reach=5.0) * side
    assert max(low, high) == pytest.approx(5.0, rel=0.05)
    assert min(low, high) == pytest.approx(-2.88, rel=0.05)


def test_bulk_of_a_column_with_two_values_holds_both() -> None:
    values = np.where(np.arange(100) < 90, 0.0, 1.0)
    np.testing.assert_array_equal(bulk(values, percentiles=(0.1, 99.9), reach=5.0), [0.0, 1.0])


def test_objects_are_placed_along_the_direction_in_which_a_quantity_rises() -> None:
    rng = np.random.default_rng(4)
    latents = rng.normal(size=(400, 3)).astype(np.float32)
    along = latents @ np.array([0.6, 0.0, -0.8])
    keep = rng.random(400) < 0.7
    values = np.where(rng.random(400) < 0.1, np.nan, np.exp(5 * along))  # a long tail, and gaps
    found = rising_along(latents, values, keep)
    assert np.isnan(found[~keep]).all()
    assert np.corrcoef(found[keep], along[keep])[0, 1] > 0.999
    with pytest.raises(ValueError, match="needs 5 objects"):
        rising_along(latents, values, np.arange(400) < 3)


def test_turned_latents_keep_distances_and_lie_in_runs(rng: np.random.Generator) -> None:
    latents = (rng.normal(size=(4000, 3)) @ rng.normal(size=(3, 3))).astype(np.float32)
    points = turned(latents)
    covariance = np.cov(points.T)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-9
    np.testing.assert_allclose(
        np.linalg.norm(points[1:] - points[0], axis=1),
        np.linalg.norm((latents[1:] - latents[0]).astype(float), axis=1), rtol=1e-5,
    )  # fmt: skip
    order = leaf_order(points)
    np.testing.assert_array_equal(np.sort(order), np.arange(4000))
    steps = np.linalg.norm(np.diff(points[order], axis=0), axis=1)
    assert np.median(steps) < 0.5 * np.median(np.linalg.norm(np.diff(points, axis=0), axis=1))
