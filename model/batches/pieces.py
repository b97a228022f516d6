"""Spectra read from a source in pieces, and rows gathered from several of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from data.arrays import IndexArray
from data.spectra import Spectra


@dataclass(frozen=True)
class Piece:
    """Spectra read from the source and their rows, increasing."""

    rows: IndexArray
    spectra: Spectra


def take_rows(pieces: list[Piece], rows: IndexArray) -> tuple[Tensor, Tensor, Tensor]:
    """Gather rows that lie in one or several pieces."""
    n_pixel = pieces[0].spectra.grid.n_pixel
    flux = np.empty((len(rows), n_pixel), dtype=np.float32)
    ivar, z = np.empty_like(flux), np.empty(len(rows), dtype=np.float32)
    for piece in pieces:
        index = np.searchsorted(piece.rows, rows).clip(max=len(piece.rows) - 1)
        here = piece.rows[index] == rows
        flux[here] = piece.spectra.flux[index[here]]
        ivar[here] = piece.spectra.ivar[index[here]]
        z[here] = piece.spectra.z[index[here]]
    return torch.from_numpy(flux), torch.from_numpy(ivar), torch.from_numpy(z)


def keep_rows(pieces: list[Piece], rows: IndexArray) -> list[Piece]:
    """Copy those of some rows that the pieces hold, so that the pieces' memory can go."""
    rows = np.unique(rows)
    rows = rows[np.isin(rows, np.concatenate([piece.rows for piece in pieces]))]
    if not len(rows):
        return []
    flux, ivar, z = (tensor.numpy() for tensor in take_rows(pieces, rows))
    return [Piece(rows, Spectra(grid=pieces[0].spectra.grid, flux=flux, ivar=ivar, z=z))]
