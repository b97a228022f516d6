"""The decoder of SPENDER: an MLP from latents to a rest-frame spectrum.

Decoder(n_latent=6, n_rest=7000, hidden=(256, 512, 1024), activation="leaky_relu")
decoder(latents) -> rest
LineSpread(size=5)(flux, valid) -> flux        a learnt line-spread function of integral 1
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Activation = Literal["speculator", "leaky_relu"]


class Speculator(nn.Module):
    """x (gamma + (1 - gamma) sigmoid(beta x)): Melchior+2022, equation 3; Alsing+2020, equation 8.

    Starts at beta = 1, gamma = 0, as the paper does.
    """

    def __init__(self, n_unit: int) -> None:
        """Make one beta and one gamma per unit."""
        super().__init__()
        self.beta = nn.Parameter(torch.ones(n_unit))
        self.gamma = nn.Parameter(torch.zeros(n_unit))

    def forward(self, x: Tensor) -> Tensor:
        """Return activations, shape of `x`: (n_galaxy, n_unit)."""
        return (self.gamma + (1 - self.gamma) * torch.sigmoid(self.beta * x)) * x


class Decoder(nn.Module):
    """Latents -> rest-frame spectrum.

    With Speculator activations the output is the deviation from a flat spectrum at 1, the median
    of normalised data (Melchior+2022, section 3.2); with LeakyReLU (Liang+2023) the flux itself.
    """

    def __init__(
        self, *, n_latent: int, n_rest: int, hidden: tuple[int, ...], activation: Activation
    ) -> None:
        """Build the layers; an activation follows every one, the last included.

        Args:
            n_latent: Number of latents.
            n_rest: Number of rest-frame pixels.
            hidden: Sizes of the hidden layers.
            activation: `speculator` or `leaky_relu`.
        """
        super().__init__()
        self.offset = 1.0 if activation == "speculator" else 0.0
        sizes = (n_latent, *hidden, n_rest)
        layers: list[nn.Module] = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
            layers.append(nn.Linear(n_in, n_out))
            layers.append(Speculator(n_out) if activation == "speculator" else nn.LeakyReLU())
        self.mlp = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        """Return rest-frame spectra, shape (n_galaxy, n_rest); in float32 under autocast too.

        The decoder is a hundredth of the work, and half precision would cost 0.2 % of the flux.
        """
        with torch.autocast(latents.device.type, enabled=False):
            return self.mlp(latents.float()) + self.offset


class LineSpread(nn.Module):
    """A learnt kernel on the observed grid, of integral 1: a continuum keeps its level.

    Melchior+2022, section 4.2: it lets a decoder of doubled resolution learn the spectrum before
    the instrument blurred it.
    """

    def __init__(self, size: int) -> None:
        """Start from a Gaussian kernel.

        Args:
            size: Pixels of the kernel, odd.
        """
        super().__init__()
        if size < 1 or size % 2 == 0:
            raise ValueError(f"size of the line-spread kernel must be odd and positive, got {size}")
        offset = torch.arange(size) - size // 2
        self.kernel = nn.Parameter(torch.exp(-0.5 * offset.float() ** 2))

    def forward(self, flux: Tensor, valid: Tensor) -> Tensor:
        """Return blurred spectra: where the kernel reaches no flux, the rest of it counts for all.

        Args:
            flux: 0 where not `valid`, shape (n_galaxy, n_pixel).
            valid: Which pixels have a flux, boolean, same shape.

        Returns:
            The mean flux of the valid pixels, weighted by the kernel; 0 where not `valid`.
        """
        share = torch.where(valid, self._sum(valid.to(flux.dtype)), 1)
        return self._sum(flux) / share * valid

    def _sum(self, values: Tensor) -> Tensor:
        kernel = (self.kernel / self.kernel.sum()).to(values.dtype)
        return functional.conv1d(values[:, None], kernel[None, None], padding="same")[:, 0]
