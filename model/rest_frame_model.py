"""What models of rest-frame spectra share: NumPy in and out, a batch at a time.

A model gives `rest_grid`, `n_latent`, `device`, `encode_spectra` and `decode_tensor`; the methods
of `SpectrumModel` and `DifferentiableModel` follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from data.arrays import BoolArray, FloatArray
from data.grid import WaveGrid
from data.spectra import Spectra
from model.networks.redshift import redshift

ROWS = 512
"""Spectra worked on at a time."""


class RestFrameModel:
    """The methods that follow from encoding and decoding a batch."""

    n_latent: int
    rest_grid: WaveGrid

    @property
    def device(self) -> torch.device:
        """Where the numbers are."""
        raise NotImplementedError

    def encode_spectra(self, spectra: Spectra) -> Tensor:
        """Return latents of a batch, shape (n_galaxy, n_latent)."""
        raise NotImplementedError

    def decode_tensor(self, latents: Tensor) -> Tensor:
        """Return rest-frame spectra, shape (n_galaxy, n_rest)."""
        raise NotImplementedError

    @property
    def wave_rest(self) -> FloatArray:
        """Rest-frame vacuum wavelengths, Angstrom, shape (n_rest,)."""
        return self.rest_grid.wave

    def observe_tensor(self, rest: Tensor, z: Tensor, grid: WaveGrid) -> tuple[Tensor, Tensor]:
        """Redshift rest-frame spectra to an observed-frame grid; see `DifferentiableModel`."""
        return redshift(rest, z, source=self.rest_grid, target=grid)

    def encode(self, spectra: Spectra) -> FloatArray:
        """Return latents, float32, shape (n_galaxy, n_latent)."""
        with torch.no_grad():
            parts = [
                self.encode_spectra(spectra.take(rows)).cpu() for rows in row_slices(len(spectra))
            ]
        return torch.cat(parts).numpy() if parts else np.empty((0, self.n_latent), np.float32)

    def decode(self, latents: FloatArray) -> FloatArray:
        """Return rest-frame spectra, float32, shape (n_galaxy, n_rest)."""
        with torch.no_grad():
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

    def tensors(self, spectra: Spectra) -> tuple[Tensor, Tensor, Tensor]:
        """Return flux, inverse variance and redshifts on the device of the model."""
        device = self.device
        return (
            torch.tensor(spectra.flux, dtype=torch.float32, device=device),
            torch.tensor(spectra.ivar, dtype=torch.float32, device=device),
            torch.tensor(spectra.z, dtype=torch.float64, device=device),
        )

    def attention_offset(self, grid: WaveGrid) -> None:  # noqa: ARG002 - as the interface says
        """Return None: there is no attention."""

    def _observed(
        self, rest: Callable[[slice], Tensor], z: FloatArray, grid: WaveGrid
    ) -> tuple[FloatArray, BoolArray]:
        """Observe rest-frame spectra that `rest` gives batch by batch."""
        z_all = torch.tensor(z, dtype=torch.float64, device=self.device)
        flux = np.empty((len(z), grid.n_pixel), dtype=np.float32)
        covered = np.empty(flux.shape, dtype=bool)
        with torch.no_grad():
            for rows in row_slices(len(z)):
                moved, valid = self.observe_tensor(rest(rows), z_all[rows], grid)
                flux[rows], covered[rows] = moved.cpu().numpy(), valid.cpu().numpy()
        return flux, covered

    def _latents(self, latents: FloatArray) -> Tensor:
        values = torch.tensor(latents, dtype=torch.float32, device=self.device)
        if values.ndim != 2 or values.shape[1] != self.n_latent:
            raise ValueError(
                f"latents must have shape (n_galaxy, {self.n_latent}), got {tuple(values.shape)}"
            )
        return values


def row_slices(n_galaxy: int) -> Iterator[slice]:
    """Return the rows of each piece of work."""
    for start in range(0, n_galaxy, ROWS):
        yield slice(start, min(start + ROWS, n_galaxy))
