"""Dense autoencoders of rest-frame spectra: InfoVAE, VAE and AE; each a `SpectrumModel`.

Portillo+2020 (AJ 160, 45) and Nicolaou+2025. A spectrum is prepared (`data.rest_frame`), encoded to
the mean of its latent distribution, and decoded to a rest-frame spectrum.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from data.grid import NORM_RANGE
from data.rest_frame.infill import Infill
from data.rest_frame.preparation import Prepared, prepare
from data.rest_frame.rebin import overlaps
from data.spectra import Spectra
from model.dense.config import DenseConfig
from model.interface import Weights
from model.networks.weights import load_weights
from model.rest_frame_model import RestFrameModel


class DenseAutoencoder(RestFrameModel, nn.Module):
    """Encoder and decoder of dense layers with ReLU; linear latents and output.

    The numbers that the preparation needs are buffers, so that they are saved with the network.
    """

    centre: Tensor
    spread: Tensor
    infill_mean: Tensor
    infill_components: Tensor
    infill_ridge: Tensor

    def __init__(self, config: DenseConfig) -> None:
        """Build a network of random weights; `learn_preparation` comes before any use."""
        super().__init__()
        self.config, self.kind = config, config.kind
        self.n_latent, self.rest_grid = config.n_latent, config.preparation.rest_grid
        n_rest = self.rest_grid.n_pixel
        norm = (self.wave_rest >= NORM_RANGE[0]) & (self.wave_rest <= NORM_RANGE[1])
        if not norm.any():
            raise ValueError(
                f"the rest frame must cover some of {NORM_RANGE[0]:g}-{NORM_RANGE[1]:g} A, "
                "where spectra are normalised"
            )
        self._norm = np.flatnonzero(norm)
        n_out = config.n_latent * (1 if config.kind == "ae" else 2)
        self.encoder = _layers((n_rest, *config.layers, n_out), config.dropout)
        self.decoder = _layers((config.n_latent, *config.layers[::-1], n_rest), config.dropout)
        self.register_buffer("centre", torch.zeros(n_rest))
        self.register_buffer("spread", torch.ones(1))
        self.register_buffer("infill_mean", torch.zeros(n_rest))
        self.register_buffer("infill_components", torch.zeros(config.n_component, n_rest))
        self.register_buffer("infill_ridge", torch.ones(config.n_component))

    def learn_preparation(self, infill: Infill, prepared: Prepared) -> None:
        """Take what is learnt from the training spectra before the network is.

        Args:
            infill: Fills missing pixels.
            prepared: Spectra filled with it; give the network its centre and unit.
        """
        flux = torch.as_tensor(prepared.flux)
        self.centre.copy_(flux.mean(dim=0))
        self.spread.copy_((flux - flux.mean(dim=0)).std().clamp(min=1e-6))
        self.infill_mean.copy_(torch.as_tensor(infill.mean))
        self.infill_components.copy_(torch.as_tensor(infill.components.copy()))
        self.infill_ridge.copy_(torch.as_tensor(infill.ridge))

    @property
    def device(self) -> torch.device:
        """Where the numbers are."""
        return self.centre.device

    @property
    def infill(self) -> Infill:
        """What fills missing pixels."""
        return Infill(
            mean=self.infill_mean.cpu().numpy(),
            components=self.infill_components.cpu().numpy(),
            ridge=self.infill_ridge.cpu().numpy(),
        )

    def prepare(self, spectra: Spectra) -> Prepared:
        """Return spectra as the network sees them."""
        return prepare(spectra, self.config.preparation, self.infill)

    def encode_prepared(self, flux: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latents, each of shape (n_galaxy, n_latent).

        An autoencoder that is not variational has a log variance of minus infinity.

        Args:
            flux: Prepared spectra, shape (n_galaxy, n_rest).
        """
        out = self.encoder((flux - self.centre) / self.spread)
        if self.kind == "ae":
            return out, torch.full_like(out, -torch.inf)
        return out[:, : self.n_latent], out[:, self.n_latent :]

    def decode_prepared(self, latents: Tensor) -> Tensor:
        """Return spectra in the norm of the preparation, shape (n_galaxy, n_rest)."""
        return self.centre + self.spread * self.decoder(latents)

    def decode_tensor(self, latents: Tensor) -> Tensor:
        """Return rest-frame spectra in the norm of a survey, shape (n_galaxy, n_rest).

        That is: median 1 in rest-frame 5300-5850 A.
        """
        flux = self.decode_prepared(latents)
        norm = flux[:, self._norm].median(dim=1, keepdim=True).values
        least = 1e-3 * flux.detach().abs().amax(dim=1, keepdim=True)
        return flux / torch.where(norm > least, norm, least.clamp(min=1e-12))

    def encode_spectra(self, spectra: Spectra) -> Tensor:
        """Return the mean latents of a batch, shape (n_galaxy, n_latent)."""
        flux = torch.as_tensor(self.prepare(spectra).flux, device=self.device)
        return self.encode_prepared(flux)[0]

    def trace(self, spectra: Spectra) -> tuple[Tensor, Tensor]:
        """Return flux and the rest-frame spectra that follow from it; see `TraceableModel`.

        Pixels that were filled in, and the norm, are held constant: they are no evidence.
        """
        flux, ivar, _ = self.tensors(spectra)
        flux.requires_grad_(True)
        prepared = self.prepare(spectra)
        over = overlaps(spectra.z, grid=spectra.grid, rest_grid=self.rest_grid)
        rows = torch.arange(len(flux), device=self.device)[:, None, None]
        pixel = torch.as_tensor(over.pixel, device=self.device)
        share = torch.as_tensor(over.share, device=self.device)
        share = torch.where(ivar[rows, pixel] > 0, share, 0)
        total = (share * torch.where(share > 0, flux[rows, pixel], 0)).sum(dim=1)
        rest = total / share.sum(dim=1).clamp(min=1e-6)
        scale = torch.as_tensor(prepared.scale, device=self.device)[:, None]
        constant = torch.as_tensor(prepared.flux, device=self.device)
        observed = torch.as_tensor(prepared.observed, device=self.device)
        seen = torch.where(observed, rest / scale, constant)
        return flux, self.decode_tensor(self.encode_prepared(seen)[0])

    def networks(self) -> tuple[nn.Module, ...]:
        """Return the networks that can be compiled."""
        return (self.encoder, self.decoder)

    def to_parts(self) -> tuple[dict[str, Any], Weights]:
        """Return the configuration and the numbers; see `StoredModel`."""
        return self.config.to_dict(), {k: v.cpu().numpy() for k, v in self.state_dict().items()}

    @classmethod
    def from_parts(cls, config: dict[str, Any], weights: Weights) -> Self:
        """Return the model of which `to_parts` gave these, ready for use.

        Raises:
            ValueError: A weight is missing, unexpected, or of the wrong shape.
        """
        with torch.device("meta"):
            model = cls(DenseConfig.from_dict(config))
        load_weights(model, weights)
        return model.eval()


def _layers(sizes: tuple[int, ...], dropout: float) -> nn.Sequential:
    """Return dense layers with ReLU and dropout between them."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
    return nn.Sequential(*layers[: -2 if dropout else -1])
