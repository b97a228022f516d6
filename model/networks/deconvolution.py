"""Rest-frame spectra before the instrument blurred them: what a super-resolution model starts from.

A decoder followed by a line-spread kernel (Melchior+2022, section 4.2) that starts from components
of observed spectra would blur them twice, or learn no kernel. Here the components are deconvolved
with the kernel that the training starts with.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import solveh_banded
from scipy.sparse import csr_array, diags_array
from torch import Tensor

from data.arrays import FloatArray
from data.grid import WaveGrid
from model.networks.spender import Spender

RIDGE = 0.01
"""Squared response of the kernel below which a ripple is left as it was: noise would be amplified
more than 1 / (2 sqrt(RIDGE)) = 5 times."""


def before_line_spread(model: Spender, spectra: Tensor, *, grid: WaveGrid, z: float) -> Tensor:
    """Return rest-frame spectra that a model's line-spread kernel blurs to those given.

    Args:
        model: With a line-spread kernel for the grid; without one, spectra come back as they are.
        spectra: Shape (n_spectrum, n_rest).
        grid: Observed-frame grid.
        z: Redshift at which its pixels are taken; with logarithmic ones any does.
    """
    if not model.line_spreads:
        return spectra
    kernel = model.line_spread_kernels[model.instrument(grid)]
    blur = blurring(model.rest_grid, grid=grid, z=z, kernel=kernel)
    sharp = deconvolved(spectra.double().cpu().numpy(), blur)
    return torch.as_tensor(sharp).to(spectra)


def blurring(rest_grid: WaveGrid, *, grid: WaveGrid, z: float, kernel: FloatArray) -> csr_array:
    """Return the matrix that blurs rest-frame spectra as an instrument does its own pixels.

    Args:
        rest_grid: Rest-frame grid.
        grid: Observed-frame grid, on which the kernel acts.
        z: Redshift.
        kernel: Line-spread kernel, of an odd number of pixels; what of it reaches beyond the rest
            range does not count, as in `model.networks.decoder.LineSpread`.

    Returns:
        Shape (n_rest, n_rest); rows sum to 1.
    """
    n_rest, half = rest_grid.n_pixel, len(kernel) // 2
    pixel = grid.pixel(rest_grid.wave * (1 + z))
    rows = np.arange(n_rest)
    blur = csr_array((n_rest, n_rest))
    for offset, weight in zip(range(-half, half + 1), kernel, strict=True):
        uniform = grid.start + grid.step * (pixel + offset)
        wave = (10.0**uniform if grid.scale == "log" else uniform) / (1 + z)
        at = rest_grid.pixel(wave)
        share = weight * ((at > -1e-6) & (at < n_rest - 1 + 1e-6))
        at = at.clip(0, n_rest - 1)
        low = np.floor(at).astype(int).clip(max=n_rest - 2)
        for column, part in ((low, 1 - (at - low)), (low + 1, at - low)):
            blur = blur + csr_array((share * part, (rows, column)), shape=blur.shape)
    return diags_array(1 / blur.sum(axis=1)) @ blur


def deconvolved(spectra: FloatArray, blur: csr_array) -> FloatArray:
    """Return what, blurred, gives spectra; what the blur wipes out stays as it was.

    Least squares with a penalty on the change from the spectra themselves, so that a continuum
    keeps its level.

    Args:
        spectra: Shape (n_spectrum, n_rest).
        blur: From `blurring`.
    """
    lost, n_rest = spectra.T - blur @ spectra.T, spectra.shape[1]
    normal = (blur.T @ blur + diags_array(np.full(n_rest, RIDGE))).todia()
    width = int(normal.offsets.max())
    bands = np.zeros((width + 1, n_rest))
    for offset, values in zip(normal.offsets, normal.data, strict=True):
        if offset >= 0:
            bands[width - offset] = values
    return spectra + solveh_banded(bands, blur.T @ lost).T
