"""Max-pool, mean and variance of convolved spectra, with a gradient of little memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class _PooledMoments(torch.autograd.Function):
    """Pooled maximum, mean and variance over pixels; keeps for the gradient only its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pool: int) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ANN401
        highest, winner = functional.max_pool2d(
            x.transpose(1, 2)[:, :, None], (1, pool), padding=(0, pool // 2), return_indices=True
        )
        wide = x.float()
        mean = wide.mean(dim=1, keepdim=True)
        centred = wide - mean if wide is x else wide.sub_(mean)
        ctx.save_for_backward(x, mean, winner[:, :, 0].transpose(1, 2))
        variance = centred.mul_(centred).mean(dim=1, keepdim=True)
        return highest[:, :, 0].transpose(1, 2).float(), mean, variance

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        x, mean, winner = ctx.saved_tensors
        grad_mean, grad_variance = (grad / x.shape[1] for grad in grads[1:])
        offset = grad_mean - 2 * grad_variance * mean
        grad = torch.addcmul(offset, x, 2 * grad_variance)
        return grad.scatter_add_(1, winner, grads[0]).to(x.dtype), None


def pooled_moments(x: Tensor, pool: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Return the max-pool of x and its mean and variance over all pixels, in float32.

    Args:
        x: Shape (n_galaxy, n_pixel, n_channel), any precision.
        pool: Pixels pooled, odd.

    Returns:
        Shape (n_galaxy, n_pooled, n_channel), and twice (n_galaxy, 1, n_channel).
    """
    return _PooledMoments.apply(x, pool)
