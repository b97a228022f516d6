"""What a spectrograph does to spectra: calibration, noise, cosmic rays, bad and missing pixels."""

from __future__ import annotations

from functools import cache

import numpy as np

from data.arrays import FloatArray
from data.first_mock.instrument import Instrument
from data.mock.object_random import ObjectRandom

_CALIBRATION_ERROR = 0.025
"""Amplitude of the longest of the smooth calibration errors, relative (1 sigma)."""
_N_WAVE = 3
"""Number of cosines that a calibration error is made of."""
_BAD_COLUMNS = 0.04
"""Part of the spectra that miss a stretch of pixels."""


def record(
    flux: FloatArray, ivar: FloatArray, random: ObjectRandom, instrument: Instrument, *,
    exposure: FloatArray,
) -> None:  # fmt: skip
    """Turn true spectra into recorded ones, in place.

    Args:
        flux: True flux, 1e-17 cgs, float32, shape (n_galaxy, n_pixel); replaced by the recorded.
        ivar: Same shape and type; set to the inverse variance, 0 where masked: cosmic rays, bad
            columns, wavelengths not covered (flux 0 there), and strong sky lines.
        random: The objects' random numbers.
        instrument: What records them.
        exposure: Noise over the usual, shape (n_galaxy,).
    """
    waves = _calibration_waves(flux.shape[1])
    calibration = _calibration(random)
    usable = (~instrument.sky_mask).astype(np.float32)
    noise = np.empty(flux.shape[1], dtype=np.float32)
    objects = zip(flux, ivar, calibration, exposure.astype(np.float32), random.generators(),
                  strict=True)  # fmt: skip
    for recorded, inverse, sizes, times, generator in objects:
        recorded *= 1 + sizes @ waves
        error = (instrument.sky_error * times) ** 2
        error += instrument.source_variance * np.maximum(recorded, 0)
        np.divide(1, error, out=inverse)
        np.sqrt(error, out=error)
        generator.standard_normal(dtype=np.float32, out=noise)
        noise *= error
        recorded += noise
        _hit(recorded, inverse, error, generator, instrument)
        inverse *= usable
    _blank(flux, ivar, random, instrument)


def _calibration(random: ObjectRandom) -> FloatArray:
    """Return amplitudes of smooth errors of the calibration, float32, (n_galaxy, _N_WAVE)."""
    orders = range(1, _N_WAVE + 1)
    sizes = [random.normal(f"calibration {i}", 0.0, _CALIBRATION_ERROR / i) for i in orders]
    return np.stack(sizes, axis=1).astype(np.float32)


@cache
def _calibration_waves(n_pixel: int) -> FloatArray:
    """Return their shapes, float32, (_N_WAVE, n_pixel)."""
    x = np.linspace(0, np.pi, n_pixel, dtype=np.float32)
    return np.cos(np.arange(1, _N_WAVE + 1, dtype=np.float32)[:, None] * x)


def _hit(
    flux: FloatArray, ivar: FloatArray, error: FloatArray, generator: np.random.Generator,
    instrument: Instrument,
) -> None:  # fmt: skip
    """Put cosmic rays on one spectrum, in place; the pipeline finds and masks nearly all."""
    n_hit = generator.poisson(instrument.cosmic_rays * len(flux) / 2)
    if not n_hit:
        return
    start = generator.integers(0, len(flux) - 1, n_hit)
    strength = np.minimum(generator.pareto(1.0, n_hit), 100).astype(np.float32) * 5
    for pixel in (start, start + 1):
        flux[pixel] += strength * error[pixel]
        ivar[pixel] = 0
    if generator.random() < 0.02:  # one escaped
        ivar[start[0]] = 1 / error[start[0]] ** 2


def _blank(
    flux: FloatArray, ivar: FloatArray, random: ObjectRandom, instrument: Instrument
) -> None:
    """Mask bad columns; remove what lies outside the wavelengths covered, in place."""
    grid = instrument.grid
    first = grid.pixel(instrument.covered[0]) + random.uniform("first pixel", -12, 12)
    last = grid.pixel(instrument.covered[1]) + random.uniform("last pixel", -8, 8)
    bad = random.uniform("bad columns") < _BAD_COLUMNS
    start = random.uniform("bad start", 0, grid.n_pixel).astype(int)
    width = random.uniform("bad width", 5, 120).astype(int)
    for row in range(len(flux)):
        if bad[row]:
            ivar[row, start[row] : start[row] + width[row]] = 0
        for lost in (slice(0, max(int(first[row]), 0)), slice(int(last[row]) + 1, None)):
            flux[row, lost] = 0
            ivar[row, lost] = 0
