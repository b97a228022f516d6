"""What a spectrograph does to spectra: calibration, noise, cosmic rays, bad and missing pixels."""

from __future__ import annotations

from functools import cache

import numpy as np

from data.arrays import FloatArray
from data.constants import SPEED_OF_LIGHT
from data.lines import sky as sky_lines
from data.mock.distortions import calibration, calibration_shapes, noise_shape, noise_shapes
from data.mock.instrument import Instrument
from data.mock.object_random import ObjectRandom

_BAD_COLUMNS = 0.04
"""Part of the spectra that miss a stretch of pixels."""
_WEAK_HITS = 0.5
"""Mean number of weak cosmic rays in a spectrum that nothing masked."""
_SKY_RESIDUAL = 0.25
"""Amplitude of what the subtraction of sky lines leaves, in errors of the pixels (1 sigma); real
spectra scatter by 2 % more beside masked sky lines than elsewhere."""


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
    warps, shapes = calibration_shapes(instrument), noise_shapes(instrument)
    residual = sky_residual(instrument) / instrument.sky_error
    residual /= np.abs(residual).max()
    weak = random.varies("weak cosmic rays")
    sky = random.normal("residual sky", 0.0, _SKY_RESIDUAL).astype(np.float32)
    usable = (~instrument.sky_mask).astype(np.float32)
    noise = np.empty(flux.shape[1], dtype=np.float32)
    objects = zip(flux, ivar, calibration(random), noise_shape(random), sky,
                  exposure.astype(np.float32), random.generators(), strict=True)  # fmt: skip
    for recorded, inverse, warp, shape, left, times, generator in objects:
        recorded *= 1 + _sum(warp, warps)
        error = (instrument.sky_error * times) ** 2
        error += instrument.source_variance * np.maximum(recorded, 0)
        error *= np.exp(2 * _sum(shape, shapes))
        np.divide(1, error, out=inverse)
        np.sqrt(error, out=error)
        generator.standard_normal(dtype=np.float32, out=noise)
        noise += left * residual
        noise *= error
        recorded += noise
        _hit(recorded, inverse, error, generator, instrument)
        if weak:
            _hit_weakly(recorded, error, generator)
        inverse *= usable
    _blank(flux, ivar, random, instrument)


def _sum(sizes: FloatArray, shapes: FloatArray) -> FloatArray:
    """Return `sizes @ shapes`, the same to the last bit wherever `sizes` lies in memory."""
    return np.einsum("k,kj->j", sizes, shapes, optimize=False)


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


def _hit_weakly(flux: FloatArray, error: FloatArray, generator: np.random.Generator) -> None:
    """Add cosmic rays of 3 to 15 sigma that no one masked to one spectrum, in place."""
    n_hit = generator.poisson(_WEAK_HITS)
    pixel = generator.integers(0, len(flux), n_hit)
    flux[pixel] += (3 + generator.exponential(3.0, n_hit)).clip(3, 15) * error[pixel]


@cache
def sky_residual(instrument: Instrument) -> FloatArray:
    """Return what is left of the sky after a shift of its lines, float32, shape (n_pixel,)."""
    wave, total = instrument.grid.wave, np.zeros(instrument.grid.n_pixel)
    for line in sky_lines.SKY_LINES:
        sigma = 1.2 * float(instrument.resolution(line.wave)) / SPEED_OF_LIGHT * line.wave
        x = (wave - line.wave) / sigma
        near = np.abs(x) < 8
        # A shifted line leaves its derivative, a scaled one a part of the line itself.
        shape = (0.6 * x[near] + 0.5) * np.exp(-0.5 * x[near] ** 2)
        total[near] += np.sqrt(line.intensity / 10) * shape
    return total.astype(np.float32)


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
