"""Principal components of rest-frame spectra with gaps and known noise.

The linear model everything else is compared with (Yip+2004, Portillo+2020). Components, mean
and coefficients are fitted alternately by weighted least squares, so that masked pixels and
the ends that a redshift moves out of the band count for nothing (Bailey 2012,
arXiv:1208.4122); a Gaussian prior on the coefficients keeps gappy spectra near the others.

    model = fit_pca(source, rows, config=PCAConfig(n_latent=10), seed=0)
    model.encode(spectra), model.decode(latents), model.reconstruct(latents, z, grid)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from data.grid import REST_RANGE, FloatArray, WaveGrid, log_grid
from data.spectra import Spectra, SpectrumSource
from model.neighbours import IntArray
from model.resample import redshift
from model.stack import to_rest_frame
from model.storage import Weights
from model.weights import load_weights

ROWS = 512
"""Spectra worked on at a time."""


@dataclass(frozen=True, kw_only=True)
class PCAConfig:
    """What a PCA is built from.

    Attributes:
        n_latent: Number of components.
        rest_grid: Rest-frame grid of the components; by default SDSS's step.
        max_snr: Cap of the signal-to-noise of a pixel, so that the brightest lines do not
            rule alone (Portillo+2020, section 3: 50).
    """

    n_latent: int = 10
    rest_grid: WaveGrid = field(default_factory=lambda: log_grid(*REST_RANGE))
    max_snr: float = 50.0

    def __post_init__(self) -> None:
        """Refuse what no PCA can be built from."""
        if self.n_latent < 1:
            raise ValueError(f"n_latent must be at least 1, got {self.n_latent}")
        if not self.max_snr > 0:
            raise ValueError(f"max_snr must be positive, got {self.max_snr}")

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return values | {"rest_grid": self.rest_grid.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PCAConfig:
        """Return the configuration that `to_dict` gave."""
        unknown = set(values) - {item.name for item in fields(cls)}
        if unknown:
            raise ValueError(f"unknown settings of a PCA: {', '.join(sorted(unknown))}")
        values = dict(values)
        if "rest_grid" in values:
            values["rest_grid"] = WaveGrid(**values["rest_grid"])
        return cls(**values)


class PCA(nn.Module):
    """Mean, components and the spread of their coefficients; a `SpectrumModel`.

    The numbers are buffers, so that a PCA is saved like a network.
    """

    kind = "pca"
    mean: Tensor
    components: Tensor
    variance: Tensor

    def __init__(self, config: PCAConfig) -> None:
        """Make room for the numbers; `fit_pca` or loading fills it."""
        super().__init__()
        self.config = config
        self.n_latent, self.rest_grid = config.n_latent, config.rest_grid
        n_rest = self.rest_grid.n_pixel
        self.register_buffer("mean", torch.zeros(n_rest))
        self.register_buffer("components", torch.zeros(self.n_latent, n_rest))
        self.register_buffer("variance", torch.ones(self.n_latent))

    @property
    def wave_rest(self) -> FloatArray:
        """Rest-frame vacuum wavelengths, Angstrom, shape (n_rest,)."""
        return self.rest_grid.wave

    def to_parts(self) -> tuple[dict[str, Any], Weights]:
        """Return the configuration and the numbers; see `model.storage`."""
        return self.config.to_dict(), {k: v.cpu().numpy() for k, v in self.state_dict().items()}

    @classmethod
    def from_parts(cls, config: dict[str, Any], weights: Weights) -> Self:
        """Return the PCA of which `to_parts` gave these.

        Raises:
            ValueError: A weight is missing, unexpected, or of the wrong shape.
        """
        model = cls(PCAConfig.from_dict(config))
        load_weights(model, weights)
        return model

    def encode_tensor(self, flux: Tensor, ivar: Tensor, z: Tensor, *, grid: WaveGrid) -> Tensor:
        """Return the most probable coefficients, shape (n_galaxy, n_latent).

        Args:
            flux: Observed spectra, shape (n_galaxy, n_pixel).
            ivar: Their inverse variance, same shape.
            z: Redshifts, float64, shape (n_galaxy,).
            grid: Their grid.
        """
        rest, weight = self.rest_frame(flux, ivar, z, grid=grid)
        return self._coefficients(rest, weight)

    def decode_tensor(self, latents: Tensor) -> Tensor:
        """Return rest-frame spectra, shape (n_galaxy, n_rest)."""
        return self.mean + latents @ self.components

    def rest_frame(
        self, flux: Tensor, ivar: Tensor, z: Tensor, *, grid: WaveGrid
    ) -> tuple[Tensor, Tensor]:
        """Resample observed spectra to the rest grid, leaving masked pixels out.

        Returns:
            Flux, and weights (0 where nothing was observed), shape (n_galaxy, n_rest).
        """
        flux = torch.where(ivar > 0, flux, 0)  # whatever lies under a mask: it may overflow
        weight = ivar / (1 + ivar * flux**2 / self.config.max_snr**2)
        return to_rest_frame(flux, weight, z, grid=grid, rest_grid=self.rest_grid)

    def _coefficients(self, rest: Tensor, weight: Tensor) -> Tensor:
        axes, weight = (
            self.components.T.double(),
            weight.double(),
        )  # float32 is not repeatable
        normal = _products(weight, axes)  # (n_galaxy, n_latent, n_latent)
        normal = normal + torch.diag(1 / self.variance.double())
        right = (weight * (rest - self.mean)) @ axes  # (n_galaxy, n_latent)
        return torch.linalg.solve(normal, right).to(rest.dtype)

    def encode(self, spectra: Spectra) -> FloatArray:
        """Return latents, float32, shape (n_galaxy, n_latent)."""
        grid = WaveGrid.from_wave(spectra.wave)
        parts = [
            self.encode_tensor(*(item[rows] for item in self._tensors(spectra)), grid=grid).cpu()
            for rows in _batches(len(spectra))
        ]
        return torch.cat(parts).numpy() if parts else np.empty((0, self.n_latent), np.float32)

    def decode(self, latents: FloatArray) -> FloatArray:
        """Return rest-frame spectra, float32, shape (n_galaxy, n_rest)."""
        return self.decode_tensor(self._latents(latents)).cpu().numpy()

    def reconstruct(
        self, latents: FloatArray, z: FloatArray, grid: WaveGrid
    ) -> tuple[FloatArray, FloatArray]:
        """Decode, redshift and resample to an observed-frame grid; see `SpectrumModel`."""
        values = self._latents(latents)
        z_all = torch.tensor(z, dtype=torch.float64, device=self.mean.device)
        flux = np.empty((len(values), grid.n_pixel), dtype=np.float32)
        covered = np.empty(flux.shape, dtype=bool)
        for rows in _batches(len(values)):
            rest = self.decode_tensor(values[rows])
            moved, valid = redshift(rest, z_all[rows], source=self.rest_grid, target=grid)
            flux[rows], covered[rows] = moved.cpu().numpy(), valid.cpu().numpy()
        return flux, covered

    def _latents(self, latents: FloatArray) -> Tensor:
        values = torch.tensor(latents, dtype=torch.float32, device=self.mean.device)
        if values.ndim != 2 or values.shape[1] != self.n_latent:
            raise ValueError(
                f"latents must have shape (n_galaxy, {self.n_latent}), got {tuple(values.shape)}"
            )
        return values

    def _tensors(self, spectra: Spectra) -> tuple[Tensor, Tensor, Tensor]:
        device = self.mean.device
        return (
            torch.tensor(spectra.flux, dtype=torch.float32, device=device),
            torch.tensor(spectra.ivar, dtype=torch.float32, device=device),
            torch.tensor(spectra.z, dtype=torch.float64, device=device),
        )


def fit_pca(
    source: SpectrumSource,
    indices: IntArray,
    *,
    config: PCAConfig,
    seed: int,
    max_galaxy: int = 10_000,
    n_iteration: int = 15,
    progress: bool = False,
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

    Raises:
        ValueError: Fewer spectra than components.
    """
    rows = np.asarray(indices)
    if len(rows) > max_galaxy:
        rows = np.sort(np.random.default_rng(seed).choice(rows, max_galaxy, replace=False))
    if len(rows) <= config.n_latent:
        raise ValueError(
            f"a PCA of {config.n_latent} components needs more spectra than that, got {len(rows)}"
        )
    model = PCA(config)
    rest, weight = _read_rest_frame(model, source, rows, progress=progress)
    _start(model, rest, weight)
    last = np.inf
    for _ in tqdm(range(n_iteration), desc="pca", disable=not progress):
        latents = torch.cat(
            [model._coefficients(rest[part], weight[part]) for part in _batches(len(rest))]  # noqa: SLF001
        )
        _improve(model, rest, weight, latents)
        chi2 = _chi2(model, rest, weight, latents)
        _rotate(model, latents)
        if chi2 > last * (1 - 1e-4):
            break
        last = chi2
    return model


