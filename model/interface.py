"""The interface of every model: SPENDER, PCA and the rest open in the same explorer."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from data.arrays import BoolArray, FloatArray
from data.grid import WaveGrid
from data.spectra import Spectra


@runtime_checkable
class SpectrumModel(Protocol):
    """Spectra to latents and back; NumPy in, NumPy out, any number of galaxies.

    Implementations batch the work themselves and hold no gradient.
    """

    kind: str
    """`spender`, `vae`, `infovae`, `ae`, `pca` or `nmf`."""
    n_latent: int
    rest_grid: WaveGrid
    """Rest-frame grid of `decode`."""

    @property
    def wave_rest(self) -> FloatArray:
        """Rest-frame vacuum wavelengths, Angstrom, shape (n_rest,)."""
        ...

    def encode(self, spectra: Spectra) -> FloatArray:
        """Return latents, float32, shape (n_galaxy, n_latent)."""
        ...

    def decode(self, latents: FloatArray) -> FloatArray:
        """Return rest-frame spectra, float32, shape (n_galaxy, n_rest)."""
        ...

    def observe(
        self, rest: FloatArray, z: FloatArray, grid: WaveGrid
    ) -> tuple[FloatArray, BoolArray]:
        """Redshift rest-frame spectra and resample them to an observed-frame grid.

        Args:
            rest: Spectra that `decode` returned, shape (n_galaxy, n_rest).
            z: Redshifts, shape (n_galaxy,).
            grid: Observed-frame grid.

        Returns:
            The model flux, float32, 0 outside the rest range, and a boolean array, true where
            the rest range reaches; both of shape (n_galaxy, n_pixel).
        """
        ...

    def reconstruct(
        self, latents: FloatArray, z: FloatArray, grid: WaveGrid
    ) -> tuple[FloatArray, BoolArray]:
        """Decode and observe, a batch at a time: the result of `observe(decode(latents), z, grid)`.

        Who needs the rest frame too calls the two, so that nothing is decoded twice.
        """
        ...
