"""The encoder of SPENDER: attentive convolutions from an observed spectrum to latents.

Melchior+2022 (arXiv:2211.07890), section 3.1, after Serra+2018 (arXiv:1805.03908).

    Encoder(n_latent=6, redshift_input=False)
    encoder(flux[, z]) -> latents        encoder.features(flux) -> (values, attention)

Three blocks of convolution, instance norm, PReLU and max-pool. Norm and PReLU (of slope >= 0) are
monotone, so that pooling before them gives the same result on a fraction of the pixels. A
bias before an instance norm has no effect, so there is none. Convolutions run in autocast's
precision, everything else in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.pooled_convolution import convolution_moments, pooled_convolution

CHANNELS = (128, 256, 512)
KERNELS = (5, 11, 21)
POOLS = (5, 11)
HIDDEN = (128, 64, 32)
NORM_EPS = 1e-5
ROWS_ON_CPU = 16
"""Spectra that the wide blocks work on at once on a CPU: what its cache holds."""


class Encoder(nn.Module):
    """Spectrum -> attended features -> latents, for spectra of any length."""

    def __init__(self, n_latent: int, *, redshift_input: bool = False) -> None:
        """Build the network.

        Args:
            n_latent: Number of latents S.
            redshift_input: Feed z to the MLP beside the features, as in Melchior+2022;
                Liang+2023 leaves it out.
        """
        super().__init__()
        self.redshift_input = redshift_input
        self.conv1 = nn.Conv1d(1, CHANNELS[0], KERNELS[0], bias=False)
        self.conv2 = nn.Conv1d(CHANNELS[0], CHANNELS[1], KERNELS[1], bias=False)
        self.conv3 = nn.Conv1d(CHANNELS[1], CHANNELS[2], KERNELS[2], bias=False)
        self.act1, self.act2, self.act3 = (nn.PReLU(n_channel) for n_channel in CHANNELS)
        sizes = (CHANNELS[2] // 2 + redshift_input, *HIDDEN)
        layers: list[nn.Module] = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [nn.Linear(n_in, n_out), nn.PReLU(n_out)]
        self.mlp = nn.Sequential(*layers, nn.Linear(sizes[-1], n_latent))

    def forward(self, flux: Tensor, z: Tensor | None = None) -> Tensor:
        """Return latents, shape (n_galaxy, n_latent).

        Args:
            flux: Observed spectra, finite, shape (n_galaxy, n_pixel).
            z: Redshifts, shape (n_galaxy,); used with `redshift_input` only.
        """
        return self.latents(*self.features(flux), z)

    def features(self, flux: Tensor) -> tuple[Tensor, Tensor]:
        """Return values and attention, both of shape (n_galaxy, 256, n_segment).

        Segment k is centred on pixel 55 k; attention sums to 1 over the segments.
        """
        dtype = _autocast_dtype(flux)
        with torch.autocast(flux.device.type, enabled=False):
            rows = ROWS_ON_CPU if flux.device.type == "cpu" else len(flux)
            parts = [self._first_blocks(part, dtype) for part in flux.float().split(rows)]
            x = self._wide_block(torch.cat(parts), self.conv3, self.act3, dtype)
            values, keys = x.chunk(2, dim=2)
            return values.transpose(1, 2), torch.softmax(keys, dim=1).transpose(1, 2)

    def latents(self, values: Tensor, attention: Tensor, z: Tensor | None = None) -> Tensor:
        """Return latents, shape (n_galaxy, n_latent), from what `features` returned."""
        with torch.autocast(values.device.type, enabled=False):
            attended = torch.sum(values * attention, dim=2)
            if self.redshift_input:
                if z is None:
                    raise ValueError("this encoder takes the redshift beside the flux: give z")
                attended = torch.cat([attended, z.to(attended.dtype)[:, None]], dim=1)
            return self.mlp(attended)

    def _first_blocks(self, flux: Tensor, dtype: torch.dtype) -> Tensor:
        """Return shape (n_galaxy, n_segment, 256) from spectra: all that works on many pixels."""
        weight = self.conv1.weight[:, 0]
        mean, variance = convolution_moments(flux, weight)
        highest = pooled_convolution(flux, weight, POOLS[0])
        x = _activate(
            highest,
            lambda: -pooled_convolution(flux, -weight, POOLS[0]),
            mean=mean,
            variance=variance,
            slope=self.act1.weight,
        )
        return self._wide_block(x, self.conv2, self.act2, dtype, pool=POOLS[1])

    def _wide_block(
        self, x: Tensor, conv: nn.Conv1d, act: nn.PReLU, dtype: torch.dtype, *, pool: int = 1
    ) -> Tensor:
        """Convolve, normalise, activate and pool (n_galaxy, n_pixel, n_in), channels last."""
        image = x.to(dtype).transpose(1, 2)[:, :, None]  # nothing moves in memory
        kernel = conv.weight.to(dtype)[:, :, None].contiguous(memory_format=torch.channels_last)
        image = functional.conv2d(image, kernel, padding=(0, kernel.shape[3] // 2))
        y = image[:, :, 0].transpose(1, 2)
        highest, mean, variance = pooled_moments(y, pool)
        return _activate(
            highest,
            lambda: -pooled_moments(-y, pool)[0],
            mean=mean,
            variance=variance,
            slope=act.weight,
        )


class _PooledMoments(torch.autograd.Function):
    """Pooled maximum, mean and variance over pixels; keeps for the gradient only its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pool: int) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ANN401
        highest, place = functional.max_pool2d(
            x.transpose(1, 2)[:, :, None], (1, pool), padding=(0, pool // 2), return_indices=True
        )
        wide = x.float()
        mean = wide.mean(dim=1, keepdim=True)
        centred = wide - mean if wide is x else wide.sub_(mean)
        ctx.save_for_backward(x, mean, place[:, :, 0].transpose(1, 2))
        variance = centred.mul_(centred).mean(dim=1, keepdim=True)
        return highest[:, :, 0].transpose(1, 2).float(), mean, variance

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        x, mean, place = ctx.saved_tensors
        grad_mean, grad_variance = (grad / x.shape[1] for grad in grads[1:])
        offset = grad_mean - 2 * grad_variance * mean
        grad = torch.addcmul(offset, x, 2 * grad_variance)
        return grad.scatter_add_(1, place, grads[0]).to(x.dtype), None


def pooled_moments(x: Tensor, pool: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Return the max-pool of x and its mean and variance over all pixels, in float32.

    Args:
        x: Shape (n_galaxy, n_pixel, n_channel), any precision.
        pool: Pixels pooled, odd.

    Returns:
        Shape (n_galaxy, n_pooled, n_channel), and twice (n_galaxy, 1, n_channel).
    """
    return _PooledMoments.apply(x, pool)


def _activate(
    highest: Tensor,
    lowest: Callable[[], Tensor],
    *,
    mean: Tensor,
    variance: Tensor,
    slope: Tensor,
) -> Tensor:
    """Return what max-pool(PReLU(instance norm)) gives, from the extremes of each pool.

    Args:
        highest: Highest value in each pool, shape (n_galaxy, n_pooled, n_channel).
        lowest: Gives the lowest ones.
        mean: Mean over all pixels, shape (n_galaxy, 1, n_channel).
        variance: Variance over all pixels, same shape.
        slope: Of the PReLU, shape (n_channel,).
    """
    scale = torch.rsqrt(variance + NORM_EPS)

    def activated(x: Tensor) -> Tensor:
        x = (x - mean) * scale
        return functional.prelu(x.transpose(1, 2), slope).transpose(1, 2)

    if bool((slope >= 0).all()):
        return activated(highest)
    # A PReLU of negative slope falls, then rises: its maximum is at one end of the pool.
    return torch.maximum(activated(highest), activated(lowest()))


def _autocast_dtype(flux: Tensor) -> torch.dtype:
    device = flux.device.type
    if torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return torch.float32
