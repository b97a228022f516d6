"""What a spectrograph does to spectra: calibration, noise, cosmic rays, bad and missing pixels."""

from __future__ import annotations

import numpy as np

from data.grid import FloatArray
from data.mock_instrument import Instrument
from data.mock_random import ObjectRandom

_CALIBRATION_ERROR = 0.025
_N_WAVE = 3
_BAD_COLUMNS = 0.04
"""Part of the spectra that miss a stretch of pixels."""


def observe(
    flux: FloatArray, random: ObjectRandom, instrument: Instrument, *, exposure: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return recorded spectra and their inverse variance.

    Args:
        flux: True flux, 1e-17 cgs, float32, shape (n_galaxy, n_pixel).
        random: The objects' random numbers.
        instrument: What records them.
        exposure: Noise over the usual, shape (n_galaxy,).

    Returns:
        Flux and ivar, float32; ivar 0 where masked: cosmic rays, bad columns, wavelengths not
        covered (flux 0 there), and strong sky lines.
    """
    flux = flux * _calibration(random, instrument.grid.n_pixel)
    variance = (instrument.sky_error * exposure[:, None].astype(np.float32)) ** 2
    variance += instrument.source_variance * np.maximum(flux, 0)
    ivar = 1 / variance
    error = np.sqrt(variance)
    for row, generator in enumerate(random.generators()):
        noise = generator.standard_normal(flux.shape[1], dtype=np.float32)
        flux[row] += error[row] * noise
        _hit(flux[row], ivar[row], error[row], generator, instrument)
    _blank(flux, ivar, random, instrument)
    ivar[:, instrument.sky_mask] = 0
    return flux, ivar


def _calibration(random: ObjectRandom, n_pixel: int) -> FloatArray:
    """Return smooth factors near 1, float32, shape (n_galaxy, n_pixel)."""
    x = np.linspace(0, np.pi, n_pixel, dtype=np.float32)
    factor = np.ones((len(random.index), n_pixel), dtype=np.float32)
    for order in range(1, _N_WAVE + 1):
        size = random.normal(f"calibration {order}", 0.0, _CALIBRATION_ERROR / order)
        factor += size[:, None].astype(np.float32) * np.cos(order * x)
    return factor


def _hit(
    flux: FloatArray, ivar: FloatArray, error: FloatArray, generator: np.random.Generator,
    instrument: Instrument,
) -> None:  # fmt: skip
    """Put cosmic rays on one spectrum, in place; the pipeline finds and masks nearly all."""
    n_hit = generator.poisson(instrument.cosmic_rays * len(flux) / 2)
    start = generator.integers(0, len(flux) - 1, n_hit)
    strength = generator.pareto(1.0, n_hit).clip(0, 100).astype(np.float32) * 5
    for offset in (0, 1):
        flux[start + offset] += strength * error[start + offset]
        ivar[start + offset] = 0
    if n_hit and generator.random() < 0.02:  # one escaped
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
