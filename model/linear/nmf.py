"""Non-negative matrix factorisation of rest-frame spectra with gaps and known noise.

A spectrum is a sum of components with coefficients, neither of them negative (Blanton & Roweis
2007, AJ 133, 734; compared in Portillo+2020, Fig. 3). Fitted by alternating non-negative weighted
least squares, so that negative pixels of noise need no clipping. scikit-learn's NMF has no weights.

    model = fit_nmf(source, rows, config=PCAConfig(n_latent=10), seed=0)
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from data.arrays import BoolArray, FloatArray, IntArray
from data.spectra import SpectrumSource
from model.linear.fit import choose_rows, read_rest_frame
from model.linear.pca import PCA, PCAConfig, weighted_products
from model.rest_frame_model import row_slices

GAIN = 1e-4
"""Share of chi2 by which a round must lower it for another to follow."""
_RIDGE = 1e-9


class NMF(PCA):
    """Components and coefficients that are not negative; `mean` stays 0, `variance` is not used."""

    kind = "nmf"

    def coefficients(self, rest: Tensor, weight: Tensor) -> Tensor:
        """Return the best non-negative coefficients of what `rest_frame` gave; differentiable."""
        axes, weight = self.components.T.double(), weight.double()
        normal = _regular(weighted_products(weight, axes))
        right = (weight * rest.double()) @ axes
        used = torch.as_tensor(solve_nonnegative(normal, right) > 0, device=rest.device)
        # The solution on the coefficients that are not 0: the same numbers, with gradients.
        eye = torch.eye(self.n_latent, dtype=torch.float64, device=rest.device)
        both = used[:, :, None] & used[:, None, :]
        solved = torch.linalg.solve(torch.where(both, normal, eye), torch.where(used, right, 0))
        return solved.clamp(min=0).to(rest.dtype)


def fit_nmf(
    source: SpectrumSource,
    indices: IntArray,
    *,
    config: PCAConfig,
    seed: int,
    max_galaxy: int = 10_000,
    n_iteration: int = 60,
    progress: bool = False,
) -> NMF:
    """Fit an NMF to some spectra of a source; see `fit_pca` for the arguments.

    Raises:
        ValueError: Fewer spectra than components.
    """
    rows = choose_rows(indices, config, seed=seed, max_galaxy=max_galaxy)
    model = NMF(config)
    rest, weight = read_rest_frame(model, source, rows, progress=progress)
    model.components = _start(rest, weight, config.n_latent, seed=seed)
    last = np.inf
    for _ in tqdm(range(n_iteration), desc="nmf", disable=not progress):
        parts = [model.coefficients(rest[part], weight[part]) for part in row_slices(len(rest))]
        latents = torch.cat(parts)
        model.components = _improve(rest, weight, latents)
        chi2 = sum(
            float((weight[part] * (rest[part] - model.decode_tensor(latents[part])) ** 2).sum())
            for part in row_slices(len(rest))
        )
        if chi2 > last * (1 - GAIN):
            break
        last = chi2
    size = model.components.mean(dim=1, keepdim=True).clamp(min=1e-12)
    model.components = (model.components / size).contiguous()
    return model


def solve_nonnegative(normal: Tensor, right: Tensor) -> FloatArray:
    """Return x >= 0 that minimise x^T N x / 2 - r^T x, exactly, one by one.

    Args:
        normal: Positive definite, shape (n, k, k).
        right: Shape (n, k).
    """
    from scipy.optimize import nnls  # takes a while, and not every model needs it

    factor = torch.linalg.cholesky(normal.detach())
    target = torch.linalg.solve_triangular(factor, right.detach()[:, :, None], upper=False)
    rows = zip(factor.mT.cpu().numpy(), target[:, :, 0].cpu().numpy(), strict=True)
    solved = [nnls(matrix, values)[0] for matrix, values in rows]
    return np.stack(solved) if solved else np.empty(right.shape)


def _regular(normal: Tensor) -> Tensor:
    """Return positive definite matrices, also where a spectrum shows nothing of a component."""
    size = normal.diagonal(dim1=1, dim2=2).amax(dim=1).clamp(min=1e-30)
    eye = torch.eye(normal.shape[1], dtype=normal.dtype, device=normal.device)
    return normal + _RIDGE * size[:, None, None] * eye


def _start(rest: Tensor, weight: Tensor, n: int, *, seed: int) -> Tensor:
    """Start from the mean spectra of groups: chosen spectra far apart, and those nearest to them.

    As k-means++ chooses its centres, on spectra of 50 wide pixels.
    """
    total, part = (item.unfold(1, size, size).sum(-1) for item, size in _wide(rest, weight))
    flux = (total / part.clamp(min=1e-30)).numpy()
    rng = np.random.default_rng(seed)
    chosen = [int(rng.integers(len(flux)))]
    nearest = ((flux - flux[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < n:
        share = nearest / nearest.sum() if nearest.sum() > 0 else None
        chosen.append(int(rng.choice(len(flux), p=share)))
        nearest = np.minimum(nearest, ((flux - flux[chosen[-1]]) ** 2).sum(axis=1))
    distance = ((flux[:, None] - flux[chosen]) ** 2).sum(axis=2)
    group = distance.argmin(axis=1)
    seen = weight.sum(dim=0) > 0
    return torch.stack([_mean(rest, weight, group == number, seen) for number in range(n)])


def _wide(rest: Tensor, weight: Tensor) -> list[tuple[Tensor, int]]:
    size = max(1, rest.shape[1] // 50)
    return [(weight * rest, size), (weight, size)]


def _mean(rest: Tensor, weight: Tensor, members: BoolArray, seen: Tensor) -> Tensor:
    """Return the positive mean spectrum of a group; 1 where it shows nothing."""
    chosen = torch.as_tensor(members)
    total = weight[chosen].sum(dim=0)
    mean = (weight[chosen] * rest[chosen]).sum(dim=0) / total.clamp(min=1e-30)
    return torch.where(seen, torch.where(total > 0, mean, 1).clamp(min=1e-3), 0)


def _improve(rest: Tensor, weight: Tensor, latents: Tensor) -> Tensor:
    """Return the best non-negative components of each pixel, given the coefficients."""
    n = latents.shape[1]
    normal = torch.zeros(rest.shape[1], n, n, dtype=torch.float64)
    right = torch.zeros(rest.shape[1], n, dtype=torch.float64)
    for part in row_slices(len(rest)):
        normal += weighted_products(weight[part].T.double(), latents[part].double())
        right += (weight[part] * rest[part]).T.double() @ latents[part].double()
    solved = torch.as_tensor(solve_nonnegative(_regular(normal), right)).float().T
    return torch.where(weight.sum(dim=0) > 0, solved, 0).contiguous()
