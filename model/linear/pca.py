"""Principal components of rest-frame spectra with gaps and known noise.

The linear model everything else is compared with (Yip+2004, Portillo+2020). A Gaussian prior on
the coefficients keeps gappy spectra near the others.

    model = fit_pca(source, rows, config=PCAConfig(n_latent=10), seed=0)    # model.linear.fit
    model.encode(spectra), model.decode(latents), model.reconstruct(latents, z, grid)
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Self

import torch
from torch import Tensor, nn

from data.grid import REST_RANGE, WaveGrid, log_grid
from data.rest_frame.limited_ivar import limited_ivar
from data.spectra import Spectra
from model.interface import Weights
from model.networks.redshift import to_rest_frame
from model.networks.weights import load_weights
from model.rest_frame_model import RestFrameModel


@dataclass(frozen=True, kw_only=True)
class PCAConfig:
    """What a PCA is built from.

    Attributes:
        n_latent: Number of components.
        rest_grid: Rest-frame grid of the components; by default SDSS's step.
        max_snr: Cap of the signal-to-noise of a pixel, so that the brightest lines do not
            rule alone (Portillo+2020, section 3: 50).
        hard_cap: Whether pixels below the cap keep their weight. In models made before this setting
            was there, the error of the cap is added to that of each pixel.
    """

    n_latent: int = 10
    rest_grid: WaveGrid = field(default_factory=lambda: log_grid(*REST_RANGE))
    max_snr: float = 50.0
    hard_cap: bool = True

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
        values = {"hard_cap": False, **values}
        if "rest_grid" in values:
            values["rest_grid"] = WaveGrid(**values["rest_grid"])
        return cls(**values)


class PCA(RestFrameModel, nn.Module):
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

    def rest_frame(
        self, flux: Tensor, ivar: Tensor, z: Tensor, *, grid: WaveGrid
    ) -> tuple[Tensor, Tensor]:
        """Resample observed spectra to the rest grid, leaving masked pixels out.

        Returns:
            Flux, and weights (0 where nothing was observed), shape (n_galaxy, n_rest).
        """
        flux = torch.where(ivar > 0, flux, 0)  # a value under a mask may overflow
        if self.config.hard_cap:
            weight = limited_ivar(flux, ivar, self.config.max_snr)
        else:
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

    def encode_spectra(self, spectra: Spectra) -> Tensor:
        """Return latents of a batch, shape (n_galaxy, n_latent)."""
        return self.encode_tensor(*self.tensors(spectra), grid=spectra.grid)

    def trace(self, spectra: Spectra) -> tuple[Tensor, Tensor]:
        """Return flux and the rest-frame spectra that follow from it; see `TraceableModel`."""
        flux, ivar, z = self.tensors(spectra)
        flux.requires_grad_(True)
        latents = self.encode_tensor(flux, ivar, z, grid=spectra.grid)
        return flux, self.decode_tensor(latents)


def weighted_products(weight: Tensor, vectors: Tensor) -> Tensor:
    """Return sum over j of weight[i, j] v_j v_j^T, shape (n_i, n, n), as one matrix product."""
    n = vectors.shape[1]
    outer = (vectors[:, :, None] * vectors[:, None, :]).reshape(len(vectors), n * n)
    return (weight @ outer).reshape(-1, n, n)
