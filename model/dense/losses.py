"""Losses of dense autoencoders (Portillo+2020, equations 12-13; Nicolaou+2025, equations 3-5)."""

from __future__ import annotations

import torch
from torch import Tensor


def misfit_each(flux: Tensor, ivar: Tensor, model: Tensor) -> Tensor:
    """Return 1/2 sum_i ivar_i (x_i - x'_i)^2 of each spectrum, shape (n_galaxy,).

    The Gaussian log-likelihood but for a constant; missing pixels have `ivar` 0.
    """
    return 0.5 * (ivar * (flux - model).square()).sum(dim=1)


def divergence_each(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of each latent Gaussian from a standard one.

    Args:
        mean: Shape (n_galaxy, n_latent).
        log_variance: Same shape.

    Returns:
        Shape (n_galaxy,).
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)


def discrepancy(latents: Tensor, prior: Tensor) -> Tensor:
    """Return the maximum mean discrepancy between latents and draws of the prior.

    Portillo+2020, equation 13, with the kernel of the authors' code: exp(-d^2 / n_latent) of
    a pair at distance d.

    Args:
        latents: Shape (n_galaxy, n_latent).
        prior: Shape (n_draw, n_latent).
    """
    own, other = _kernel(latents, latents).mean(), _kernel(prior, prior).mean()
    return own + other - 2 * _kernel(latents, prior).mean()


def _kernel(one: Tensor, other: Tensor) -> Tensor:
    """Return the kernel of all pairs: one matrix product, not all differences."""
    square = one.square().sum(1)[:, None] + other.square().sum(1) - 2 * one @ other.T
    return torch.exp(-square.clamp(min=0) / one.shape[1])
