"""The encoder of SPENDER: attentive convolutions from an observed spectrum to latents.

Melchior+2022 (arXiv:2211.07890), section 3.1, after Serra+2018 (arXiv:1805.03908).

    Encoder(n_latent=6, channels=CHANNELS, redshift_input=False)
    encoder(flux[, z]) -> latents        encoder.features(flux) -> (values, attention)

Three blocks of convolution, instance norm, PReLU and max-pool. Norm and PReLU (of slope >= 0) are
monotone, so that pooling before them gives the same result on a fraction of the pixels. A
bias before an instance norm has no effect, so there is none. Convolutions run in autocast's
precision, everything else in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from data.arrays import IntArray
from model.networks.pooled_convolution import convolution_moments, pooled_convolution
from model.networks.pooled_moments import pooled_moments
from model.networks.spectral_convolution import KernelSpectrum

CHANNELS = (128, 256, 512)
"""Channels of the three convolutions in Melchior+2022; half of the last ones are attention."""
KERNELS = (5, 11, 21)
POOLS = (5, 11)
SEGMENT_STEP = POOLS[0] * POOLS[1]
"""Pixels from one attention segment to the next; segment k is centred on pixel 55 k."""
HIDDEN = (128, 64, 32)
NORM_EPS = 1e-5
ROWS_ON_CPU = 16
"""Spectra that the wide blocks work on at once on a CPU: what its cache holds."""


class Encoder(nn.Module):
    """Spectrum -> attended features -> latents, for spectra of any length."""

    def __init__(
        self,
        n_latent: int,
        *,
        channels: tuple[int, ...] = CHANNELS,
        redshift_input: bool = False,
    ) -> None:
        """Build the network.

        Args:
            n_latent: Number of latents S.
            channels: Output channels of the three convolutions, the last even.
            redshift_input: Feed z to the MLP beside the features, as in Melchior+2022;
                Liang+2023 leaves it out.
        """
        super().__init__()
        self.redshift_input = redshift_input
        self.conv1 = nn.Conv1d(1, channels[0], KERNELS[0], bias=False)
        self.conv2 = nn.Conv1d(channels[0], channels[1], KERNELS[1], bias=False)
        self.conv3 = nn.Conv1d(channels[1], channels[2], KERNELS[2], bias=False)
        self.act1, self.act2, self.act3 = (nn.PReLU(n_channel) for n_channel in channels)
        sizes = (channels[2] // 2 + redshift_input, *HIDDEN)
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
        """Return values and attention, both of shape (n_galaxy, n_channel, n_segment).

        n_channel is half of the last convolution's channels (256 in Melchior+2022). Segment k is
        centred on pixel 55 k; attention sums to 1 over the segments.
        """
        n_pooled = -(-flux.shape[1] // POOLS[0])
        convolve2 = _convolution(self.conv2.weight, flux, n_pooled)
        convolve3 = _convolution(self.conv3.weight, flux, -(-n_pooled // POOLS[1]))
        with torch.autocast(flux.device.type, enabled=False):
            rows = ROWS_ON_CPU if flux.device.type == "cpu" else len(flux)
            parts = []
            for part in flux.float().split(rows):
                x = _first_block(part, self.conv1.weight[:, 0], self.act1.weight)
                parts.append(_wide_block(x, convolve2, self.act2.weight, pool=POOLS[1]))
            x = _wide_block(torch.cat(parts), convolve3, self.act3.weight)
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


def attention_offset(weight: Tensor) -> IntArray:
    """Return how far from a segment's centre each attention channel looks, in whole segments.

    It is the centre of gravity of the weights' energy over the taps of the channel's kernel,
    above the median tap: sharp in a trained network, 0 on average in an untrained one.

    Args:
        weight: Of the last convolution, shape (2 n_channel, n_in, kernel); its second half makes
            the attention.

    Returns:
        Shape (n_channel,).
    """
    keys = weight.detach().cpu().numpy()[len(weight) // 2 :]
    energy = np.square(keys, dtype=float).sum(axis=1)  # (channel, tap)
    excess = (energy - np.median(energy, axis=1, keepdims=True)).clip(0)
    tap = np.arange(energy.shape[1]) - energy.shape[1] // 2
    return np.rint(excess @ tap / excess.sum(axis=1).clip(1e-30)).astype(np.int64)


def channels_of(weights: Mapping[str, NDArray[Any] | Tensor]) -> tuple[int, ...]:
    """Return the channels of the encoders whose weights are given, by the shapes of the kernels.

    Args:
        weights: A state dict; its names may carry any prefix.

    Raises:
        KeyError: There is no encoder among the weights.
    """
    kernels = {".".join(name.split(".")[-2:]): weight for name, weight in weights.items()}
    return tuple(kernels[f"conv{number}.weight"].shape[0] for number in (1, 2, 3))


def _first_block(flux: Tensor, weight: Tensor, slope: Tensor) -> Tensor:
    """Return shape (n_galaxy, n_pooled, n_channel) from spectra."""
    mean, variance = convolution_moments(flux, weight)
    highest = pooled_convolution(flux, weight, POOLS[0])
    return _activate(
        highest,
        lambda: -pooled_convolution(flux, -weight, POOLS[0]),
        mean=mean,
        variance=variance,
        slope=slope,
    )


def _wide_block(
    x: Tensor, convolve: Callable[[Tensor], Tensor], slope: Tensor, *, pool: int = 1
) -> Tensor:
    """Convolve, normalise, activate and pool (n_galaxy, n_pixel, n_in), channels last."""
    y = convolve(x)
    highest, mean, variance = pooled_moments(y, pool)
    return _activate(
        highest,
        lambda: -pooled_moments(-y, pool)[0],
        mean=mean,
        variance=variance,
        slope=slope,
    )


def _convolution(weight: Tensor, flux: Tensor, n_pixel: int) -> Callable[[Tensor], Tensor]:
    """Return the quickest way to convolve (n_galaxy, n_pixel, n_in), in autocast's precision.

    Args:
        weight: Kernels, shape (n_out, n_in, kernel).
        flux: The spectra to be encoded: their device and number decide.
        n_pixel: Pixels of what will be convolved.
    """
    device, dtype = flux.device.type, torch.float32
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
    with torch.autocast(device, enabled=False):
        if device == "cpu" and dtype == torch.float32 and len(flux) >= ROWS_ON_CPU:
            return KernelSpectrum.of(weight, n_pixel=n_pixel).convolve
        kernel = weight.to(dtype)[:, :, None].contiguous(memory_format=torch.channels_last)

    def convolve(x: Tensor) -> Tensor:
        image = x.to(dtype).transpose(1, 2)[:, :, None]  # nothing moves in memory
        image = functional.conv2d(image, kernel, padding=(0, kernel.shape[3] // 2))
        return image[:, :, 0].transpose(1, 2)

    return convolve


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
