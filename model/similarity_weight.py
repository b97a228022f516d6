"""The weight w' of rest-frame pixels in the similarity loss (Liang+2023, equation 4)."""

from __future__ import annotations

import torch
from torch import Tensor

from data.arrays import IndexArray
from data.grid import WaveGrid
from data.parts import read_parts
from data.spectra import SpectrumSource
from model.losses import rest_weight
from model.networks.redshift import to_rest_frame
from model.splits import evenly

MOST, ROWS = 2048, 256
"""Spectra that the inverse variance is averaged over, at most, and read at a time."""


def similarity_weight(
    kind: str, rest_grid: WaveGrid, source: SpectrumSource, rows: IndexArray
) -> Tensor:
    """Return w' of a training, shape (n_rest,).

    Args:
        kind: `gaussian`, in wavelength, as in the authors' code; `ivar`, the inverse variance at
            rest-frame wavelengths, as in the paper.
        rest_grid: Of the model.
        source: Gives the spectra.
        rows: Spectra to learn from.
    """
    if kind == "gaussian":
        return rest_weight(torch.tensor(rest_grid.wave, dtype=torch.float32))
    return rest_inverse_variance(rest_grid, source, evenly(rows, MOST))


def rest_inverse_variance(rest_grid: WaveGrid, source: SpectrumSource, rows: IndexArray) -> Tensor:
    """Return the mean inverse variance of normalised spectra at rest-frame wavelengths.

    What a spectrum does not show counts as 0, so that a pixel weighs by how often and how well it
    is observed; where nothing is observed the weight is 0.

    Args:
        rest_grid: Where.
        source: Gives the spectra.
        rows: Which; shape (n,).
    """
    total = torch.zeros(rest_grid.n_pixel, dtype=torch.float64)
    for start in range(0, len(rows), ROWS):
        for _, spectra in read_parts(source, rows[start : start + ROWS]):
            ivar = torch.tensor(spectra.ivar, dtype=torch.float32)
            z = torch.tensor(spectra.z, dtype=torch.float64)
            _, weight = to_rest_frame(
                torch.zeros_like(ivar), ivar, z, grid=spectra.grid, rest_grid=rest_grid
            )
            total += weight.double().sum(dim=0)
    return (total / max(len(rows), 1)).float()
