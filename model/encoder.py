"""The encoder of SPENDER: attentive convolutions from an observed spectrum to latents.

Melchior+2022 (arXiv:2211.07890), section 3.1, after Serra+2018 (arXiv:1805.03908).

    Encoder(n_latent=6, redshift_input=False)
    encoder(flux[, z]) -> latents        encoder.features(flux) -> (values, attention)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = (128, 256, 512)
KERNELS = (5, 11, 21)
POOLS = (5, 11)
HIDDEN = (128, 64, 32)
NORM_EPS = 1e-5


class ConvBlock(nn.Module):
    """Convolution, instance norm, PReLU and, but for the last block, max-pool.

    Norm and PReLU are monotone where the PReLU slope is not negative, so that pooling first gives
    the same result on a fraction of the pixels; otherwise the order is as written above.
    """

    def __init__(self, n_in: int, n_out: int, *, kernel: int, pool: int = 1) -> None:
        """Build the block; `kernel` and `pool` are in pixels, `pool` 1 pools nothing."""
        super().__init__()
        self.conv = nn.Conv1d(n_in, n_out, kernel, padding=kernel // 2)
        self.act = nn.PReLU(n_out)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """Map (n_galaxy, n_in, n_pixel) to (n_galaxy, n_out, n_pixel / pool)."""
        x = self.conv(x)
        variance, mean = torch.var_mean(x.float(), dim=2, correction=0, keepdim=True)
        pool_first = bool((self.act.weight >= 0).all())
        if pool_first:
            x = self._max_pool(x)
        x = (x - mean) * torch.rsqrt(variance + NORM_EPS)
        x = functional.prelu(x, self.act.weight)
        return x if pool_first else self._max_pool(x)

    def _max_pool(self, x: Tensor) -> Tensor:
        return functional.max_pool1d(x, self.pool, padding=self.pool // 2) if self.pool > 1 else x


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
        self.block1 = ConvBlock(1, CHANNELS[0], kernel=KERNELS[0], pool=POOLS[0])
        self.block2 = ConvBlock(CHANNELS[0], CHANNELS[1], kernel=KERNELS[1], pool=POOLS[1])
        self.block3 = ConvBlock(CHANNELS[1], CHANNELS[2], kernel=KERNELS[2])
        sizes = (CHANNELS[2] // 2 + redshift_input, *HIDDEN)
        layers: list[nn.Module] = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [nn.Linear(n_in, n_out), nn.PReLU(n_out)]
        self.mlp = nn.Sequential(*layers, nn.Linear(sizes[-1], n_latent))

    def features(self, flux: Tensor) -> tuple[Tensor, Tensor]:
        """Return values and attention, both of shape (n_galaxy, 256, n_segment).

        Segment k is centred on pixel 55 k; attention sums to 1 over the segments.
        """
        x = self.block3(self.block2(self.block1(flux[:, None, :])))
        values, keys = x.float().chunk(2, dim=1)
        return values, torch.softmax(keys, dim=2)

    def latents(self, values: Tensor, attention: Tensor, z: Tensor | None = None) -> Tensor:
        """Return latents, shape (n_galaxy, n_latent), from what `features` returned."""
        attended = torch.sum(values * attention, dim=2)
        if self.redshift_input:
            if z is None:
                raise ValueError("this encoder takes the redshift beside the flux: give z")
            attended = torch.cat([attended, z.to(attended.dtype)[:, None]], dim=1)
        return self.mlp(attended)

    def forward(self, flux: Tensor, z: Tensor | None = None) -> Tensor:
        """Return latents, shape (n_galaxy, n_latent).

        Args:
            flux: Observed spectra, finite, shape (n_galaxy, n_pixel).
            z: Redshifts, shape (n_galaxy,); used with `redshift_input` only.
        """
        return self.latents(*self.features(flux), z)
