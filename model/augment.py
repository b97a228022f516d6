"""Augmentation: the same galaxies at other redshifts, noisier, partly masked, on any device.

augment(flux, ivar, z, grid, generator, z_max=0.5, noise=0.05, mask=0.05)
    -> (flux, ivar, z_new)
"""

from __future__ import annotations

import torch
from torch import Tensor

from data.grid import WaveGrid
from model.corruption import Corruption, corrupt
from model.networks.redshift import redshift

Z_MAX, NOISE, MASK = 0.5, 0.05, 0.05
"""Highest new redshift; share of pixels made noisier; share of pixels masked."""
NOISE_AMPLITUDE = 0.2
"""Standard deviation of added noise over the mean flux of the spectrum.

Over the highest flux, as in spender, it would be tens of times the continuum of an emission-line
galaxy: measured, the latents of redshifted copies then came out nearly twice as far from the
originals.
"""


def augment(
    flux: Tensor,
    ivar: Tensor,
    z: Tensor,
    grid: WaveGrid,
    generator: torch.Generator,
    z_max: float = Z_MAX,
    noise: float = NOISE,
    mask: float = MASK,
    corruption: Corruption | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Move spectra to new redshifts (Liang+2023, section 3.1), add noise, mask a block.

    Args:
        flux: Normalised flux, finite, shape (n_galaxy, n_pixel).
        ivar: Inverse variance, 0 where masked, same shape.
        z: Redshifts, shape (n_galaxy,).
        grid: Grid of the spectra.
        generator: Of random numbers, on the device of `flux`.
        z_max: New redshifts are uniform in 0..z_max.
        noise: Share of pixels that get noise of 0.2 times the mean flux.
        mask: Share of pixels in one masked block, placed at random in each spectrum.
        corruption: What else happens to them, if its switch is on.

    Returns:
        Flux and inverse variance, both 0 outside the overlap of the old and the new window and in
        the masked block; and the new redshifts.
    """
    random = {"generator": generator, "device": flux.device}
    z_new = z_max * torch.rand(z.shape, dtype=z.dtype, **random)
    flux, ivar = move(flux, ivar, (1 + z_new) / (1 + z) - 1, grid)
    if corruption is not None and corruption.corrupt:
        flux, ivar = corrupt(flux, ivar, generator, corruption)
    if noise > 0:
        hit = torch.rand(flux.shape, **random) < noise
        seen = ivar > 0
        mean = (flux * seen).sum(dim=1, keepdim=True) / seen.sum(dim=1, keepdim=True).clamp_min(1)
        sigma = NOISE_AMPLITUDE * mean.clamp_min(0) * hit
        flux = flux + sigma * torch.randn(flux.shape, **random) * seen
        ivar = ivar / (1 + ivar * sigma.square())
    if mask > 0:
        width = round(mask * grid.n_pixel)
        start = torch.rand((len(flux), 1), **random) * (grid.n_pixel - width + 1)
        pixel = torch.arange(grid.n_pixel, device=flux.device)
        keep = (pixel < start.floor()) | (pixel >= start.floor() + width)
        flux, ivar = flux * keep, ivar * keep
    return flux, ivar, z_new


def move(flux: Tensor, ivar: Tensor, shift: Tensor, grid: WaveGrid) -> tuple[Tensor, Tensor]:
    """Redshift observed spectra by (1 + shift) on their own grid.

    A pixel interpolated from a masked one is masked. Flux and ivar are 0 outside the overlap.
    """
    moved, valid = redshift(flux, shift, source=grid, target=grid)
    moved_ivar, _ = redshift(ivar, shift, source=grid, target=grid)
    masked, _ = redshift((ivar <= 0).to(ivar.dtype), shift, source=grid, target=grid)
    return moved, moved_ivar * (valid & (masked == 0))
