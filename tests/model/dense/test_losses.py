"""Losses of dense autoencoders against other ways to compute them."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from model.dense.losses import discrepancy, divergence_each, misfit_each


def test_misfit_is_the_gaussian_log_likelihood_but_for_a_constant() -> None:
    flux, model = torch.randn(2, 3, 50).double()
    ivar = torch.rand(3, 50).double() + 0.1
    gaussian = -Normal(model, ivar.rsqrt()).log_prob(flux).sum(dim=1)
    best = -Normal(flux, ivar.rsqrt()).log_prob(flux).sum(dim=1)
    torch.testing.assert_close(misfit_each(flux, ivar, model), gaussian - best)
    ivar[0, 7], flux[0, 7] = 0, 1e6
    assert misfit_each(flux, ivar, model)[0] < 1e6


def test_divergence_is_that_of_torch() -> None:
    mean, log_variance = torch.randn(2, 5, 4).double()
    latent = Normal(mean, (0.5 * log_variance).exp())
    expected = kl_divergence(latent, Normal(torch.zeros_like(mean), torch.ones_like(mean)))
    torch.testing.assert_close(divergence_each(mean, log_variance), expected.sum(dim=1))


def test_discrepancy_is_the_papers_sum_over_pairs() -> None:
    latents, prior = torch.randn(7, 3).double(), torch.randn(11, 3).double()

    def mean_kernel(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        pairs = [torch.exp(-((u - v) ** 2).mean()) for u in one for v in other]
        return torch.stack(pairs).mean()

    expected = (
        mean_kernel(latents, latents) - 2 * mean_kernel(latents, prior) + mean_kernel(prior, prior)
    )
    torch.testing.assert_close(discrepancy(latents, prior), expected)


def test_discrepancy_tells_the_prior_from_another_distribution() -> None:
    draws = torch.Generator().manual_seed(1)
    prior, alike, wide = (torch.randn(2000, 2, generator=draws) for _ in range(3))
    same = float(discrepancy(alike, prior))
    assert same == pytest.approx(0, abs=5e-3)
    assert float(discrepancy(3 * wide, prior)) > 20 * same
