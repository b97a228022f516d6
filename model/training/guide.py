"""The guide: a small network that gives target latents to the encoder.

It takes the principal components of a spectrum, at whatever redshift it is observed. `guide_fit`
trains it together with the decoder before there is an encoder; afterwards the encoder is drawn
to its latents for the first part of the training (`schedule.guidance`).

    guide(flux, ivar, z, grid=grid) -> latents
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from data.grid import WaveGrid
from model.linear.pca import PCA, PCAConfig
from model.store.checkpoints import read_checkpoint, write_checkpoint

HIDDEN = 256
"""Units of each hidden layer."""


class Guide(nn.Module):
    """Observed spectra -> latents, by way of their principal components."""

    spread: Tensor

    def __init__(self, pca: PCA, n_latent: int) -> None:
        """Build the network on a PCA.

        Args:
            pca: Of the survey.
            n_latent: Number of latents.
        """
        super().__init__()
        self.pca, self.n_latent = pca, n_latent
        self.network = nn.Sequential(
            nn.Linear(pca.n_latent, HIDDEN), nn.LeakyReLU(),
            nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(),
            nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(),
            nn.Linear(HIDDEN, n_latent),
        )  # fmt: skip
        self.register_buffer("spread", torch.ones(()))
        self.seconds = 0.0
        """What fitting it took."""

    def of_components(self, coefficients: Tensor) -> Tensor:
        """Return latents, shape (n, n_latent), from coefficients in units of their spread."""
        return self.network(torch.asinh(coefficients))

    @torch.no_grad()
    def components(self, flux: Tensor, ivar: Tensor, z: Tensor, *, grid: WaveGrid) -> Tensor:
        """Return coefficients in units of their spread, shape (n_galaxy, n_component).

        Args:
            flux: Observed spectra, finite, shape (n_galaxy, n_pixel).
            ivar: Inverse variance, 0 where masked, same shape.
            z: Redshifts, shape (n_galaxy,).
            grid: Grid of the spectra.
        """
        with torch.autocast(flux.device.type, enabled=False):
            coefficients = self.pca.encode_tensor(flux.float(), ivar, z.double(), grid=grid)
            return coefficients / self.pca.variance.sqrt()

    @torch.no_grad()
    def forward(self, flux: Tensor, ivar: Tensor, z: Tensor, *, grid: WaveGrid) -> Tensor:
        """Return latents in float32, shape (n_galaxy, n_latent); arguments as of `components`."""
        with torch.autocast(flux.device.type, enabled=False):
            return self.of_components(self.components(flux, ivar, z, grid=grid))

    def save(self, path: Path) -> None:
        """Write the guide to a file."""
        state = {
            "pca": self.pca.config.to_dict(),
            "n_latent": self.n_latent,
            "seconds": self.seconds,
        }
        write_checkpoint(path, self.state_dict(), state)

    @classmethod
    def load(cls, path: Path) -> Guide:
        """Read a guide that `save` wrote.

        Raises:
            ValueError: The file is missing or damaged.
        """
        tensors, state = read_checkpoint(path)
        guide = cls(PCA(PCAConfig.from_dict(state["pca"])), state["n_latent"])
        guide.load_state_dict(tensors)
        guide.seconds = state["seconds"]
        return guide.requires_grad_(False).eval()
