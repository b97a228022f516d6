"""Distances and ages in a flat universe (H0 = 70 km/s/Mpc, Omega_m = 0.3), by interpolation.

Own code in place of `astropy.cosmology`, with which the tests compare it (2e-5 apart): importing
that takes as long as all other imports of a process of the mock survey, and existing mock surveys
would change, since the redshifts of their objects are drawn from these tables.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from data.arrays import FloatArray
from data.constants import SPEED_OF_LIGHT

HUBBLE = 70.0
OMEGA_M = 0.3
_GYR_PER_HUBBLE_TIME = 977.792 / HUBBLE
_Z_MAX = 2.0


def comoving_distance(z: FloatArray | float) -> FloatArray:
    """Return the comoving distance of redshifts up to 2, Mpc."""
    nodes, distance, _ = _tables()
    return np.asarray(np.interp(z, nodes, distance))


def luminosity_distance(z: FloatArray | float) -> FloatArray:
    """Return the luminosity distance of redshifts up to 2, Mpc."""
    return comoving_distance(z) * (1 + np.asarray(z))


def age(z: FloatArray | float) -> FloatArray:
    """Return the age of the universe at redshifts up to 2, yr."""
    nodes, _, ages = _tables()
    return np.asarray(np.interp(z, nodes, ages))


def redshift(distance: FloatArray | float) -> FloatArray:
    """Return the redshift at a comoving distance, Mpc."""
    nodes, distances, _ = _tables()
    return np.asarray(np.interp(distance, distances, nodes))


@cache
def _tables() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return redshifts, comoving distances (Mpc) and ages (yr), 4000 nodes each."""
    z = np.expm1(np.linspace(0, np.log1p(_Z_MAX), 4000))
    rate = np.sqrt(OMEGA_M * (1 + z) ** 3 + 1 - OMEGA_M)
    step = 0.5 * (1 / rate[1:] + 1 / rate[:-1]) * np.diff(z)
    distance = SPEED_OF_LIGHT / HUBBLE * np.concatenate([[0.0], np.cumsum(step)])
    # Age in closed form for a flat universe with a cosmological constant.
    omega_l = 1 - OMEGA_M
    x = np.sqrt(omega_l / OMEGA_M) * (1 + z) ** -1.5
    ages = 2 / (3 * np.sqrt(omega_l)) * np.arcsinh(x) * _GYR_PER_HUBBLE_TIME * 1e9
    return z, distance, ages
