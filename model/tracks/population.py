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
from model.tracks.stack import Stack, noise_behind, rest_frame, stack_rest

QUANTILES = (0.16, 0.5, 0.84)
"""Of the spread of a group: its median and the middle 68 %."""
MOST_READ = 300
"""Objects of a group that are read, drawn at random."""
LEAST_PIXELS = 5
"""Pixels of a window that a spectrum must show to be divided by its median there."""
MEDIAN_ERROR = np.sqrt(np.pi / 2)
"""Standard error of the median of normal values over that of their mean."""
FEW = 10
"""Objects below which their middle 68 % tells their spread too small."""


@dataclass(frozen=True, kw_only=True)
class Population:
    """Rest-frame spectra of a group.

    Attributes:
        stack: Weighted mean and its error.
        quantiles: `QUANTILES` of the flux of the objects that show a pixel, NaN where none
            does, shape (3, n_rest). Noise of single spectra is part of their spread.
        n_object: Objects of the group.
        n_left_out: Objects read that could not be brought to a common scale.
    """

    stack: Stack
    quantiles: FloatArray
    n_object: int
    n_left_out: int = 0

    @property
    def median_error(self) -> FloatArray:
        """Standard error of the median, from the middle 68 % as of normal values; (n_rest,).

        Of one object it is that of its noise, of few not less than their scatter says.
        """
        low, _middle, high = self.quantiles
        with np.errstate(divide="ignore", invalid="ignore"):
            error = MEDIAN_ERROR * (high - low) / 2 / np.sqrt(self.stack.count)
        alone, few = self.stack.count == 1, self.stack.count < FEW
        least = np.where(alone, 1.0, MEDIAN_ERROR) * self.stack.error
        return np.where(few, np.fmax(error, least), error)


def read_populations(
    source: SpectrumSource,
    model: SpectrumModel,
    groups: Mapping[str, IndexArray],
    *,
    most: int = MOST_READ,
    seed: int = 0,
    window: tuple[float, float] | None = None,
    norms: FloatArray | None = None,
) -> dict[str, Population]:
    """Read and stack groups of objects on the model's rest grid; slow.

    Args:
        source: Where the spectra are.
        model: Gives the rest grid.
        groups: Name -> rows; each needs one at least.
        most: Objects read for each group, drawn at random.
        seed: Of the draw.
        window: Divide each spectrum by its median flux between these rest-frame wavelengths,
            Angstrom; None leaves them as they are stored.
        norms: What to multiply each row of the source by, shape (n_object,): the `norm` of the
            catalogue gives physical flux. Weights stay those of normalised flux, or the faintest
            would decide.

    Raises:
        ValueError: A group is empty, or no object of it shows the window.
    """
    drawn = _drawn(groups, most=most, seed=seed)
    unique, wave = np.unique(np.concatenate(list(drawn.values()))), model.rest_grid.wave
    flux = torch.empty(len(unique), len(wave))
    weight = torch.empty_like(flux)
    for places, spectra in read_parts(source, unique):
        flux[places], weight[places] = rest_frame(spectra, rest_grid=model.rest_grid)
    noise = noise_behind(weight)
    scale = torch.ones(len(unique)) if norms is None else torch.tensor(norms[unique])
    if window is not None:
        median = window_median(flux, weight, wave, window)
        scale, weight = scale / median, weight * median[:, None] ** 2
    good = torch.isfinite(scale) & (scale > 0)
    flux, noise = flux * scale[:, None].float(), noise * scale[:, None]
    populations = {}
    for name, rows in drawn.items():
        these = np.searchsorted(unique, rows)
        these = these[good[these].numpy()]
        if not len(these):
            raise ValueError(f"no object of {name!r} has flux to be scaled by; choose another")
        populations[name] = Population(
            stack=stack_rest(flux[these], weight[these], wave=wave, noise=noise[these]),
            quantiles=quantiles(flux[these], weight[these]),
            n_object=len(groups[name]),
            n_left_out=len(rows) - len(these),
        )
    return populations


def _drawn(groups: Mapping[str, IndexArray], *, most: int, seed: int) -> dict[str, IndexArray]:
    """Return the rows of each group that are read, increasing.

    Raises:
        ValueError: A group is empty.
    """
    empty = [name for name, rows in groups.items() if not len(rows)]
    if empty:
        raise ValueError(f"{empty[0]} holds no object")
    rng = np.random.default_rng(seed)
    return {
        name: np.sort(rng.permutation(rows)[:most]).astype(np.int64)
        for name, rows in groups.items()
    }


def window_median(
    flux: Tensor, weight: Tensor, wave: FloatArray, window: tuple[float, float]
) -> Tensor:
    """Return the median flux of each spectrum in a window, NaN where it shows too little of it.

    Args:
        flux: Rest-frame spectra, shape (n_galaxy, n_rest).
        weight: 0 where nothing was observed, same shape.
        wave: Rest-frame wavelengths, Angstrom, shape (n_rest,).
        window: Rest-frame limits, Angstrom.
    """
    inside = torch.tensor((wave >= window[0]) & (wave <= window[1]))
    seen = torch.where(weight[:, inside] > 0, flux[:, inside], torch.nan)
    if not seen.shape[1]:
        return torch.full((len(flux),), torch.nan)
    enough = torch.isfinite(seen).sum(dim=1) >= LEAST_PIXELS
    return torch.where(enough, torch.nanquantile(seen, 0.5, dim=1), torch.nan)


def quantiles(flux: Tensor, weight: Tensor) -> FloatArray:
    """Return `QUANTILES` of rest-frame spectra, each object counting once, shape (3, n_rest).

    Args:
        flux: Normalised, shape (n_galaxy, n_rest).
        weight: 0 where nothing was observed, same shape.
    """
    seen = torch.where(weight > 0, flux, torch.nan)
    return torch.nanquantile(seen, torch.tensor(QUANTILES), dim=0).numpy()


def median_difference(first: Population, second: Population) -> tuple[FloatArray, FloatArray]:
    """Return how two medians differ, and the standard error of that, shape (n_rest,) each."""
    gap = first.quantiles[1] - second.quantiles[1]
    return gap, np.hypot(first.median_error, second.median_error)


def difference(first: Stack, second: Stack) -> tuple[FloatArray, FloatArray]:
    """Return how two mean spectra differ, and the standard error of that, shape (n_rest,) each.

    The errors of the two means add in squares: the groups are taken for independent, which makes
    the error too large where they share objects.
    """
    return first.flux - second.flux, np.hypot(first.error, second.error)
