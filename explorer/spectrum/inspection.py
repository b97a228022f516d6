"""Everything the page shows of one object: spectrum, reconstruction, residual, decoded model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from threading import Condition

import numpy as np
from cachetools import LRUCache, cached

from data.arrays import BoolArray, FloatArray
from data.lines import sky as sky_lines
from data.parts import read_parts
from data.spectra import Spectra
from explorer.state.dataset import Dataset
from explorer.state.guest import Guest
from model.evaluation.redshift_trial import try_redshifts
from model.misfit import misfit

RestSpectrum = tuple[FloatArray, FloatArray]
"""Rest-frame wavelengths (Angstrom) and flux, NaN where masked; each of shape (n_pixel,)."""
KEPT = 16
"""Inspections kept for all sessions on an atlas, about 200 kB each."""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """One object, as observed and as the model sees it. Arrays have shape (n_pixel,) unless said.

    Attributes:
        row: Its row in the catalogue; -1 for one that the user brought.
        spectra: What was observed, as read: one spectrum.
        model: Reconstruction in the observed frame; NaN outside the rest range.
        sky: True on pixels of strong sky lines.
        wave_rest: Rest-frame wavelengths of `decoded`, Angstrom, shape (n_rest,).
        decoded: Decoded rest-frame spectrum, shape (n_rest,).
        latents: Latents, shape (n_latent,).
        norm: What the flux was divided by, 1e-17 erg/s/cm2/Angstrom; NaN = not known.
        second: Reconstruction of the model of a second atlas; None without one.
    """

    row: int
    spectra: Spectra
    model: FloatArray
    sky: BoolArray
    wave_rest: FloatArray
    decoded: FloatArray
    latents: FloatArray
    norm: float
    second: FloatArray | None = None

    @property
    def z(self) -> float:
        """Redshift."""
        return float(self.spectra.z[0])

    @property
    def wave(self) -> FloatArray:
        """Observed-frame vacuum wavelengths, Angstrom."""
        return self.spectra.wave

    @property
    def flux(self) -> FloatArray:
        """Normalised flux; 0 where not finite in the file."""
        return self.spectra.flux[0]

    @property
    def ivar(self) -> FloatArray:
        """Inverse variance of `flux`, 0 where masked."""
        return self.spectra.ivar[0]

    @property
    def masked(self) -> BoolArray:
        """Pixels that carry no information."""
        return self.ivar <= 0

    @property
    def residual(self) -> FloatArray:
        """Data minus reconstruction in units of the noise, NaN where masked or not modelled."""
        return np.where(self.masked, np.nan, (self.flux - self.model) * np.sqrt(self.ivar))

    @property
    def noise(self) -> FloatArray:
        """One-sigma noise, NaN where masked."""
        with np.errstate(divide="ignore"):
            return np.where(self.masked, np.nan, 1.0 / np.sqrt(self.ivar))


def inspect(dataset: Dataset, chosen: int | Guest, *, z: float | None = None) -> Inspection:
    """Return one object, read and decoded once for all views that ask; safe to use from threads.

    Slow unless it is one of the last `KEPT`: run it with `server.latest.Latest`. What a user
    brought is decoded each time, and kept for nobody.

    Args:
        dataset: The atlas.
        chosen: A row of it, or an object that the user brought.
        z: Redshift to encode it at; None = its own, and the latents of the atlas.
    """
    if z is not None:
        return _tried(dataset, inspect(dataset, chosen), z)
    if isinstance(chosen, Guest):
        norm = float(chosen.facts.get("norm", np.nan))
        return _decoded(dataset, -1, chosen.spectra, chosen.placed.latents[None], norm)

    def make() -> Callable[[int], Inspection]:
        kept = LRUCache[int, Inspection](KEPT)
        return cached(kept, condition=Condition())(partial(_read, dataset))

    return dataset.keep(("inspections",), make)(chosen)


def _read(dataset: Dataset, row: int) -> Inspection:
    atlas = dataset.atlas
    latents = np.array(atlas.latents[row : row + 1], dtype=np.float32)
    catalog = dataset.catalog
    norm = float(catalog["norm"].iloc[row]) if "norm" in catalog else np.nan
    return _decoded(dataset, row, atlas.source.read([row]), latents, norm)


def _tried(dataset: Dataset, item: Inspection, z: float) -> Inspection:
    """Return an object encoded anew at another redshift."""
    own = item.spectra
    made = try_redshifts(dataset.atlas.model, own, [z])
    spectra = Spectra(grid=own.grid, flux=own.flux, ivar=own.ivar, z=made.z)
    tried = _decoded(dataset, item.row, spectra, made.latents, item.norm)
    scale = np.float32(made.scale[0])
    second = None
    if dataset.second is not None:
        other = Spectra(grid=own.grid, flux=own.flux / scale, ivar=own.ivar * scale**2, z=made.z)
        second = dataset.second.reconstruct(item.row, other, anew=True)
    return replace(
        tried, model=tried.model * scale, decoded=tried.decoded * scale,
        second=None if second is None else second * scale,
    )  # fmt: skip


def _decoded(
    dataset: Dataset, row: int, spectra: Spectra, latents: FloatArray, norm: float
) -> Inspection:
    atlas = dataset.atlas
    decoded = atlas.model.decode(latents)
    grid, other = spectra.grid, dataset.second
    model, inside = atlas.model.observe(decoded, spectra.z, grid)
    return Inspection(
        row=row,
        spectra=spectra,
        model=np.where(inside[0], model[0], np.nan),
        sky=dataset.keep(("sky pixels", repr(grid)), lambda: sky_lines.mask(grid)),
        wave_rest=atlas.model.wave_rest,
        decoded=decoded[0],
        latents=latents[0],
        norm=norm,
        second=None if other is None else other.reconstruct(row, spectra, anew=False),
    )


def rest_spectra(dataset: Dataset, rows: list[int]) -> list[RestSpectrum]:
    """Read what was observed of some objects, each in its rest frame; slow."""
    found: dict[int, RestSpectrum] = {}
    for places, spectra in read_parts(dataset.atlas.source, rows):
        flux = np.where(spectra.ivar > 0, spectra.flux, np.nan)
        for place, z, values in zip(places.tolist(), spectra.z, flux, strict=True):
            found[place] = (spectra.wave / (1.0 + z), values)
    return [found[place] for place in range(len(rows))]


def told(dataset: Dataset, item: Inspection) -> str:
    """Return how well two models draw an object, in words; empty without a second model."""
    second = dataset.second
    if second is None:
        return ""
    if item.second is None:
        return f"The model of {second.name} does not know the wavelength grid of this spectrum."
    pairs = ((dataset.name, item.model), (second.name, item.second))
    reduced = [
        (name, misfit(item.spectra, np.nan_to_num(flux)[None], np.isfinite(flux)[None]).reduced[0])
        for name, flux in pairs
    ]
    return "Reduced χ²: " + ", ".join(f"{value:.3f} {name}" for name, value in reduced) + "."
