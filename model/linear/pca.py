"""Principal components of rest-frame spectra with gaps and known noise.

The linear model everything else is compared with (Yip+2004, Portillo+2020). A Gaussian prior on
the coefficients keeps gappy spectra near the others.

    model = fit_pca(source, rows, config=PCAConfig(n_latent=10), seed=0)    # model.linear.fit
    model.encode(spectra), model.decode(latents), model.reconstruct(latents, z, grid)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from data.arrays import BoolArray, FloatArray
from data.grid import REST_RANGE, WaveGrid, log_grid
from data.spectra import Spectra
from model.interface import Weights
from model.networks.redshift import redshift, to_rest_frame
from model.networks.weights import load_weights

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

    @property
    def device(self) -> torch.device:
        """Where the numbers are."""
        return self.mean.device

    def to_parts(self) -> tuple[dict[str, Any], Weights]:
        """Return the configuration and the numbers; see `StoredModel`."""
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
        return self.coefficients(rest, weight)

    def decode_tensor(self, latents: Tensor) -> Tensor:
        """Return rest-frame spectra, shape (n_galaxy, n_rest)."""
        return self.mean + latents @ self.components

    def observe_tensor(self, rest: Tensor, z: Tensor, grid: WaveGrid) -> tuple[Tensor, Tensor]:
        """Redshift rest-frame spectra to an observed-frame grid; see `DifferentiableModel`."""
        return redshift(rest, z, source=self.rest_grid, target=grid)

    def rest_frame(
        self, flux: Tensor, ivar: Tensor, z: Tensor, *, grid: WaveGrid
    ) -> tuple[Tensor, Tensor]:
        """Resample observed spectra to the rest grid, leaving masked pixels out.

        Returns:
            Flux, and weights (0 where nothing was observed), shape (n_galaxy, n_rest).
        """
        flux = torch.where(ivar > 0, flux, 0)  # a value under a mask may overflow
        weight = ivar / (1 + ivar * flux**2 / self.config.max_snr**2)
        return to_rest_frame(flux, weight, z, grid=grid, rest_grid=self.rest_grid)

    def coefficients(self, rest: Tensor, weight: Tensor) -> Tensor:
        """Return the most probable coefficients of what `rest_frame` gave."""
        axes, weight = (
            self.components.T.double(),
            weight.double(),
        )  # float32 is not repeatable
        normal = weighted_products(weight, axes)  # (n_galaxy, n_latent, n_latent)
        normal = normal + torch.diag(1 / self.variance.double())
        right = (weight * (rest - self.mean)) @ axes  # (n_galaxy, n_latent)
        return torch.linalg.solve(normal, right).to(rest.dtype)

    def encode(self, spectra: Spectra) -> FloatArray:
        """Return latents, float32, shape (n_galaxy, n_latent)."""
        parts = [
            self.encode_tensor(*self.tensors(spectra.take(rows)), grid=spectra.grid).cpu()
            for rows in row_slices(len(spectra))
        ]
        return torch.cat(parts).numpy() if parts else np.empty((0, self.n_latent), np.float32)

    def decode(self, latents: FloatArray) -> FloatArray:
        """Return rest-frame spectra, float32, shape (n_galaxy, n_rest)."""
        return self.decode_tensor(self._latents(latents)).cpu().numpy()

    def observe(
        self, rest: FloatArray, z: FloatArray, grid: WaveGrid
    ) -> tuple[FloatArray, BoolArray]:
        """Redshift and resample what `decode` returned; see `SpectrumModel`."""
        values = torch.tensor(rest, dtype=torch.float32, device=self.device)
        return self._observed(lambda rows: values[rows], z, grid)

    def reconstruct(
        self, latents: FloatArray, z: FloatArray, grid: WaveGrid
    ) -> tuple[FloatArray, BoolArray]:
        """Decode, redshift and resample to an observed-frame grid; see `SpectrumModel`."""
        values = self._latents(latents)
        return self._observed(lambda rows: self.decode_tensor(values[rows]), z, grid)

    def _observed(
        self, rest: Callable[[slice], Tensor], z: FloatArray, grid: WaveGrid
    ) -> tuple[FloatArray, BoolArray]:
        """Observe rest-frame spectra that `rest` gives batch by batch."""
        z_all = torch.tensor(z, dtype=torch.float64, device=self.device)
        flux = np.empty((len(z), grid.n_pixel), dtype=np.float32)
        covered = np.empty(flux.shape, dtype=bool)
        for rows in row_slices(len(z)):
            moved, valid = self.observe_tensor(rest(rows), z_all[rows], grid)
            flux[rows], covered[rows] = moved.cpu().numpy(), valid.cpu().numpy()
        return flux, covered

    def trace(self, spectra: Spectra) -> tuple[Tensor, Tensor]:
        """Return flux and the rest-frame spectra that follow from it; see `TraceableModel`."""
        flux, ivar, z = self.tensors(spectra)
        flux.requires_grad_(True)
        latents = self.encode_tensor(flux, ivar, z, grid=spectra.grid)
        return flux, self.decode_tensor(latents)

    def attention_offset(self, grid: WaveGrid) -> None:  # noqa: ARG002 - as the interface says
        """Return None: there is no attention."""

    def _latents(self, latents: FloatArray) -> Tensor:
        values = torch.tensor(latents, dtype=torch.float32, device=self.device)
        if values.ndim != 2 or values.shape[1] != self.n_latent:
            raise ValueError(
                f"latents must have shape (n_galaxy, {self.n_latent}), got {tuple(values.shape)}"
            )
        return values

    def tensors(self, spectra: Spectra) -> tuple[Tensor, Tensor, Tensor]:
        """Return flux, inverse variance and redshifts on the device of the PCA."""
        device = self.device
        return (
            torch.tensor(spectra.flux, dtype=torch.float32, device=device),
            torch.tensor(spectra.ivar, dtype=torch.float32, device=device),
            torch.tensor(spectra.z, dtype=torch.float64, device=device),
        )


def weighted_products(weight: Tensor, vectors: Tensor) -> Tensor:
    """Return sum over j of weight[i, j] v_j v_j^T, shape (n_i, n, n), as one matrix product."""
    n = vectors.shape[1]
    outer = (vectors[:, :, None] * vectors[:, None, :]).reshape(len(vectors), n * n)
    return (weight @ outer).reshape(-1, n, n)


def row_slices(n_galaxy: int) -> Iterator[slice]:
    """Return the rows of each piece of work."""
    for start in range(0, n_galaxy, ROWS):
        yield slice(start, min(start + ROWS, n_galaxy))
