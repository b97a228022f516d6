"""Losses against their formulas, written out naively."""

import numpy as np
import pytest
import torch

from model.losses import (
    MATCHED_SIMILARITY,
    consistency_loss,
    fidelity_each,
    fidelity_loss,
    fit_amplitude,
    normalise_rest,
    rest_weight,
    similarity_loss,
    slope_schedule,
    squared_distances,
)


def _naive_similarity(latents, rest, weight, k0, k1, scale_free=False):
    """Equations 3 and 4 of Liang+2023 in float64, all pairs at once."""
    latent = ((latents[:, None] - latents[None]) ** 2).mean(-1)
    spectral = (weight * (rest[:, None] - rest[None]) ** 2).mean(-1)
    if scale_free:
        n = len(latents)
        latent, spectral = (d * n * (n - 1) / d.sum() for d in (latent, spectral))
    difference = k1 * (latent - spectral)
    return (1 / (1 + np.exp(k0 - difference)) + 1 / (1 + np.exp(k0 + difference))).mean()


def test_fidelity_is_the_formula(rng):
    x, model, w = (rng.uniform(0.5, 2, (5, 40)) for _ in range(3))
    valid = rng.random((5, 40)) < 0.8
    expected = np.mean(
        [(0.5 * w[i] * valid[i] * (x[i] - model[i]) ** 2).sum() / 40 for i in range(5)]
    )
    ours = fidelity_loss(*(torch.tensor(a) for a in (x, w, model, valid)))
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_a_model_equal_up_to_the_noise_has_a_fidelity_of_one_half(rng):
    ivar = rng.uniform(1, 30, (200, 500))
    flux = 1 + rng.normal(size=ivar.shape) / np.sqrt(ivar)
    one = torch.ones(ivar.shape)
    ours = fidelity_loss(torch.tensor(flux), torch.tensor(ivar), one, one.bool())
    np.testing.assert_allclose(ours, 0.5, atol=0.01)


def test_masked_pixels_do_not_count_in_the_fidelity(rng):
    flux = torch.tensor(rng.normal(size=(2, 10)))
    ivar = torch.zeros(2, 10)
    ivar[0, 3] = 4.0
    each = fidelity_each(flux, ivar, torch.zeros(2, 10), torch.ones(2, 10, dtype=torch.bool))
    np.testing.assert_allclose(each, [0.5 * 4 * flux[0, 3] ** 2 / 10, 0], rtol=1e-6)


@pytest.mark.parametrize("scale_free", [False, True])
def test_similarity_is_the_formula(rng, scale_free):
    latents, rest = rng.normal(size=(9, 3)), 1 + 0.3 * rng.normal(size=(9, 50))
    weight = rng.uniform(0, 20, 50)
    ours = similarity_loss(
        *(torch.tensor(a, dtype=torch.float32) for a in (latents, rest, weight)),
        2.5,
        3.0,
        scale_free,
    )
    expected = _naive_similarity(latents, rest, weight, 2.5, 3.0, scale_free)
    np.testing.assert_allclose(ours, expected, rtol=2e-6)


def test_similarity_of_proportional_distances_is_its_floor(rng):
    latents = torch.tensor(rng.normal(size=(20, 4)), dtype=torch.float32)
    ours = similarity_loss(latents, latents, torch.ones(4), 2.5, 5.0)
    np.testing.assert_allclose(ours, MATCHED_SIMILARITY, atol=1e-4)


def test_distances_of_nearly_equal_spectra_keep_their_digits(rng):
    rest = 100 + 1e-3 * rng.normal(size=(16, 7000))
    points = torch.tensor(rest, dtype=torch.float32)
    exact = points.double().numpy()
    expected = ((exact[:, None] - exact[None]) ** 2).sum(-1)
    ours = squared_distances(points).numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-6 * expected.max())
    assert not np.diag(ours).any()


