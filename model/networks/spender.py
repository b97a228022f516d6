"""SPENDER: an autoencoder of galaxy spectra with an explicit redshift transform.

Melchior+2022 (arXiv:2211.07890), Liang+2022 (two latents), Liang+2023 (arXiv:2302.02496).

    SpenderConfig(n_latent=6, rest_grid=..., grids={"sdss": ...}, hidden=..., activation=...)
    model = Spender(config)
    model(flux, z, grid) -> Reconstruction(latents, rest, flux, valid)       tensors
    model(flux, z, grid).fitted(flux, ivar)                  the same, amplitude fitted to the data
    model.encode_tensor(flux, z, grid=...) -> latents
    model.decode_tensor(latents) -> rest
    model.observe_tensor(rest, z, grid) -> (flux, valid)
    model.encode(spectra), model.decode(latents), model.observe(rest, z, grid),          NumPy
    model.reconstruct(latents, z, grid)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from data.arrays import BoolArray, FloatArray, IntArray
from data.grid import WaveGrid
from data.spectra import Spectra
from model.networks.config import SpenderConfig
from model.networks.decoder import Decoder, LineSpread
from model.networks.encoder import Encoder, attention_offset, channels_of
from model.networks.reconstruction import Reconstruction
from model.networks.redshift import redshift
from model.networks.weights import load_weights

BATCH = 128
"""Spectra encoded or decoded at once by the NumPy methods."""


class Spender(nn.Module):
    """The autoencoder; also a `model.interface.SpectrumModel`."""

    kind = "spender"

    def __init__(self, config: SpenderConfig) -> None:
        """Build the networks with random weights (seed torch for the same ones again)."""
        super().__init__()
        self.config = config
        self.n_latent = config.n_latent
        self.rest_grid = config.rest_grid
        self.encoders = nn.ModuleDict(
            {
                name: Encoder(
                    config.n_latent,
                    channels=config.channels,
                    redshift_input=config.redshift_input,
                )
                for name in config.grids
            }
        )
        self.decoder = Decoder(
            n_latent=config.n_latent,
            n_rest=config.rest_grid.n_pixel,
            hidden=config.hidden,
            activation=config.activation,
        )
        names = config.grids if config.lsf_size else ()
        self.line_spreads = nn.ModuleDict({name: LineSpread(config.lsf_size) for name in names})

    @property
    def wave_rest(self) -> FloatArray:
        """Rest-frame vacuum wavelengths, Angstrom, shape (n_rest,)."""
        return self.rest_grid.wave

    @property
    def line_spread_kernels(self) -> dict[str, FloatArray]:
        """Learnt line-spread kernel of each instrument, summing to 1; empty without any."""
        kernels = {}
        for name, part in self.line_spreads.items():
            assert isinstance(part, LineSpread)
            kernel = part.kernel.detach().cpu().double()
            kernels[name] = (kernel / kernel.sum()).numpy()
        return kernels

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def forward(self, flux: Tensor, z: Tensor, grid: WaveGrid | None = None) -> Reconstruction:
        """Encode, decode and observe spectra.

        Args:
            flux: Normalised flux, finite, shape (n_galaxy, n_pixel).
            z: Redshifts, shape (n_galaxy,).
            grid: Grid of `flux`; may be left out if the model has one instrument.
        """
        grid = self.config.grids[self.instrument(grid)]
        latents = self.encode_tensor(flux, z, grid=grid)
        rest = self.decode_tensor(latents)
        return Reconstruction(latents, rest, *self.observe_tensor(rest, z, grid))

    def encode_tensor(
        self, flux: Tensor, z: Tensor | None = None, *, grid: WaveGrid | None = None
    ) -> Tensor:
        """Return latents, shape (n_galaxy, n_latent); arguments as for `forward`."""
        name = self.instrument(grid)
        n_pixel = self.config.grids[name].n_pixel
        if flux.ndim != 2 or flux.shape[1] != n_pixel:
            raise ValueError(f"flux must have shape (n_galaxy, {n_pixel}), got {tuple(flux.shape)}")
        return self.encoders[name](flux, z)

    def decode_tensor(self, latents: Tensor) -> Tensor:
        """Return rest-frame spectra, shape (n_galaxy, n_rest)."""
        return self.decoder(latents)

    def observe_tensor(self, rest: Tensor, z: Tensor, grid: WaveGrid) -> tuple[Tensor, Tensor]:
        """Redshift rest-frame spectra to an observed-frame grid.

        The line-spread function is applied if the model learnt one for that grid.

        Args:
            rest: Rest-frame spectra, shape (n_galaxy, n_rest).
            z: Redshifts, shape (n_galaxy,).
            grid: Any observed-frame grid.

        Returns:
            The flux, 0 outside the rest range, and where the rest range reaches; both of shape
            (n_galaxy, n_pixel).
        """
        flux, valid = redshift(rest.float(), z, source=self.rest_grid, target=grid)
        for name, line_spread in self.line_spreads.items():
            if self.config.grids[name].matches(grid):
                flux = line_spread(flux, valid)
        return flux, valid

    def instrument(self, grid: WaveGrid | None = None) -> str:
        """Return the name of the instrument that observes on a grid.

        Raises:
            ValueError: The model has no encoder for that grid, or several and none was given.
        """
        if grid is None and len(self.config.grids) == 1:
            return next(iter(self.config.grids))
        for name, known in self.config.grids.items():
            if grid is not None and grid.matches(known):
                return name
        known_names = ", ".join(f"{name} {known}" for name, known in self.config.grids.items())
        text = f"grid must be one that the model encodes ({known_names}), got {grid}"
        if grid is not None:
            text += "; python -m model train SURVEY --start-from MODEL adds an encoder for it"
        raise ValueError(text)

    def encode(self, spectra: Spectra) -> FloatArray:
        """Return latents, float32, shape (n_galaxy, n_latent)."""
        latents = np.empty((len(spectra), self.n_latent), dtype=np.float32)
        with torch.inference_mode():
            for rows in _batches(len(spectra)):
                flux, z = self._tensor(spectra.flux[rows]), self._tensor(spectra.z[rows])
                latents[rows] = self.encode_tensor(flux, z, grid=spectra.grid).float().cpu().numpy()
        return latents

    def decode(self, latents: FloatArray) -> FloatArray:
        """Return rest-frame spectra, float32, shape (n_galaxy, n_rest)."""
        rest = np.empty((len(latents), self.rest_grid.n_pixel), dtype=np.float32)
        with torch.inference_mode():
            for rows in _batches(len(latents)):
                rest[rows] = self.decode_tensor(self._latents(latents[rows])).float().cpu().numpy()
        return rest

    def observe(
        self, rest: FloatArray, z: FloatArray, grid: WaveGrid
    ) -> tuple[FloatArray, BoolArray]:
        """Redshift and resample what `decode` returned; see `SpectrumModel`."""
        return self._observed(lambda rows: self._tensor(rest[rows]), z, grid)

    def reconstruct(
        self, latents: FloatArray, z: FloatArray, grid: WaveGrid
    ) -> tuple[FloatArray, BoolArray]:
        """Decode, redshift and resample to an observed-frame grid; see `SpectrumModel`."""
        return self._observed(
            lambda rows: self.decode_tensor(self._latents(latents[rows])), z, grid
        )

    def _observed(
        self, rest: Callable[[slice], Tensor], z: FloatArray, grid: WaveGrid
    ) -> tuple[FloatArray, BoolArray]:
        """Observe rest-frame spectra that `rest` gives batch by batch."""
        z = np.asarray(z, dtype=np.float64)
        flux = np.empty((len(z), grid.n_pixel), dtype=np.float32)
        valid = np.empty(flux.shape, dtype=bool)
        with torch.inference_mode():
            for rows in _batches(len(z)):
                z_rows = torch.as_tensor(z[rows], device=self.device)
                batch_flux, batch_valid = self.observe_tensor(rest(rows), z_rows, grid)
                flux[rows] = batch_flux.cpu().numpy()
                valid[rows] = batch_valid.cpu().numpy()
        return flux, valid

    def trace(self, spectra: Spectra) -> tuple[Tensor, Tensor]:
        """Return attention weights and the rest-frame spectra that follow; see `TraceableModel`."""
        encoder: Any = self.encoders[self.instrument(spectra.grid)]
        with torch.no_grad():
            values, attention = encoder.features(self._tensor(spectra.flux))
        attention = attention.detach().requires_grad_(True)
        latents = encoder.latents(values, attention, self._tensor(spectra.z))
        return attention, self.decode_tensor(latents)

    def attention_offset(self, grid: WaveGrid) -> IntArray:
        """Return how far off its segments each channel looks; see `TraceableModel`."""
        encoder: Any = self.encoders[self.instrument(grid)]
        return attention_offset(encoder.conv3.weight)

    def networks(self) -> tuple[nn.Module, ...]:
        """Return the networks that can be compiled."""
        return (*self.encoders.values(), self.decoder)

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return configuration and weights, for `StoredModel`."""
        weights = {name: value.detach().cpu().numpy() for name, value in self.state_dict().items()}
        return self.config.to_dict(), weights

    @classmethod
    def from_parts(cls, config: dict[str, Any], weights: dict[str, NDArray[Any]]) -> Self:
        """Return the model of which `to_parts` gave these; refuses what does not fit.

        Files written before the configuration held the encoder's channels tell them by the shapes
        of their weights.
        """
        if "channels" not in config:
            config = config | {"channels": channels_of(weights)}
        with torch.device("meta"):
            model = cls(SpenderConfig.from_dict(config))
        load_weights(model, weights)
        return model

    def _latents(self, latents: FloatArray) -> Tensor:
        if np.ndim(latents) != 2 or np.shape(latents)[1] != self.n_latent:
            raise ValueError(
                f"latents must have shape (n_galaxy, {self.n_latent}), got {np.shape(latents)}"
            )
        return self._tensor(latents)

    def _tensor(self, values: FloatArray) -> Tensor:
        return torch.as_tensor(np.asarray(values, dtype=np.float32), device=self.device)


def _batches(n_galaxy: int) -> Iterator[slice]:
    for start in range(0, n_galaxy, BATCH):
        yield slice(start, min(start + BATCH, n_galaxy))
