"""The redshift transform: a spectrum moved to another redshift and wavelength grid.

Grids are uniform, so the pixel of a wavelength follows from arithmetic, without a search
(the analytic transform of Melchior+2022, section 3.2). Between two logarithmic grids of equal
step it is one shift per spectrum.

    redshift(spectrum, z, source=grid, target=grid) -> (spectrum, valid)
    to_rest_frame(flux, weight, z, grid=grid, rest_grid=grid) -> (flux, weight)
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from data.grid import WaveGrid


def redshift(
    spectrum: Tensor, z: Tensor, *, source: WaveGrid, target: WaveGrid
) -> tuple[Tensor, Tensor]:
    """Redshift spectra and interpolate them linearly to another grid.

    Args:
        spectrum: Spectra on `source`, shape (n_galaxy, source.n_pixel).
        z: Redshifts, above -1, shape (n_galaxy,). To move an observed spectrum from z1 to z2, give
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
    stretch = 1 + z.double()[:, None]
    if source.scale == target.scale == "log" and _same_step(source, target):
        return _shift(spectrum, stretch, source=source, target=target)
    return _interpolate(spectrum, stretch, source=source, target=target)


def to_rest_frame(
    flux: Tensor, weight: Tensor, z: Tensor, *, grid: WaveGrid, rest_grid: WaveGrid
) -> tuple[Tensor, Tensor]:
    """Resample observed spectra to a rest-frame grid, leaving masked pixels out.

    Args:
        flux: Shape (n_galaxy, n_pixel).
        weight: 0 where masked, same shape.
        z: Redshifts, float64, shape (n_galaxy,).
        grid: Observed-frame grid.
        rest_grid: Rest-frame grid.

    Returns:
        Weighted linear interpolation of the flux, and the interpolated weight (0 where nothing
        was observed), shape (n_galaxy, n_rest).
    """
    back = 1 / (1 + z) - 1
    total, _ = redshift(weight * flux, back, source=grid, target=rest_grid)
    weight, _ = redshift(weight, back, source=grid, target=rest_grid)
    return total / weight.clamp(min=torch.finfo(weight.dtype).tiny), weight


def _interpolate(
    spectrum: Tensor, stretch: Tensor, *, source: WaveGrid, target: WaveGrid
) -> tuple[Tensor, Tensor]:
    """Redshift by 1 + z = `stretch`, shape (n_galaxy, 1): any two grids."""
    wave = torch.tensor(target.wave, device=stretch.device)
    if source.scale == "linear":
        position = wave * (1 / (stretch * source.step)) - source.start / source.step
    else:
        at_rest = (wave.log() / math.log(10) - source.start) / source.step
        position = at_rest - stretch.log10() / source.step
    valid = (position >= 0) & (position <= source.n_pixel - 1)
    index = position.clamp(0, source.n_pixel - 2).long()
    fraction = position.sub_(index).to(spectrum.dtype)
    lower, upper = spectrum.gather(1, index), spectrum.gather(1, index + 1)
    return torch.lerp(lower, upper, fraction) * valid, valid


def _shift(
    spectrum: Tensor, stretch: Tensor, *, source: WaveGrid, target: WaveGrid
) -> tuple[Tensor, Tensor]:
    """Redshift by 1 + z = `stretch`, shape (n_galaxy, 1): logarithmic grids of equal step.

    The weights of the two pixels are linear in log wavelength; linear in wavelength they would
    differ by less than 3e-5.
    """
    offset = (target.start - source.start - stretch.log10()) / source.step  # in pixels
    offset = offset.clamp(-target.n_pixel - 1, source.n_pixel + 1)
    pixel = torch.arange(target.n_pixel, device=stretch.device)
    valid = (pixel >= (-offset).ceil()) & (pixel <= (source.n_pixel - 1 - offset).floor())
    first = offset.floor()
    window = _Window.apply(spectrum, first[:, 0].long(), target.n_pixel + 1)
    fraction = (offset - first).to(spectrum.dtype)
    return torch.lerp(window[:, :-1], window[:, 1:], fraction) * valid, valid


class _Window(torch.autograd.Function):
    """Pixels first, first + 1, ... of each spectrum, 0 beyond its ends."""

    @staticmethod
    def forward(ctx: Any, spectrum: Tensor, first: Tensor, length: int) -> Tensor:  # noqa: ANN401
        left = max(0, -int(first.min()))
        right = max(0, int(first.max()) + length - spectrum.shape[1])
        rows = torch.arange(len(first), device=first.device)
        ctx.save_for_backward(rows, first + left)
        ctx.sizes = (left, spectrum.shape[1], right)
        return functional.pad(spectrum, (left, right)).unfold(1, length, 1)[rows, first + left]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (grad,), (rows, first), (left, n_pixel, right) = grads, ctx.saved_tensors, ctx.sizes
        padded = grad.new_zeros(len(grad), left + n_pixel + right)
        padded.unfold(1, grad.shape[1], 1)[rows, first] = grad
        return padded[:, left : left + n_pixel], None, None


def _same_step(one: WaveGrid, other: WaveGrid) -> bool:
    """Whether two grids drift apart by less than a thousandth of a pixel."""
    return abs(one.step - other.step) * max(one.n_pixel, other.n_pixel) < 1e-3 * one.step
