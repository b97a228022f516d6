"""Fits principal components to spectra with gaps and known noise.

Components, mean and coefficients are fitted alternately by weighted least squares, so that masked
pixels and the ends that a redshift moves out of the band count for nothing (Bailey 2012,
arXiv:1208.4122).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from data.arrays import IntArray
from data.parts import read_parts
from data.spectra import SpectrumSource
from model.linear.pca import PCA, PCAConfig, weighted_products
from model.rest_frame_model import row_slices

CPU = torch.device("cpu")


def fit_pca(
    source: SpectrumSource,
    indices: IntArray,
    *,
    config: PCAConfig,
    seed: int,
    max_galaxy: int = 10_000,
    n_iteration: int = 15,
    progress: bool = False,
    device: torch.device = CPU,
) -> PCA:
    """Fit a PCA to some spectra of a source.

    Args:
        source: Where the spectra are.
        indices: Rows to learn from.
        config: What to build.
        seed: Of the choice of rows where there are more than `max_galaxy`.
        max_galaxy: Spectra held in memory, 8 bytes a rest-frame pixel.
        n_iteration: Rounds at most; it stops when chi2 falls by less than 1e-4 of itself.
        progress: Show a bar.
        device: Where to work; the PCA stays there.

    Raises:
        ValueError: Fewer spectra than components.
    """
    rows = choose_rows(indices, config, seed=seed, max_galaxy=max_galaxy)
    model = PCA(config).to(device)
    rest, weight = read_rest_frame(model, source, rows, progress=progress)
    _start(model, rest, weight)
    last = np.inf
    for _ in tqdm(range(n_iteration), desc="pca", disable=not progress):
        latents = torch.cat(
            [model.coefficients(rest[part], weight[part]) for part in row_slices(len(rest))]
        )
        _improve(model, rest, weight, latents)
        chi2 = _chi2(model, rest, weight, latents)
        _rotate(model, latents)
        if chi2 > last * (1 - 1e-4):
            break
        last = chi2
    return model


def choose_rows(indices: IntArray, config: PCAConfig, *, seed: int, max_galaxy: int) -> IntArray:
    """Return at most `max_galaxy` of some rows, increasing.

    Raises:
        ValueError: Fewer spectra than components.
    """
    rows = np.asarray(indices)
    if len(rows) > max_galaxy:
        rows = np.sort(np.random.default_rng(seed).choice(rows, max_galaxy, replace=False))
    if len(rows) <= config.n_latent:
        raise ValueError(
            f"a model of {config.n_latent} components needs more spectra than that, got {len(rows)}"
        )
    return rows


def read_rest_frame(
    model: PCA, source: SpectrumSource, rows: IntArray, *, progress: bool
) -> tuple[Tensor, Tensor]:
    """Return flux and weights of rows on the model's rest grid, each of shape (n, n_rest)."""
    rest = torch.empty(len(rows), model.rest_grid.n_pixel, device=model.device)
    weight = torch.empty_like(rest)
    batches = list(row_slices(len(rows)))
    for part in tqdm(batches, desc="reading", disable=not progress, unit="block"):
        for places, spectra in read_parts(source, rows[part]):
            moved = model.rest_frame(*model.tensors(spectra), grid=spectra.grid)
            rest[part.start + places], weight[part.start + places] = moved
    return rest, weight


def _start(model: PCA, rest: Tensor, weight: Tensor) -> None:
    """Start from the plain principal components of spectra whose gaps are filled by the mean."""
    total = weight.sum(dim=0)
    model.mean = _fill((weight * rest).sum(dim=0) / total.clamp(min=1e-30), total > 0)
    some = slice(0, max(1000, 4 * model.n_latent))
    filled = torch.where(weight[some] > 0, rest[some] - model.mean, 0)
    _, values, axes = torch.linalg.svd(filled.cpu(), full_matrices=False)
    model.components = axes[: model.n_latent].contiguous().to(model.device)
    model.variance = (values[: model.n_latent] ** 2 / len(filled) + 1e-12).to(model.device)


def _improve(model: PCA, rest: Tensor, weight: Tensor, latents: Tensor) -> None:
    """Solve for mean and components of each pixel, given the coefficients."""
    design = torch.cat([torch.ones_like(latents[:, :1]), latents], dim=1)
    normal = latents.new_zeros(rest.shape[1], design.shape[1], design.shape[1])
    right = latents.new_zeros(rest.shape[1], design.shape[1])
    for part in row_slices(len(rest)):
        normal += weighted_products(weight[part].T, design[part])
        right += (weight[part] * rest[part]).T @ design[part]
    seen = normal[:, 0, 0]
    # A prior of 0 with the weight of one typical object, for pixels that few objects cover.
    one_object = seen.mean() / len(rest)
    ridge = one_object * torch.cat([latents.new_full((1,), 1e-6), latents.var(dim=0)])
    normal = normal + torch.diag(ridge.clamp(min=1e-20))
    solved = torch.linalg.solve(normal.double(), right.double()).float().T
    observed = seen > 0
    model.mean = _fill(solved[0], observed)
    model.components = torch.where(observed, solved[1:], 0)


def _chi2(model: PCA, rest: Tensor, weight: Tensor, latents: Tensor) -> float:
    total = 0.0
    for part in row_slices(len(rest)):
        residual = rest[part] - model.decode_tensor(latents[part])
        total += float((weight[part] * residual**2).sum())
    return total


def _rotate(model: PCA, latents: Tensor) -> None:
    """Make components orthonormal, coefficients uncorrelated and ordered by variance."""
    middle = latents.mean(dim=0)
    model.mean = model.mean + middle @ model.components
    centred = (latents - middle).double()
    covariance = centred.T @ centred / len(centred)
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp(min=0).sqrt()
    _, scale, axes = torch.linalg.svd(root.T @ model.components.double(), full_matrices=False)
    sign = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True)).sign()
    model.components = (axes * sign).float().contiguous()  # so that, saved, it gives the same bits
    model.variance = (scale**2).clamp(min=1e-12).float()


def _fill(values: Tensor, seen: Tensor) -> Tensor:
    """Carry the nearest observed value into pixels that no object shows."""
    known = np.flatnonzero(seen.cpu().numpy())
    if not len(known):
        raise ValueError("no spectrum shows any pixel of the rest grid; check z and ivar")
    nearest = np.interp(np.arange(len(values)), known, values.cpu().numpy()[known])
    return torch.as_tensor(nearest).to(values)
