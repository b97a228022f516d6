"""The interface of every model: SPENDER, PCA and the rest open in the same explorer."""

from __future__ import annotations

from typing import Any, Protocol, Self, runtime_checkable

import torch
from numpy.typing import NDArray
from torch import Tensor

from data.arrays import BoolArray, FloatArray, IntArray
from data.grid import WaveGrid
from data.spectra import Spectra

Weights = dict[str, NDArray[Any]]
"""The numbers of a model by name."""


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


@runtime_checkable
class DifferentiableModel(SpectrumModel, Protocol):
    """A model that decodes and observes tensors, on its device, so that slopes can be had."""

    @property
    def device(self) -> torch.device:
        """Where its numbers are."""
        ...

    def decode_tensor(self, latents: Tensor) -> Tensor:
        """Return rest-frame spectra, shape (n_galaxy, n_rest); differentiable."""
        ...

    def observe_tensor(self, rest: Tensor, z: Tensor, grid: WaveGrid) -> tuple[Tensor, Tensor]:
        """Redshift rest-frame spectra to an observed-frame grid; linear in `rest`.

        Returns:
            The flux, 0 outside the rest range, and where the rest range reaches; both of shape
            (n_galaxy, n_pixel).
        """
        ...


@runtime_checkable
class TraceableModel(SpectrumModel, Protocol):
    """A model that tells, by gradients, which part of a spectrum its output rests on."""

    def trace(self, spectra: Spectra) -> tuple[Tensor, Tensor]:
        """Encode and decode with what gradients need.

        Returns:
            Evidence, a tensor that requires gradients: attention weights, shape
            (n_galaxy, n_channel, n_segment), or the flux, shape (n_galaxy, n_pixel). And the
            rest-frame spectra computed from it, shape (n_galaxy, n_rest).
        """
        ...

    def attention_offset(self, grid: WaveGrid) -> IntArray | None:
        """Return how far from a segment's centre each attention channel looks, in segments.

        Args:
            grid: Observed-frame grid of the spectra.

        Returns:
            Whole segments, shape (n_channel,); None for a model without attention.
        """
        ...


@runtime_checkable
class StoredModel(SpectrumModel, Protocol):
    """A model that can be saved."""

    def to_parts(self) -> tuple[dict[str, Any], Weights]:
        """Return the configuration (JSON-ready) and the weights."""
        ...

    @classmethod
    def from_parts(cls, config: dict[str, Any], weights: Weights) -> Self:
        """Return the model of which `to_parts` gave these.

        Raises:
            ValueError: A weight is missing, unexpected, or of the wrong shape.
        """
        ...
