"""How noise moves latents (Portillo+2020, section 3.4, Fig. 17).

White noise is added to bright spectra until they have a given S/N; many realisations of it are
encoded. Variance and bias of the latents are told in spreads of the survey's latents: the width of
the latent distribution that Portillo+2020 divide by is not there for every kind of model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from data.arrays import FloatArray
from data.parts import read_parts
from data.spectra import Spectra
from model.atlas.scores import unmasked_median
from model.comparison.sample import Sample
from model.interface import SpectrumModel

LEVELS = (2.0, 3.0, 5.0, 8.0, 12.0, 18.0, 27.0, 40.0)
"""S/N per pixel that spectra are brought to, if they are brighter."""
N_BRIGHT = 8
"""The brightest objects, in S/N, are taken; Portillo+2020 takes one."""


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """What noise does to latents; arrays of shape (n_level, n_latent), NaN where unmeasured.

    Attributes:
        snr: S/N of each level, shape (n_level,).
        variance: Over realisations, in squared spreads of the survey's latents; mean of objects.
        bias: Distance of their mean from the latents of the spectrum as observed, in spreads;
            root mean square over objects, without what so many realisations scatter.
    """

    snr: FloatArray
    variance: FloatArray
    bias: FloatArray

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {name: values.tolist() for name, values in vars(self).items()}


def measure_sensitivity(
    model: SpectrumModel, sample: Sample, latents: FloatArray, *, n_draw: int, seed: int
) -> Sensitivity:
    """Encode noisy copies of the brightest objects of a sample.

    Args:
        model: The model.
        sample: The objects.
        latents: Theirs, shape (n, n_latent); tell the spread.
        n_draw: Realisations of the noise at each level.
        seed: Of the noise.
    """
    rng = np.random.default_rng(seed)
    low, high = np.percentile(latents, (16, 84), axis=0)
    spread = np.maximum((high - low) / 2, 1e-12)
    bright = np.argsort(-np.nan_to_num(sample.snr))[:N_BRIGHT]
    shape = (len(bright), len(LEVELS), model.n_latent)
    variance, bias2 = np.full(shape, np.nan), np.full(shape, np.nan)
    for places, spectra in read_parts(sample.source, sample.rows[bright]):
        for at, place in enumerate(places):
            one, start = spectra.take(np.full(n_draw, at)), latents[bright[place]]
            for number, level in enumerate(LEVELS):
                if level >= sample.snr[bright[place]]:
                    continue
                moved = (model.encode(with_white_noise(one, level, rng)) - start) / spread
                variance[place, number] = moved.var(axis=0, ddof=1)
                bias2[place, number] = moved.mean(axis=0) ** 2 - variance[place, number] / n_draw
    measured = np.isfinite(variance).any(axis=(0, 2))
    return Sensitivity(
        snr=np.array(LEVELS)[measured],
        variance=np.nanmean(variance[:, measured], axis=0),
        bias=np.sqrt(np.nanmean(bias2[:, measured], axis=0).clip(0)),
    )


def with_white_noise(spectra: Spectra, snr: float, rng: np.random.Generator) -> Spectra:
    """Return spectra with white noise added until their median S/N per pixel is `snr`.

    The noise they have counts by its median; masked pixels stay masked.
    """
    good = spectra.ivar > 0
    signal = unmasked_median(np.abs(spectra.flux), good)
    own = unmasked_median(1 / np.sqrt(np.where(good, spectra.ivar, 1.0)), good)
    added = np.sqrt(np.maximum((signal / snr) ** 2 - own**2, 0.0))[:, None]
    noise = rng.normal(size=spectra.flux.shape) * added
    variance = 1 / np.where(good, spectra.ivar, 1.0) + added**2
    return Spectra(
        grid=spectra.grid,
        flux=np.where(good, spectra.flux + noise, spectra.flux).astype(np.float32),
        ivar=np.where(good, 1 / variance, 0.0).astype(np.float32),
        z=spectra.z,
    )
