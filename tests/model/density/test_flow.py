import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from scipy.stats import t as student_t

from model.density.fit import STEPS_OF_A_CHECK, _loss, _until_check, fit_flow, two_sample
from model.density.flow import LatentFlow
from model.density.network import FlowConfig, new_flow

QUICK = FlowConfig(max_passes=25)


@pytest.fixture(scope="module")
def gaussian():
    rng = np.random.default_rng(5)
    covariance = np.array([[4.0, 1.2, 0.0], [1.2, 1.0, 0.3], [0.0, 0.3, 0.25]])
    mean = np.array([10.0, -3.0, 0.5])
    latents = rng.multivariate_normal(mean, covariance, size=4000).astype(np.float32)
    truth = multivariate_normal(mean, covariance)
    flow, report = fit_flow(latents, QUICK)
    return latents, truth, flow, report


def test_density_of_a_gaussian_is_found_in_its_own_units(gaussian):
    latents, truth, flow, report = gaussian
    fresh = truth.rvs(2000, random_state=np.random.default_rng(8)).astype(np.float32)
    difference = flow.log_p(fresh) - truth.logpdf(fresh)
    assert abs(difference.mean()) < 0.05
    assert np.median(np.abs(difference)) < 0.15
    assert report.valid_log_p == pytest.approx(-truth.entropy(), abs=0.1)


def test_density_integrates_to_one():
    rng = np.random.default_rng(3)
    radius = 2 + 0.2 * rng.normal(size=3000)
    angle = rng.uniform(0, np.pi, 3000)
    latents = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    flow, _ = fit_flow(latents.astype(np.float32), QUICK)
    axis = np.linspace(-8, 8, 401)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    total = np.exp(flow.log_p(grid)).sum() * (axis[1] - axis[0]) ** 2
    assert total == pytest.approx(1, abs=0.03)


def test_far_objects_are_improbable(gaussian):
    latents, _, flow, _ = gaussian
    far = latents[:20] + np.float32([0, 8, 0])
    assert flow.log_p(far).max() < np.percentile(flow.log_p(latents), 0.5)


def test_samples_are_like_the_latents(gaussian):
    latents, _, flow, _ = gaussian
    drawn = flow.sample(4000, seed=1)
    np.testing.assert_array_equal(drawn, flow.sample(4000, seed=1))
    np.testing.assert_allclose(drawn.mean(axis=0), latents.mean(axis=0), atol=0.15)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(latents.T), atol=0.4)


def test_samples_lie_within_the_latents():
    """Where a flow hardly saw an object it may stretch space without bounds: nothing comes out."""
    latents = np.random.default_rng(6).standard_t(1.5, size=(600, 3)).astype(np.float32)
    flow, _ = fit_flow(latents, QUICK)
    drawn = flow.sample(20_000, seed=3)
    assert (drawn >= latents.min(axis=0) - 1e-3).all()
    assert (drawn <= latents.max(axis=0) + 1e-3).all()
    assert len(np.unique(drawn, axis=0)) == len(drawn)


def test_flow_read_equals_flow_written(gaussian, tmp_path):
    latents, _, flow, _ = gaussian
    flow.save(tmp_path / "flow.safetensors")
    again = LatentFlow.load(tmp_path / "flow.safetensors")
    np.testing.assert_array_equal(again.log_p(latents[:100]), flow.log_p(latents[:100]))
    assert again.config == flow.config


def test_same_seed_same_flow_and_the_global_generator_is_left_alone():
    latents = np.random.default_rng(1).normal(size=(200, 2)).astype(np.float32)
    config = FlowConfig(max_passes=5)
    torch.manual_seed(4)
    first = fit_flow(latents, config)[0].log_p(latents)
    after = torch.rand(1)
    torch.manual_seed(4)
    assert torch.rand(1) == after
    np.testing.assert_array_equal(first, fit_flow(latents, config)[0].log_p(latents))
    other = fit_flow(latents, FlowConfig(max_passes=5, seed=1))[0].log_p(latents)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("n_latent", [1, 2, 10])
def test_fifty_objects_are_enough(n_latent):
    latents = np.random.default_rng(0).normal(size=(50, n_latent)).astype(np.float32)
    flow, report = fit_flow(latents, QUICK)
    assert np.isfinite(flow.log_p(latents)).all()
    assert np.isfinite(report.valid_log_p)


def test_held_out_objects_stop_the_training():
    latents = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    _, report = fit_flow(latents, FlowConfig(max_passes=400))
    assert report.steps < 400


@pytest.mark.parametrize(("n_batch", "n_check"), [(3, 1), (60, 1), (80, 2), (1000, 20)])
def test_long_passes_are_checked_on_the_way_and_see_every_object_once(n_batch, n_check):
    stretches = list(_until_check(n_batch * 5 - 2, 5, 2, torch.Generator().manual_seed(1)))
    assert len(stretches) == 2 * n_check
    assert max(len(stretch) for stretch in stretches) <= 1.5 * STEPS_OF_A_CHECK
    for stretch_of_pass in (stretches[:n_check], stretches[n_check:]):
        seen = torch.cat([batch for stretch in stretch_of_pass for batch in stretch])
        assert seen.sort().values.equal(torch.arange(n_batch * 5 - 2))


