"""A model whose latents are refined as it encodes."""

from __future__ import annotations

from data.arrays import BoolArray, FloatArray
from data.grid import WaveGrid
from data.spectra import Spectra
from model.interface import SpectrumModel
from model.refinement.refine import refine
from model.refinement.support import Support


class RefiningModel:
    """A model that refines what it encodes; in all else the model that it is given."""

    def __init__(self, model: SpectrumModel, support: Support) -> None:
        """Take a model and the support of the survey's latents."""
        self._model, self._support = model, support
        self.kind, self.n_latent, self.rest_grid = model.kind, model.n_latent, model.rest_grid

    @property
    def wave_rest(self) -> FloatArray:
        """Rest-frame vacuum wavelengths, Angstrom, shape (n_rest,)."""
        return self._model.wave_rest

    def encode(self, spectra: Spectra) -> FloatArray:
        """Return refined latents, float32, shape (n_galaxy, n_latent)."""
        return refine(self._model, spectra, self._model.encode(spectra), self._support).latents

    def decode(self, latents: FloatArray) -> FloatArray:
        """Return rest-frame spectra; see `SpectrumModel`."""
        return self._model.decode(latents)

    def observe(
        self, rest: FloatArray, z: FloatArray, grid: WaveGrid
    ) -> tuple[FloatArray, BoolArray]:
        """Redshift and resample what `decode` returned; see `SpectrumModel`."""
        return self._model.observe(rest, z, grid)

    def reconstruct(
        self, latents: FloatArray, z: FloatArray, grid: WaveGrid
    ) -> tuple[FloatArray, BoolArray]:
        """Decode and observe; see `SpectrumModel`."""
        return self._model.reconstruct(latents, z, grid)