def test_similarity_has_the_gradient_of_the_formula(rng):
    latents = torch.tensor(rng.normal(size=(6, 2)), requires_grad=True)
    rest = torch.tensor(1 + 0.2 * rng.normal(size=(6, 30)), requires_grad=True)
    weight = torch.tensor(rng.uniform(0, 5, 30))
    similarity_loss(latents, rest, weight, 2.5, 4.0).backward()
    ours = latents.grad.clone(), rest.grad.clone()
    latents.grad = rest.grad = None
    latent = ((latents[:, None] - latents[None]) ** 2).mean(-1)
    spectral = (weight * (rest[:, None] - rest[None]) ** 2).mean(-1)
    difference = 4.0 * (latent - spectral)
    (torch.sigmoid(difference - 2.5) + torch.sigmoid(-difference - 2.5)).mean().backward()
    np.testing.assert_allclose(ours[0], latents.grad, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(ours[1], rest.grad, rtol=1e-4, atol=1e-7)


def test_pairwise_losses_stay_in_float32_under_autocast(rng):
    latents = torch.tensor(rng.normal(size=(32, 6)), dtype=torch.float32)
    rest = torch.tensor(1 + 0.1 * rng.normal(size=(32, 700)), dtype=torch.float32)
    weight = torch.full((700,), 20.0)
    plain = similarity_loss(latents, rest, weight), consistency_loss(latents, latents + 0.05)
    with torch.autocast("cpu", torch.bfloat16):
        cast = similarity_loss(latents, rest, weight), consistency_loss(latents, latents + 0.05)
    assert plain == cast


def test_consistency_is_the_formula(rng):
    s, s_aug = rng.normal(size=(7, 6)), rng.normal(size=(7, 6))
    distance = ((s - s_aug) ** 2).sum(1) / (0.3**2 * 6)
    expected = np.mean(1 / (1 + np.exp(-distance)) - 0.5)
    ours = consistency_loss(torch.tensor(s), torch.tensor(s_aug), sigma=0.3)
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    assert consistency_loss(torch.tensor(s), torch.tensor(s)) == 0


@pytest.mark.parametrize("factor", [0.01, 30.0])
def test_scale_free_losses_ignore_the_scale_of_the_latents(rng, factor):
    s, s_aug = (torch.tensor(rng.normal(size=(12, 4)), dtype=torch.float32) for _ in range(2))
    rest, weight = torch.tensor(rng.normal(size=(12, 90)), dtype=torch.float32), torch.ones(90)
    for scale_free, agree in ((True, True), (False, False)):
        one = consistency_loss(s, s_aug, scale_free=scale_free)
        other = consistency_loss(factor * s, factor * s_aug, scale_free=scale_free)
        if agree:
            np.testing.assert_allclose(one, other, rtol=1e-5)
        one = similarity_loss(s, rest, weight, scale_free=scale_free)
        other = similarity_loss(factor * s, 2 * rest, weight, scale_free=scale_free)
        assert np.isclose(one, other, rtol=1e-5) == agree


def test_a_single_spectrum_has_a_similarity_and_no_scale_free_consistency():
    one = torch.ones(1, 3)
    assert torch.isfinite(similarity_loss(one, one, torch.ones(3), scale_free=True))
    assert consistency_loss(one, one + 1, scale_free=True) == 0


def test_slope_rises_in_each_cycle():
    slopes = [slope_schedule(p, k1_max=5, n_cycle=4) for p in np.linspace(0, 1, 41)]
    assert slopes[0] == 0
    assert slopes[-1] == 5
    assert max(slopes) == 5
    drops = np.flatnonzero(np.diff(slopes) < 0)
    assert len(drops) == 3
    assert slope_schedule(0.0, k1_max=5, n_cycle=0) == slope_schedule(0.3, 5, 0) == 5
    with pytest.raises(ValueError, match=r"progress must lie in 0\.\.1"):
        slope_schedule(1.2)


def test_rest_weight_is_that_of_spender():
    wave = torch.linspace(2359, 9332, 7000)
    theirs = 20 * torch.exp(-((0.5 * (wave - 5000) / 1000) ** 2))
    np.testing.assert_allclose(rest_weight(wave), theirs, rtol=2e-3, atol=1e-4)


def test_normalised_models_have_a_median_of_one(rng):
    wave = torch.linspace(2359, 9332, 700)
    rest = normalise_rest(torch.tensor(rng.uniform(1, 3, (4, 700))), wave)
    inside = (wave > 4000) & (wave < 7000)
    np.testing.assert_allclose(rest[:, inside].median(dim=1).values, 1)


def test_fitted_amplitude_is_the_weighted_least_squares_solution(rng):
    model = torch.tensor(rng.uniform(0.5, 1.5, (4, 100)))
    ivar = torch.tensor(rng.uniform(0, 3, (4, 100)))
    ivar[3] = 0  # nothing observed
    factor = torch.tensor([0.5, 1.0, 3.0, 7.0])[:, None]
    np.testing.assert_allclose(fit_amplitude(factor * model, ivar, model), [0.5, 1, 3, 1])
    noisy = factor * model + torch.tensor(rng.normal(size=(4, 100)))
    best = fit_amplitude(noisy, ivar, model)[:3, None]

    def chi2(a):
        return (ivar[:3] * (noisy[:3] - a * model[:3]) ** 2).sum(1)

    assert (chi2(best) < chi2(best + 0.01)).all()
    assert (chi2(best) < chi2(best - 0.01)).all()
