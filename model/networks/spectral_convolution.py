"""Convolution with wide kernels through the Fourier transform, for float32 on a CPU.

The spectra are cut into overlapping blocks (overlap-save); transforms are products with small
cosine and sine matrices, so that all of it is matrix multiplication, with a third to a sixth of
the multiplications of the plain convolution and a smaller rounding error.

    kernel = KernelSpectrum.of(weight, n_pixel=785)
    kernel.convolve(x) -> conv1d(x, weight, padding="same"), channels last
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


class KernelSpectrum(NamedTuple):
    """The transform of a set of kernels, made once for many spectra.

    Attributes:
        real: Shape (n_frequency, n_in, n_out).
        imaginary: Same shape.
        block: Pixels transformed at once, even.
        kernel: Pixels of the kernels, odd.
    """

    real: Tensor
    imaginary: Tensor
    block: int
    kernel: int

    @classmethod
    def of(cls, weight: Tensor, *, n_pixel: int) -> KernelSpectrum:
        """Transform kernels.

        Args:
            weight: Shape (n_out, n_in, kernel), `kernel` odd.
            n_pixel: Pixels of the spectra they are for; blocks of about five kernels are quickest.
        """
        n_out, n_in, kernel = weight.shape
        useful = -(-n_pixel // -(-n_pixel // (5 * kernel)))
        block = (useful + kernel) // 2 * 2
        cosine, sine = _waves(block)
        taps = weight.permute(2, 1, 0).reshape(kernel, n_in * n_out)
        real, imaginary = (
            (wave[:, :kernel] @ taps).view(-1, n_in, n_out) for wave in (cosine, sine)
        )
        return cls(real, imaginary, block, kernel)

    def convolve(self, x: Tensor) -> Tensor:
        """Convolve spectra.

        Args:
            x: Shape (n_galaxy, n_pixel, n_in).

        Returns:
            Shape (n_galaxy, n_pixel, n_out).
        """
        n_galaxy, n_pixel, n_in = x.shape
        useful = self.block - self.kernel + 1  # pixels of a block that its neighbours do not reach
        n_block = -(-n_pixel // useful)
        margin = self.kernel // 2
        beyond = n_block * useful + self.kernel - 1 - n_pixel - margin
        padded = functional.pad(x, (0, 0, margin, beyond))
        blocks = padded.unfold(1, self.block, useful).transpose(2, 3)
        blocks = blocks.reshape(n_galaxy * n_block, self.block, n_in)
        cosine, sine = _waves(self.block)
        real, imaginary = ((wave @ blocks).transpose(0, 1) for wave in (cosine, -sine))
        # (frequency, galaxy block, channel), times the conjugate of the kernels' transform
        y_real = torch.baddbmm(real @ self.real, imaginary, self.imaginary, alpha=-1)
        y_imaginary = torch.baddbmm(real @ self.imaginary, imaginary, self.real)
        share = _inverse_share(self.block)
        y = (share * cosine).T[:useful] @ y_real.transpose(0, 1)
        y = y - (share * sine).T[:useful] @ y_imaginary.transpose(0, 1)
        return y.view(n_galaxy, n_block * useful, -1)[:, :n_pixel]


@lru_cache(maxsize=8)
def _waves(block: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines, float32, shape (n_frequency, block)."""
    phase = 2 * np.pi * np.outer(np.arange(block // 2 + 1), np.arange(block)) / block
    with torch.inference_mode(False):  # they outlive whatever mode the first caller is in
        cosine, sine = (torch.from_numpy(f(phase)).float() for f in (np.cos, np.sin))
    return cosine, sine


def _inverse_share(block: int) -> Tensor:
    """Return how often each frequency counts in the inverse transform, over `block`."""
    share = torch.full((block // 2 + 1, 1), 2 / block)
    share[0] = share[-1] = 1 / block
    return share
