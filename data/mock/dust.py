"""Attenuation and extinction curves, as A(wavelength) / A_V."""

from __future__ import annotations

import numpy as np

from data.arrays import FloatArray


def calzetti(wave: FloatArray) -> FloatArray:
    """Return the starburst attenuation curve of Calzetti+2000 (ApJ 533, 682, eq. 4).

    Args:
        wave: Rest-frame wavelengths, Angstrom, 1200-22000.

    Returns:
        A(wave) / A_V with R_V = 4.05, same shape.
    """
    x = 1e4 / np.asarray(wave, dtype=float)
    blue = 2.659 * (-2.156 + 1.509 * x - 0.198 * x**2 + 0.011 * x**3) + 4.05
    red = 2.659 * (-1.857 + 1.040 * x) + 4.05
    return np.where(x > 1 / 0.63, blue, red).clip(0) / 4.05


def power_law(wave: FloatArray, slope: float = -1.3) -> FloatArray:
    """Return the curve (wave / 5500 A) ** slope of birth clouds (da Cunha+2008, eq. 4)."""
    return (np.asarray(wave, dtype=float) / 5500.0) ** slope


def milky_way(wave: FloatArray) -> FloatArray:
    """Return the Galactic extinction curve of Cardelli+1989 (ApJ 345, 245), R_V = 3.1.

    Args:
        wave: Observed wavelengths, Angstrom, 3030-33000 (eq. 2 and 3).

    Returns:
        A(wave) / A_V, same shape.
    """
    x = 1e4 / np.asarray(wave, dtype=float)
    y = x - 1.82
    a = np.polyval([0.32999, -0.77530, 0.01979, 0.72085, -0.02427, -0.50447, 0.17699, 1.0], y)
    b = np.polyval([-2.09002, 5.30260, -0.62251, -5.38434, 1.07233, 2.28305, 1.41338, 0.0], y)
    optical = a + b / 3.1
    infrared = (0.574 - 0.527 / 3.1) * x**1.61
    return np.where(x > 1.1, optical, infrared)
