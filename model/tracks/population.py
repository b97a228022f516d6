"""The spectra of a group of objects: mean, median, quantiles, and how two groups differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from data.arrays import FloatArray, IndexArray
from data.parts import read_parts
from data.spectra import SpectrumSource
from model.interface import SpectrumModel
from model.tracks.stack import Stack, rest_frame, stack_rest

QUANTILES = (0.16, 0.5, 0.84)
"""Of the spread of a group: its median and the middle 68 %."""


@dataclass(frozen=True, kw_only=True)
class Population:
    """Rest-frame spectra of a group.

    Attributes:
        stack: Weighted mean and its error.
        quantiles: `QUANTILES` of the flux of the objects that show a pixel, NaN where none
            does, shape (3, n_rest). Noise of single spectra is part of their spread.
        n_object: Objects of the group.
    """

    stack: Stack
    quantiles: FloatArray
    n_object: int


def read_populations(
    source: SpectrumSource,
    model: SpectrumModel,
    groups: Mapping[str, IndexArray],
    *,
    most: int = 300,
    seed: int = 0,
) -> dict[str, Population]:
    """Read and stack groups of objects on the model's rest grid; slow.

    Args:
        source: Where the spectra are.
        model: Gives the rest grid.
        groups: Name -> rows; each needs one at least.
        most: Objects read for each group, drawn at random.
        seed: Of the draw.

    Raises:
        ValueError: A group is empty.
    """
    empty = [name for name, rows in groups.items() if not len(rows)]
    if empty:
        raise ValueError(f"{empty[0]} holds no object")
    rng = np.random.default_rng(seed)
    drawn = {
        name: np.sort(rng.permutation(rows)[:most]).astype(np.int64)
        for name, rows in groups.items()
    }
    unique = np.unique(np.concatenate(list(drawn.values())))
    flux = torch.empty(len(unique), model.rest_grid.n_pixel)
    weight = torch.empty_like(flux)
    for places, spectra in read_parts(source, unique):
        flux[places], weight[places] = rest_frame(spectra, rest_grid=model.rest_grid)
    populations = {}
    for name, rows in drawn.items():
        these = np.searchsorted(unique, rows)
        populations[name] = Population(
            stack=stack_rest(flux[these], weight[these], wave=model.rest_grid.wave),
            quantiles=quantiles(flux[these], weight[these]),
            n_object=len(groups[name]),
        )
    return populations


def quantiles(flux: Tensor, weight: Tensor) -> FloatArray:
    """Return `QUANTILES` of rest-frame spectra, each object counting once, shape (3, n_rest).

    Args:
        flux: Normalised, shape (n_galaxy, n_rest).
        weight: 0 where nothing was observed, same shape.
    """
    seen = torch.where(weight > 0, flux, torch.nan)
    return torch.nanquantile(seen, torch.tensor(QUANTILES), dim=0).numpy()


def difference(first: Stack, second: Stack) -> tuple[FloatArray, FloatArray]:
    """Return how two mean spectra differ, and the standard error of that, shape (n_rest,) each.

    The errors of the two means add in squares: the groups are taken for independent, which makes
    the error too large where they share objects.
    """
    return first.flux - second.flux, np.hypot(first.error, second.error)
