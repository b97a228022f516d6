"""The redshift transform: a spectrum moved to another redshift and wavelength grid.

Grids are uniform, so the place of a wavelength follows from arithmetic, without a search
(the analytic transform of Melchior+2022, section 3.2).

    redshift(spectrum, z, source=grid, target=grid) -> (spectrum, valid)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from data.grid import WaveGrid


def redshift(
    spectrum: Tensor, z: Tensor, *, source: WaveGrid, target: WaveGrid
) -> tuple[Tensor, Tensor]:
    """Redshift spectra and interpolate them linearly to another grid.

    Args:
        spectrum: Spectra on `source`, shape (n_galaxy, source.n_pixel).
        z: Redshifts, shape (n_galaxy,). To move an observed spectrum from z1 to z2, give
            (1 + z2) / (1 + z1) - 1.
        source: Grid of the input (of a model: its rest-frame grid).
        target: Grid of the output.

    Returns:
        The spectra, shape (n_galaxy, target.n_pixel), unit of `spectrum`, 0 where `source` does not
        reach; and a boolean tensor of that shape, true where it does.

    Raises:
        ValueError: The shapes do not fit the grid.
    """
    if spectrum.ndim != 2 or spectrum.shape[1] != source.n_pixel:
        raise ValueError(
            f"spectrum must have shape (n_galaxy, {source.n_pixel}), got {tuple(spectrum.shape)}"
        )
    if z.shape != spectrum.shape[:1]:
        raise ValueError(f"z must have shape ({len(spectrum)},), got {tuple(z.shape)}")
    position = source_position(z, source=source, target=target)  # (n_galaxy, n_target) float64
    valid = (position >= 0) & (position <= source.n_pixel - 1)
    left = position.clamp(0, source.n_pixel - 2).floor()
    fraction = (position - left).to(spectrum.dtype)
    index = left.long()
    lower, upper = spectrum.gather(1, index), spectrum.gather(1, index + 1)
    return torch.where(valid, torch.lerp(lower, upper, fraction), 0), valid


def source_position(z: Tensor, *, source: WaveGrid, target: WaveGrid) -> Tensor:
    """Return where each pixel of `target` lies on `source`, in pixels.

    Args:
        z: Redshifts, shape (n_galaxy,).
        source: Grid before redshifting.
        target: Grid after redshifting.

    Returns:
        Fractional pixel indices, float64, shape (n_galaxy, target.n_pixel).
    """
    wave = torch.as_tensor(target.wave.copy(), device=z.device)
    stretch = 1 + z.double()[:, None]
    if source.scale == "linear":
        return (wave / stretch - source.start) / source.step
    return (wave.log() / math.log(10.0) - stretch.log10() - source.start) / source.step