def _read_rest_frame(
    model: PCA, source: SpectrumSource, rows: IntArray, *, progress: bool
) -> tuple[Tensor, Tensor]:
    rest = torch.empty(len(rows), model.rest_grid.n_pixel)
    weight = torch.empty_like(rest)
    batches = list(_batches(len(rows)))
    for part in tqdm(batches, desc="reading", disable=not progress, unit="block"):
        tensors = model._tensors(source.read(rows[part].tolist()))  # noqa: SLF001
        rest[part], weight[part] = model.rest_frame(*tensors, grid=source.grid)
    return rest, weight


def _start(model: PCA, rest: Tensor, weight: Tensor) -> None:
    """Start from the plain principal components of spectra whose gaps are filled by the mean."""
    total = weight.sum(dim=0)
    model.mean = _fill((weight * rest).sum(dim=0) / total.clamp(min=1e-30), total > 0)
    some = slice(0, max(1000, 4 * model.n_latent))
    filled = torch.where(weight[some] > 0, rest[some] - model.mean, 0)
    _, values, axes = torch.linalg.svd(filled, full_matrices=False)
    model.components = axes[: model.n_latent].contiguous()
    model.variance = values[: model.n_latent] ** 2 / len(filled) + 1e-12


def _improve(model: PCA, rest: Tensor, weight: Tensor, latents: Tensor) -> None:
    """Solve for mean and components of each pixel, given the coefficients."""
    design = torch.cat([torch.ones(len(latents), 1), latents], dim=1)
    normal = torch.zeros(rest.shape[1], design.shape[1], design.shape[1])
    right = torch.zeros(rest.shape[1], design.shape[1])
    for part in _batches(len(rest)):
        normal += _products(weight[part].T, design[part])
        right += (weight[part] * rest[part]).T @ design[part]
    seen = normal[:, 0, 0]
    # A pixel that few objects show must not invent large components: one typical object's
    # worth of evidence says 0.
    one_object = seen.mean() / len(rest)
    ridge = one_object * torch.cat([torch.full((1,), 1e-6), latents.var(dim=0)])
    normal = normal + torch.diag(ridge.clamp(min=1e-20))
    solved = torch.linalg.solve(normal.double(), right.double()).float().T
    observed = seen > 0
    model.mean = _fill(solved[0], observed)
    model.components = torch.where(observed, solved[1:], 0)


def _chi2(model: PCA, rest: Tensor, weight: Tensor, latents: Tensor) -> float:
    total = 0.0
    for part in _batches(len(rest)):
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


def _products(weight: Tensor, vectors: Tensor) -> Tensor:
    """Return sum over j of weight[i, j] v_j v_j^T, shape (n_i, n, n), as one matrix product."""
    n = vectors.shape[1]
    outer = (vectors[:, :, None] * vectors[:, None, :]).reshape(len(vectors), n * n)
    return (weight @ outer).reshape(-1, n, n)


def _fill(values: Tensor, seen: Tensor) -> Tensor:
    """Carry the nearest observed value into pixels that no object shows."""
    known = np.flatnonzero(seen.numpy())
    if not len(known):
        raise ValueError("no spectrum shows any pixel of the rest grid; check z and ivar")
    nearest = np.interp(np.arange(len(values)), known, values.numpy()[known])
    return torch.as_tensor(nearest, dtype=values.dtype)


def _batches(n_galaxy: int) -> Iterator[slice]:
    for start in range(0, n_galaxy, ROWS):
        yield slice(start, min(start + ROWS, n_galaxy))
