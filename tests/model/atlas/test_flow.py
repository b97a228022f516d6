import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from model.atlas.flow import FlowConfig, LatentFlow, fit_flow

QUICK = FlowConfig(max_steps=500, batch_size=512)


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
    entropy = truth.entropy() - np.log(flow.std).sum()
    assert report.valid_loss == pytest.approx(entropy, abs=0.1)


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


def test_flow_read_equals_flow_written(gaussian, tmp_path):
    latents, _, flow, _ = gaussian
    flow.save(tmp_path / "flow.safetensors")
    again = LatentFlow.load(tmp_path / "flow.safetensors")
    np.testing.assert_array_equal(again.log_p(latents[:100]), flow.log_p(latents[:100]))
    assert again.config == flow.config


def test_same_seed_same_flow_and_the_global_generator_is_left_alone():
    latents = np.random.default_rng(1).normal(size=(200, 2)).astype(np.float32)
    config = FlowConfig(max_steps=60)
    torch.manual_seed(4)
    first = fit_flow(latents, config)[0].log_p(latents)
    after = torch.rand(1)
    torch.manual_seed(4)
    assert torch.rand(1) == after
    np.testing.assert_array_equal(first, fit_flow(latents, config)[0].log_p(latents))
    other = fit_flow(latents, FlowConfig(max_steps=60, seed=1))[0].log_p(latents)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("n_latent", [1, 2, 10])
def test_fifty_objects_are_enough(n_latent):
    latents = np.random.default_rng(0).normal(size=(50, n_latent)).astype(np.float32)
    flow, report = fit_flow(latents, QUICK)
    assert np.isfinite(flow.log_p(latents)).all()
    assert report.steps < QUICK.max_steps, "held-out objects must stop it early"


def test_a_latent_that_never_changes_does_no_harm():
    latents = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    latents[:, 1] = 2.5
    flow, _ = fit_flow(latents, FlowConfig(max_steps=100))
    assert np.isfinite(flow.log_p(latents)).all()


def test_bad_input_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="at least 20 objects, got 3"):
        fit_flow(np.zeros((3, 2), np.float32), QUICK)
    with pytest.raises(ValueError, match="not a readable flow"):
        LatentFlow.load(tmp_path / "none.safetensors")
    (tmp_path / "flow.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(ValueError, match="not a readable flow"):
        LatentFlow.load(tmp_path / "flow.safetensors")
