"""The transforms of a flow: five masked autoregressive ones (Liang+2023, section 5.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from nflows.transforms import CompositeTransform, MaskedAffineAutoregressiveTransform
from nflows.transforms.permutations import RandomPermutation
from torch import Tensor, nn

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True, kw_only=True)
class FlowConfig:
    """Settings of the flow and its training.

    Attributes:
        n_transform: Masked autoregressive transforms, a permutation after each.
        n_hidden: Hidden features of each of a transform's two blocks.
        n_flow: Flows of an ensemble, whose densities are averaged.
        learning_rate: Of Adam at its start; halved where the validation loss stands still.
        batch_size: Objects of one step at most (Liang+2023: 10,000); a twentieth of a small survey.
        max_passes: Passes over all objects at most (Liang+2023: 2000).
        patience: Checks of the validation loss without gain before the rate is halved.
        valid_fraction: Share of the objects held out for that check (Liang+2023: 0.15).
        seed: Of the weights, the permutations, the split and the batches.
        n_given: Numbers that the density is conditional on.
    """

    n_transform: int = 5
    n_hidden: int = 50
    n_flow: int = 1
    learning_rate: float = 2e-3
    batch_size: int = 10_000
    max_passes: int = 2000
    patience: int = 5
    valid_fraction: float = 0.15
    seed: int = 0
    n_given: int = 0


class Flow(nn.Module):
    """Invertible transforms to a standard normal distribution.

    As `nflows.flows.Flow`, whose import brings matplotlib; the weights have the same names.
    """

    def __init__(self, transform: CompositeTransform, *, n_latent: int, conditional: bool) -> None:
        """Take the transforms, of which each takes what is given if `conditional`."""
        super().__init__()
        self._transform, self.n_latent, self.conditional = transform, n_latent, conditional

    def log_prob(self, values: Tensor, given: Tensor | None = None) -> Tensor:
        """Return the log density of values of shape (n, n_latent), shape (n,)."""
        normal, log_slope = self._transform(values, given if self.conditional else None)
        return log_slope - 0.5 * (normal**2).sum(dim=1) - 0.5 * self.n_latent * LOG_2PI

    def sample(self, n_sample: int) -> Tensor:
        """Draw values of a flow that is not conditional, shape (n_sample, n_latent)."""
        return self._transform.inverse(torch.randn(n_sample, self.n_latent))[0]


def new_flow(config: FlowConfig, n_latent: int, *, seed: int) -> Flow:
    """Return an untrained flow; its weights and permutations follow from the seed."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        transforms = []
        for _ in range(config.n_transform):
            transforms += [
                MaskedAffineAutoregressiveTransform(
                    features=n_latent,
                    hidden_features=config.n_hidden,
                    context_features=config.n_given or None,
                    num_blocks=2,
                    use_residual_blocks=bool(config.n_given),  # only these take a context
                    activation=torch.tanh,
                ),
                RandomPermutation(features=n_latent),
            ]
        return Flow(
            CompositeTransform(transforms), n_latent=n_latent, conditional=config.n_given > 0
        )
