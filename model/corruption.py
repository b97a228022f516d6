"""What telescopes and pipelines do to spectra, so that an encoder learns to look past it.

Flux calibration off by a smooth curve and a step where the arms of the spectrograph meet, missing
stretches, residuals of the sky, more noise. The sizes are those of 284 SDSS and BOSS files: 11
repeat observations, 48 files with single exposures, 162 spectra of galaxies.

    corrupt(flux, ivar, generator, Corruption(corrupt=True)) -> (flux, ivar)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from data.commands import setting

WAVES = 3
"""Cosines of the smooth error: half a wave over the grid, a whole one, one and a half."""
WIDEST_GAP = 0.14
"""Of the grid: the longest stretch without data of those files has 547 pixels."""
JOINTS = (0.3, 0.7)
"""Where arms meet, as a share of the grid: 0.50 for SDSS, 0.44 for BOSS, 0.35 and 0.64 for DESI."""
SKY_WIDTH = 101
"""Pixels over which the noise without sky lines is the mean of all."""


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """How augmented spectra are corrupted."""

    corrupt: bool = setting(
        default=False, help="corrupt augmented spectra as real ones are; the sizes follow"
    )
    warp: float = setting(
        default=0.03, help="smooth error of the flux calibration, r.m.s., relative"
    )
    arm_step: float = setting(default=0.02, help="step where arms meet, r.m.s., relative")
    gap: float = setting(default=0.17, help="share of spectra with a stretch without data")
    sky_residual: float = setting(
        default=0.8, help="sky left or taken too much, r.m.s., over the noise of the sky lines"
    )
    fainter: float = setting(default=2.0, help="noise grows by a factor of 1 to this")

    def __post_init__(self) -> None:
        """Refuse what is no size or share."""
        for name in ("warp", "arm_step", "gap", "sky_residual"):
            if not 0 <= getattr(self, name) <= (1 if name != "sky_residual" else math.inf):
                raise ValueError(f"{name} must lie in 0..1, got {getattr(self, name)}")
        if not 1 <= self.fainter < math.inf:
            raise ValueError(f"fainter must be at least 1, got {self.fainter}")


def corrupt(
    flux: Tensor, ivar: Tensor, generator: torch.Generator, corruption: Corruption
) -> tuple[Tensor, Tensor]:
    """Corrupt spectra, each in its own way.

    Args:
        flux: Flux, finite, shape (n_galaxy, n_pixel).
        ivar: Inverse variance, 0 where masked, same shape.
        generator: Of random numbers, on the device of `flux`.
        corruption: What happens to them, and how much.

    Returns:
        Flux, and its inverse variance: the noise that is added is known to it, the rest not.
    """
    response = _response(flux, generator, corruption)
    sigma = torch.where(ivar > 0, ivar.clamp_min(1e-30).rsqrt(), 0)
    flux = flux + _sky(sigma, generator, corruption.sky_residual)
    more = corruption.fainter ** _uniform(flux, generator)
    noise = torch.randn(flux.shape, generator=generator, device=flux.device)
    flux = flux + (more.square() - 1).clamp_min(0).sqrt() * sigma * noise
    kept = _kept(flux, generator, corruption.gap)
    return flux * response * kept, ivar * kept / (more * response).square()


def _uniform(flux: Tensor, generator: torch.Generator) -> Tensor:
    """Return a random number in 0..1 for each spectrum, shape (n_galaxy, 1)."""
    return torch.rand((len(flux), 1), generator=generator, device=flux.device)


def _response(flux: Tensor, generator: torch.Generator, corruption: Corruption) -> Tensor:
    """Return the error of the flux calibration as a factor, shape of `flux`."""
    n_galaxy, n_pixel = flux.shape
    place = torch.linspace(0, 1, n_pixel, device=flux.device)
    orders = torch.arange(1, WAVES + 1, device=flux.device)[:, None]
    waves = math.sqrt(2 / WAVES) * torch.cos(math.pi * orders * place)
    random = torch.randn((n_galaxy, WAVES + 1), generator=generator, device=flux.device)
    joint = JOINTS[0] + (JOINTS[1] - JOINTS[0]) * _uniform(flux, generator)
    step = torch.where(place < joint, -0.5, 0.5) * random[:, WAVES:]
    return (corruption.warp * random[:, :WAVES] @ waves + corruption.arm_step * step).exp()


def _sky(sigma: Tensor, generator: torch.Generator, size: float) -> Tensor:
    """Return what is left of the sky: its lines, as the noise shows them, with one factor each."""
    seen = (sigma > 0).to(sigma.dtype)
    total, count = (
        functional.avg_pool1d(item[:, None], SKY_WIDTH, 1, SKY_WIDTH // 2)[:, 0]
        for item in (sigma, seen)
    )
    excess = (sigma - total / count.clamp_min(1e-6)).clamp_min(0) * seen
    factor = torch.randn((len(sigma), 1), generator=generator, device=sigma.device)
    return size * factor * excess


def _kept(flux: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Return false where a stretch is missing, in a share of the spectra, shape of `flux`."""
    width = WIDEST_GAP * _uniform(flux, generator) * (_uniform(flux, generator) < share)
    start = _uniform(flux, generator) * (1 - width)
    place = torch.linspace(0, 1, flux.shape[1], device=flux.device)
    return (place < start) | (place >= start + width)
