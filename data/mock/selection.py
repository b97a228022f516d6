"""Which galaxies a survey sees: masses, and for luminous red galaxies redshifts.

`main` is a sample limited in r magnitude, as the instrument's survey has it; `deep` are galaxies of
DESI: its Bright Galaxy Survey down to r = 20.175 (Hahn+2023) and its Luminous Red Galaxies, of
constant comoving density from z = 0.4 to 0.8 (Zhou+2023). `training` is `main` with one galaxy in
five replaced by a young one, at any redshift: H II regions of nearby galaxies and compact dwarfs,
whose lines rule their spectra. They are rare on the sky and many in archives: a model is to know
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from data.arrays import BoolArray, FloatArray
from data.grid import NORM_RANGE
from data.mock import cosmology
from data.mock.instrument import Instrument
from data.mock.object_random import ObjectRandom
from data.mock.templates import GRID

POPULATIONS = ("main", "deep", "training")
_DEEP_LIMIT = 20.175
_RED_SHARE = 0.4
"""Part of the galaxies of `deep` that are Luminous Red Galaxies."""
_RED_RANGE = (0.4, 0.8)
RED_NOISE = 0.3
"""Noise of their spectra over that of others: longer exposures, in dark nights."""
_YOUNG_SHARE = 0.2
"""Part of the galaxies of `training` that are young ones."""
_YOUNG_RANGE = (0.002, 0.35)
"""Of their redshifts, uniform in the logarithm."""
_MASS_NODES = np.array([8.75, 9.25, 9.75, 10.15, 10.45, 10.75, 11.05, 11.35, 11.85])
_MAGNITUDE_NODES = np.array(
    [-17.57, -18.61, -19.53, -20.08, -20.52, -21.04, -21.64, -22.25, -23.20]
)
"""Median absolute magnitude of mock galaxies by log mass, in r shifted to z = 0.1."""
_Z_NODES = np.geomspace(0.001, 0.9, 300)


@dataclass(frozen=True)
class Selected:
    """Galaxies as a survey selects them; arrays have shape (n_galaxy,).

    Attributes:
        limit: Faintest r magnitude of those that are not luminous red ones.
        log_mass: Mass in stars and remnants, log10 M_sun.
        red: Whether it is a luminous red galaxy, at redshift `z`.
        young: Whether it is a young galaxy of `training`, at redshift `z`.
        z: Redshift of luminous red and of young galaxies; of others a typical one of their mass.
    """

    limit: float
    log_mass: FloatArray
    red: BoolArray
    young: BoolArray
    z: FloatArray


def select(random: ObjectRandom, instrument: Instrument, population: str) -> Selected:
    """Draw what a survey selects galaxies by.

    Args:
        random: The objects' random numbers.
        instrument: Whose limits to use.
        population: Of `POPULATIONS`.
    """
    limit = _DEEP_LIMIT if population == "deep" else instrument.magnitude_limit
    share, log_mass, farthest = _mass_quantiles(limit)
    drawn = np.interp(random.uniform("mass"), share, log_mass)
    typical = 0.75 * np.interp(drawn, log_mass, farthest)
    target = random.uniform("target")
    red = target < (_RED_SHARE if population == "deep" else 0.0)
    young = target < (_YOUNG_SHARE if population == "training" else 0.0)
    # The templates must reach the blue end, the range of the norm must be seen in the red.
    highest = min(_RED_RANGE[1], instrument.grid.wave[0] / GRID.wave[1] - 1,
                  instrument.covered[1] / (NORM_RANGE[0] + 100) - 1)  # fmt: skip
    low, high = cosmology.comoving_distance(np.array([_RED_RANGE[0], highest])) ** 3
    z = cosmology.redshift(np.cbrt(low + random.uniform("distance") * (high - low)))
    massive = random.normal("red mass", 11.25, 0.2)
    near = np.exp(random.uniform("young redshift", *np.log(_YOUNG_RANGE)))
    return Selected(
        limit, red=red, young=young,
        log_mass=np.select([red, young], [massive, _young_mass(random, near)], drawn),
        z=np.select([red, young], [z, near], typical),
    )  # fmt: skip


def _young_mass(random: ObjectRandom, z: FloatArray) -> FloatArray:
    """Return log masses of young galaxies that look as bright as those of SDSS do."""
    modulus = 5 * np.log10(cosmology.luminosity_distance(z)) + 25
    magnitude = random.uniform("young magnitude", 14.0, 18.0) - modulus
    return -0.4 * (magnitude - 4.65) - 0.9  # an eighth of a solar mass a solar luminosity


@cache
def _mass_quantiles(limit: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the cumulative distribution of log mass down to an r magnitude, the masses, and the
    redshifts at which they reach it.

    The luminosity function is that in r shifted to z = 0.1 of Blanton+2003 (ApJ 592, 819, table 2).
    """
    log_mass = np.linspace(7.5, 12.0, 400)
    slope = np.diff(_MAGNITUDE_NODES[:2]) / np.diff(_MASS_NODES[:2])
    magnitude = np.interp(log_mass, _MASS_NODES, _MAGNITUDE_NODES)
    magnitude += slope * (log_mass - _MASS_NODES[0]).clip(None, 0)
    x = 10 ** (-0.4 * (magnitude - (-20.44 + 5 * np.log10(cosmology.HUBBLE / 100))))
    density = x ** (1 - 1.05) * np.exp(-x) * -np.gradient(magnitude, log_mass)
    correction = -2.5 * np.log10(1.1) + 1.0 * (_Z_NODES - 0.1)
    modulus = 5 * np.log10(cosmology.luminosity_distance(_Z_NODES)) + 25 + correction
    farthest = np.interp(limit - magnitude, modulus, _Z_NODES)
    cumulative = np.cumsum(density * cosmology.comoving_distance(farthest) ** 3)
    share = (cumulative - cumulative[0]) / (cumulative[-1] - cumulative[0])
    return share, log_mass, farthest
