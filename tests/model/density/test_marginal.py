import numpy as np
import pytest

from model.density.marginal import fit_marginal


@pytest.fixture(scope="module")
def heavy():
    return np.random.default_rng(3).standard_t(1.5, 5000)


def test_map_is_exactly_invertible_also_beyond_the_data(heavy):
    marginal = fit_marginal(heavy)
    values = np.concatenate([heavy, [3 * heavy.min(), 3 * heavy.max()]])
    scores, _ = marginal.forward(values)
    np.testing.assert_allclose(marginal.inverse(scores), values, rtol=1e-9, atol=1e-9)
    assert np.all(np.diff(scores[np.argsort(values, kind="stable")]) >= 0)


def test_heavy_tails_become_normal(heavy):
    scores, _ = fit_marginal(heavy).forward(heavy)
    assert abs(scores.mean()) < 0.02
    assert scores.std() == pytest.approx(1, abs=0.02)
    assert np.mean(np.abs(scores) > 3) == pytest.approx(0.0027, abs=0.002)


def test_derivative_is_that_of_the_map(heavy):
    marginal = fit_marginal(heavy)
    at = np.linspace(-20, 20, 4001)
    step = 1e-6
    above, below = marginal.forward(at + step)[0], marginal.forward(at - step)[0]
    numerical = np.log((above - below) / (2 * step))
    np.testing.assert_allclose(marginal.forward(at)[1], numerical, atol=1e-4)


@pytest.mark.parametrize("values", [np.full(40, 2.5), np.repeat([0.0, 1.0], 20)])
def test_values_that_hardly_change_do_no_harm(values):
    marginal = fit_marginal(values)
    scores, log_slope = marginal.forward(values)
    assert np.isfinite(scores).all()
    assert np.isfinite(log_slope).all()
    np.testing.assert_allclose(marginal.inverse(scores), values, atol=1e-9)
