"""The first convolution of the encoder together with its max-pool.

One channel becomes 128 at every pixel, and the pool keeps one pixel in five: written one after
the other, nearly all time goes into memory traffic. Here the five convolutions that meet in a
pooled pixel are computed in turn, a few spectra at a time, and only their maximum is kept. Mean
and variance of the full result, which the instance norm needs, follow from the covariance of
neighbouring pixels.

    pooled_convolution(flux, weight, pool) -> (n_galaxy, n_pooled, n_channel)
    convolution_moments(flux, weight) -> mean, variance
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

ROWS_ON_CPU, ROWS_ON_GPU = 4, 256
"""Spectra worked on at once: on a CPU what a core's cache holds."""


def pooled_convolution(flux: Tensor, weight: Tensor, pool: int) -> Tensor:
    """Return max_pool1d(conv1d(flux, weight, padding="same"), pool, padding=pool // 2).

    Args:
        flux: Spectra, shape (n_galaxy, n_pixel).
        weight: Kernels, shape (n_channel, kernel); `kernel` odd.
        pool: Pixels pooled, odd.

    Returns:
        Shape (n_galaxy, n_pooled, n_channel): channels last.
    """
    learning = torch.is_grad_enabled() and (flux.requires_grad or weight.requires_grad)
    return _PooledConvolution.apply(flux, weight, pool, learning)


def convolution_moments(flux: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance over pixels of conv1d(flux, weight, padding="same").

    Args:
        flux: Spectra, shape (n_galaxy, n_pixel).
        weight: Kernels, shape (n_channel, kernel).

    Returns:
        Two tensors of shape (n_galaxy, 1, n_channel).
    """
    kernel = weight.shape[1]
    pixels = functional.pad(flux, (kernel // 2, kernel // 2)).unfold(1, kernel, 1).double()
    mean = pixels.mean(dim=1, keepdim=True)  # (galaxy, 1, kernel)
    centred = pixels - mean
    covariance = centred.transpose(1, 2) @ centred / flux.shape[1]  # (galaxy, kernel, kernel)
    kernels = weight.double().T  # (kernel, channel)
    variance = (covariance @ kernels * kernels).sum(dim=1, keepdim=True)
    return (mean @ kernels).to(flux.dtype), variance.to(flux.dtype)


class _PooledConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, flux: Tensor, weight: Tensor, pool: int, learning: bool) -> Tensor:  # noqa: ANN401
        n_pooled = (flux.shape[1] + 2 * (pool // 2) - pool) // pool + 1
        best = flux.new_empty(len(flux), n_pooled, len(weight))
        winner = torch.zeros_like(best, dtype=torch.uint8)  # offset of the maximum in its pool
        for rows in _slices(flux):
            windows = _windows(flux[rows], kernel=weight.shape[1], pool=pool, n_pooled=n_pooled)
            torch.matmul(windows[0], weight.T, out=best[rows])
            _forbid_outside(best[rows], 0, flux.shape[1], pool)
            for offset in range(1, pool):
                value = windows[offset] @ weight.T
                _forbid_outside(value, offset, flux.shape[1], pool)
                if learning:
                    wins = (value > best[rows]).view(torch.uint8).mul_(offset)
                    torch.maximum(winner[rows], wins, out=winner[rows])
                torch.maximum(best[rows], value, out=best[rows])
        ctx.save_for_backward(flux, weight, winner)
        ctx.pool = pool
        return best

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor, None, None]:  # noqa: ANN401
        flux, weight, winner = ctx.saved_tensors
        (grad,), pool, kernel = grads, ctx.pool, weight.shape[1]
        grad_weight = torch.zeros_like(weight)
        margin, n_pooled = kernel // 2 + pool // 2, grad.shape[1]
        padded = _padded(flux, kernel=kernel, pool=pool, n_pooled=n_pooled)
        grad_padded = torch.zeros_like(padded) if ctx.needs_input_grad[0] else None
        for rows in _slices(flux):
            full = grad.new_zeros(len(flux[rows]), n_pooled, pool, len(weight))
            full.scatter_(2, winner[rows, :, None].long(), grad[rows, :, None])
            full = full.flatten(1, 2)  # (galaxy, pixel, channel): gradient before the pool
            windows = padded[rows].unfold(1, kernel, 1)
            grad_weight += full.flatten(0, 1).T @ windows.flatten(0, 1)
            if grad_padded is not None:
                for offset, taps in enumerate((full @ weight).unbind(2)):
                    grad_padded[rows, offset : offset + taps.shape[1]] += taps
        if grad_padded is None:
            return None, grad_weight, None, None
        return grad_padded[:, margin : margin + flux.shape[1]], grad_weight, None, None


def _slices(flux: Tensor) -> list[slice]:
    rows = ROWS_ON_CPU if flux.device.type == "cpu" else ROWS_ON_GPU
    return [slice(start, start + rows) for start in range(0, len(flux), rows)]


def _padded(flux: Tensor, *, kernel: int, pool: int, n_pooled: int) -> Tensor:
    """Add zeros on both sides, so that the first window of the first pool starts at pixel 0."""
    margin = kernel // 2 + pool // 2
    length = pool * n_pooled + kernel - 1
    return functional.pad(flux, (margin, length - margin - flux.shape[1]))


def _windows(flux: Tensor, *, kernel: int, pool: int, n_pooled: int) -> list[Tensor]:
    """Return for each offset in the pool what the kernels see: (galaxy, n_pooled, kernel)."""
    padded = _padded(flux, kernel=kernel, pool=pool, n_pooled=n_pooled)
    span = pool * (n_pooled - 1) + kernel
    return [padded[:, o : o + span].unfold(1, kernel, pool) for o in range(pool)]


def _forbid_outside(value: Tensor, offset: int, n_pixel: int, pool: int) -> None:
    """Set pixels before the first or after the last one to minus infinity, in place."""
    if offset < pool // 2:
        value[:, 0] = -torch.inf
    if pool * (value.shape[1] - 1) - pool // 2 + offset >= n_pixel:
        value[:, -1] = -torch.inf
