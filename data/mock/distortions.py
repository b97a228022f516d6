"""How one fibre and one exposure differ from the median: resolution, noise, calibration.

Shapes are principal components of the logarithm, over the objects of the SDSS files at hand;
three of them carry 92 % (resolution) and 79 % (noise) of the variance in the half of the objects
that they were not made from.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from data.arrays import FloatArray
from data.mock.instrument import Instrument
from data.mock.object_random import ObjectRandom

_WAVE = np.array([3850, 4000, 4300, 4600, 4900, 5200, 5500, 5800, 6050, 6300, 6700, 7100, 7500,
    7900, 8300, 8700, 9100.0])  # fmt: skip
_SPREAD = np.array([
    [0.074, 0.077, 0.079, 0.079, 0.076, 0.071, 0.064, 0.056, 0.028, 0.025, 0.030, 0.040, 0.051,
     0.059, 0.059, 0.049, 0.029],
    [0.029, 0.033, 0.037, 0.035, 0.030, 0.022, 0.011, 0.005, -0.014, -0.017, -0.026, -0.034,
     -0.042, -0.047, -0.054, -0.054, -0.051],
    [0.004, 0.007, 0.009, 0.007, 0.004, 0.0, -0.005, -0.011, -0.033, -0.036, -0.031, -0.024,
     -0.016, -0.004, 0.009, 0.027, 0.049],
])  # fmt: skip
"""Changes of ln(dispersion of the line-spread function), WDISP, by 1 sigma."""
_NOISE = np.array([
    [-0.100, -0.091, -0.063, -0.047, -0.026, -0.017, -0.009, -0.011, 0.010, 0.040, 0.041, 0.042,
     0.055, 0.067, 0.051, 0.035, 0.023],
    [0.061, 0.021, -0.014, -0.025, -0.027, -0.032, -0.032, -0.023, 0.001, -0.011, -0.049, -0.034,
     -0.003, 0.074, 0.026, 0.036, 0.030],
    [-0.014, -0.016, 0.0, -0.003, 0.006, 0.007, 0.006, 0.030, -0.013, -0.029, -0.011, -0.014,
     -0.017, -0.026, 0.005, 0.032, 0.057],
])  # fmt: skip
"""Changes of ln(error) by 1 sigma, at the same flux and besides the change of the mean."""
_CALIBRATION = 0.026
"""Amplitude of the first cosine of the errors of calibration; that of order n is n times less.
Real spectra deviate from sums of populations by 1 % over 300 A, where they do by 0.6 % with
cosines of 0.025 up to the third order."""
_N_COSINE = 14
_BLUE_END = (1.0, 250.0)
"""Growth of the errors at the blue end, and its scale, Angstrom (real: 3 % at 3950 A)."""
_JOIN = (0.012, 150.0)
"""Step where the arms meet, 1 sigma, and how far it is felt, Angstrom (real: 1.5 %)."""


def line_spread(random: ObjectRandom, instrument: Instrument) -> FloatArray:
    """Return amplitudes of the shapes of `spread_factor`, (n_galaxy, 3); none for DESI, whose
    spectrographs are stable."""
    sizes = [random.normal(f"line spread {i}") for i in range(len(_SPREAD))]
    return np.stack(sizes, axis=1) * (instrument.name != "desi")


def spread_factor(sizes: FloatArray, observed: FloatArray) -> FloatArray:
    """Return the dispersion of the line-spread function over the median.

    Args:
        sizes: Amplitudes of the shapes, (n_galaxy, 3).
        observed: Wavelengths, Angstrom, (n_galaxy, n_line).
    """
    change = np.zeros(observed.shape)
    for size, shape in zip(sizes.T, _SPREAD, strict=True):
        change += size[:, None] * np.interp(observed, _WAVE, shape)
    return np.exp(change)


def noise_shape(random: ObjectRandom) -> FloatArray:
    """Return amplitudes of `noise_shapes`, float32, (n_galaxy, 3)."""
    sizes = [random.normal(f"noise shape {i}") for i in range(len(_NOISE))]
    return np.stack(sizes, axis=1).astype(np.float32)


@cache
def noise_shapes(instrument: Instrument) -> FloatArray:
    """Return changes of ln(error) by 1 sigma, float32, (3, n_pixel)."""
    shapes = [np.interp(instrument.grid.wave, _WAVE, shape) for shape in _NOISE]
    return np.array(shapes, dtype=np.float32)


def calibration(random: ObjectRandom) -> FloatArray:
    """Return amplitudes of `calibration_shapes`, float32, (n_galaxy, n_shape)."""
    sizes = [random.normal(f"calibration {i}", 0.0, _CALIBRATION / i)
             for i in range(1, _N_COSINE + 1)]  # fmt: skip
    sizes.append(random.normal("calibration join", 0.0, _JOIN[0]))
    return np.stack(sizes, axis=1).astype(np.float32)


@cache
def calibration_shapes(instrument: Instrument) -> FloatArray:
    """Return shapes of relative errors of calibration, float32, (n_shape, n_pixel)."""
    wave = instrument.grid.wave
    x = np.linspace(0, np.pi, len(wave))
    waves = np.cos(np.arange(1, _N_COSINE + 1)[:, None] * x)
    waves *= 1 + _BLUE_END[0] * np.exp(-(wave - instrument.covered[0]).clip(0) / _BLUE_END[1])
    far = wave - instrument.join
    step = np.tanh(far / 20) * np.exp(-np.abs(far) / _JOIN[1])
    return np.concatenate([waves, step[None]]).astype(np.float32)
