"""Instruments of the mock survey: resolution, noise, sky, bad pixels, limits.

The noise of SDSS is the median over plates of the pipeline's errors as a function of
wavelength and flux; BOSS and DESI are scaled from it by aperture, exposure and throughput.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.arrays import BoolArray, FloatArray
from data.constants import SPEED_OF_LIGHT
from data.grid import INSTRUMENTS, WaveGrid
from data.lines import sky as sky_lines

_WAVE = np.array([3600, 3850, 4000, 4150, 4300, 4450, 4600, 4900, 5200, 5650, 5800, 5950, 6100,
    6250, 6550, 6850, 7150, 7450, 7750, 8050, 8350, 8650, 8950, 9200, 9600, 10400.0])  # fmt: skip
_SKY = np.array([2.9, 2.05, 1.6, 1.3, 1.08, 0.95, 0.82, 0.69, 0.60, 0.62, 0.74, 0.62, 0.43,
    0.34, 0.29, 0.26, 0.26, 0.27, 0.34, 0.36, 0.48, 0.62, 0.75, 0.92, 1.4, 2.6])  # fmt: skip
"""Error of a pixel without an object, 1e-17 erg/s/cm2/A."""
_SOURCE = np.array([0.40, 0.23, 0.15, 0.105, 0.090, 0.070, 0.070, 0.058, 0.047, 0.046, 0.045,
    0.032, 0.032, 0.033, 0.026, 0.024, 0.024, 0.031, 0.036, 0.037, 0.038, 0.045, 0.062, 0.066,
    0.1, 0.2])  # fmt: skip
"""Growth of the variance with flux, 1e-17 erg/s/cm2/A."""
_OH_VARIANCE = 0.012
"""Variance a sky line of intensity 1 adds at its centre, relative to its continuum there."""
_SDSS_LSF = (
    np.array([3800, 4300, 4900, 5500, 5880, 5920, 6100, 6700, 7300, 8000, 8600, 9200, 10400.0]),
    np.array([1.17, 1.07, 0.95, 0.84, 0.81, 0.88, 0.96, 0.88, 0.80, 0.73, 0.71, 0.71, 0.71]),
)
"""Dispersion of the line-spread function in SDSS pixels (1e-4 dex): median WDISP."""
_PIXEL_KMS = SPEED_OF_LIGHT * np.log(10) * 1e-4


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """How a spectrograph sees galaxies.

    Attributes:
        name: Name in `data.grid.INSTRUMENTS`.
        magnitude_limit: Faintest r magnitude of its galaxies.
        fibre_faint: Mean of fibre minus total r magnitude at z = 0.1.
        noise: Error of a pixel of SDSS's width over that of SDSS.
        covered: First and last wavelength reached, Angstrom, typical.
        join: Wavelength where its arms meet, Angstrom.
        cosmic_rays: Part of the pixels hit and masked.
    """

    name: str
    magnitude_limit: float
    fibre_faint: float
    noise: float
    covered: tuple[float, float]
    join: float
    cosmic_rays: float

    @cached_property
    def grid(self) -> WaveGrid:
        """Observed-frame grid."""
        return INSTRUMENTS[self.name]

    @cached_property
    def sky_mask(self) -> BoolArray:
        """Which pixels are near strong sky lines, bool, shape (n_pixel,)."""
        return sky_lines.mask(self.grid)

    def resolution(self, wave: FloatArray | float) -> FloatArray:
        """Return the dispersion of the line-spread function at wavelengths (Angstrom), km/s."""
        if self.name == "desi":  # 1.85 A FWHM throughout (DESI collaboration 2022, fig. 20)
            return 1.85 / 2.355 / np.asarray(wave) * SPEED_OF_LIGHT
        return np.interp(wave, *_SDSS_LSF) * _PIXEL_KMS

    @cached_property
    def sky_error(self) -> FloatArray:
        """Error of each pixel without an object, 1e-17 cgs, float32, shape (n_pixel,)."""
        wave = self.grid.wave
        variance = np.interp(wave, _WAVE, _SKY) ** 2
        lines = np.zeros_like(wave)
        for line in sky_lines.SKY_LINES:
            sigma = self.resolution(line.wave) / SPEED_OF_LIGHT * line.wave
            near = np.abs(wave - line.wave) < 8 * sigma
            lines[near] += line.intensity * np.exp(-0.5 * ((wave[near] - line.wave) / sigma) ** 2)
        variance *= 1 + _OH_VARIANCE * 25 * lines
        return (np.sqrt(variance) * self._pixel_noise).astype(np.float32)

    @cached_property
    def source_variance(self) -> FloatArray:
        """Growth of each pixel's variance with flux, 1e-17 cgs, float32, shape (n_pixel,)."""
        growth = np.interp(self.grid.wave, _WAVE, _SOURCE)
        return (growth * self._pixel_noise**2).astype(np.float32)

    @cached_property
    def _pixel_noise(self) -> FloatArray:
        """Noise of pixels narrower than those of SDSS, over that of SDSS."""
        width = np.gradient(self.grid.wave)
        return self.noise * np.sqrt(self.grid.wave * np.log(10) * 1e-4 / width)

    def error(self, wave: FloatArray, flux: FloatArray) -> FloatArray:
        """Return the error between the sky lines, 1e-17 cgs.

        Args:
            wave: Observed wavelengths, Angstrom.
            flux: Flux there, 1e-17 cgs, same shape.
        """
        scale = np.interp(wave, self.grid.wave, self._pixel_noise)
        sky = np.interp(wave, _WAVE, _SKY) ** 2
        return scale * np.sqrt(sky + np.interp(wave, _WAVE, _SOURCE) * flux.clip(0))


MOCK_INSTRUMENTS: dict[str, Instrument] = {
    "sdss": Instrument(name="sdss", magnitude_limit=17.77, fibre_faint=1.05, noise=1.0,
                       covered=(3806.0, 9202.0), join=6000.0, cosmic_rays=0.004),
    "boss": Instrument(name="boss", magnitude_limit=17.77, fibre_faint=1.45, noise=0.75,
                       covered=(3570.0, 10380.0), join=6000.0, cosmic_rays=0.004),
    "desi": Instrument(name="desi", magnitude_limit=19.5, fibre_faint=1.65, noise=0.55,
                       covered=(3600.0, 9824.0), join=5800.0, cosmic_rays=0.003),
}  # fmt: skip
"""SDSS main galaxies (Strauss+2002), BOSS spectrograph on the same, DESI bright (Hahn+2023)."""