def test_heavy_tails_are_followed():
    rng = np.random.default_rng(4)
    latents = rng.standard_t(2, size=(3000, 2)).astype(np.float32)
    flow, report = fit_flow(latents, QUICK)
    fresh = rng.standard_t(2, size=(3000, 2))
    fresh = fresh[np.abs(fresh).max(axis=1) < np.abs(latents).max() / 2]
    truth = student_t(2).logpdf(fresh).sum(axis=1)
    difference = flow.log_p(fresh) - truth
    assert np.median(np.abs(difference)) < 0.2
    assert np.mean(difference < -2) < 0.01
    assert abs(report.two_sample - 0.5) < 5 * report.two_sample_error


def test_an_ensemble_averages_densities(tmp_path):
    latents = np.random.default_rng(1).normal(size=(300, 2)).astype(np.float32)
    both, _ = fit_flow(latents, FlowConfig(max_passes=3, n_flow=2, seed=4))
    both.save(tmp_path / "flow.safetensors")
    again = LatentFlow.load(tmp_path / "flow.safetensors")
    np.testing.assert_array_equal(both.log_p(latents), again.log_p(latents))
    single = [LatentFlow(both.config, mean=both.mean, std=both.std, flows=[flow],
                         marginals=both.marginals) for flow in both._flows]  # fmt: skip
    densities = [np.exp(one.log_p(latents)) for one in single]
    np.testing.assert_allclose(np.exp(both.log_p(latents)), np.mean(densities, axis=0), rtol=1e-5)
    assert both.sample(7, seed=0).shape == (7, 2)


def test_a_conditional_density_is_that_at_what_is_given(rng, tmp_path):
    given = rng.normal(size=(1500, 2)) + [0, 50]
    latents = (3 * given[:, :1] + 0.1 * rng.normal(size=(1500, 2))).astype(np.float32)
    flow, report = fit_flow(latents, QUICK, given=given)
    flow.save(tmp_path / "flow.safetensors")
    again = LatentFlow.load(tmp_path / "flow.safetensors")
    np.testing.assert_array_equal(again.log_p(latents, given), flow.log_p(latents, given))
    # Latents that are common, but not where these are: 10 sigma off.
    moved = np.median(flow.log_p(latents, given)) - np.median(flow.log_p(latents + 1, given))
    assert moved > 10
    assert report.valid_log_p == pytest.approx(-2 * (0.5 + np.log(0.1 * np.sqrt(2 * np.pi))), abs=1)
    with pytest.raises(ValueError, match="conditional on 2 numbers"):
        flow.log_p(latents)


def test_a_few_outliers_do_not_tell_when_to_stop(rng):
    flow = new_flow(FlowConfig(), 3, seed=0)
    values = torch.as_tensor(rng.normal(size=(1000, 3)), dtype=torch.float32)
    moved = values.clone()
    moved[::100] *= 300
    assert abs(_loss(flow, moved) - _loss(flow, values)) < 0.1
    assert -flow.log_prob(moved).mean() > -flow.log_prob(values).mean() + 10


@pytest.mark.parametrize("n_latent", [2, 10])
def test_error_of_the_two_sample_test_is_its_scatter(n_latent):
    rng, n_trial = np.random.default_rng(0), 200
    drawn = rng.normal(size=(n_trial, 2, 150, n_latent))
    shares, errors = np.array([two_sample(*pair, seed=0) for pair in drawn]).T
    scatter = np.std(shares, ddof=1)
    assert np.mean(errors) == pytest.approx(scatter, rel=3.5 / np.sqrt(2 * n_trial))
    assert np.mean(shares) == pytest.approx(0.5, abs=4 * scatter / np.sqrt(n_trial))


def test_two_samples_of_one_distribution_can_not_be_told_apart(rng):
    first, second = rng.normal(size=(2, 2000, 3))
    same, error = two_sample(first, second, seed=0)
    assert abs(same - 0.5) < 4 * error
    other, _ = two_sample(first, second + 0.5, seed=0)
    assert other > 0.5 + 6 * error


def test_a_latent_that_never_changes_does_no_harm():
    latents = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    latents[:, 1] = 2.5
    flow, _ = fit_flow(latents, FlowConfig(max_passes=20))
    assert np.isfinite(flow.log_p(latents)).all()


def test_bad_input_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="at least 20 objects, got 3"):
        fit_flow(np.zeros((3, 2), np.float32), QUICK)
    with pytest.raises(ValueError, match="not a readable flow"):
        LatentFlow.load(tmp_path / "none.safetensors")
    (tmp_path / "flow.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(ValueError, match="not a readable flow"):
        LatentFlow.load(tmp_path / "flow.safetensors")
