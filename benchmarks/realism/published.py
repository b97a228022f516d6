"""Published relations and distributions of galaxies that mock surveys are compared with.

Every number is that of the paper named beside it; relations come with the scatter the paper
states. Masses are in M_sun.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.arrays import FloatArray
from data.mock import cosmology


@dataclass(frozen=True)
class Relation:
    """A quantity as a function of log10 stellar mass, with Gaussian scatter.

    Attributes:
        label: The quantity, with its unit.
        source: Paper, equation or table.
        value: Its mean at a log10 mass.
        scatter: Its standard deviation.
        masses: Range of log10 mass in which it holds.
    """

    label: str
    source: str
    value: Callable[[FloatArray], FloatArray]
    scatter: float
    masses: tuple[float, float]


def _main_sequence(log_mass: FloatArray) -> FloatArray:
    return 0.76 * log_mass - 7.64 - log_mass


def _oxygen(log_mass: FloatArray) -> FloatArray:
    return 8.793 - 0.28 / 1.2 * np.log10(1 + 10 ** (-1.2 * (log_mass - 10.02)))


def _attenuation(log_mass: FloatArray) -> FloatArray:
    x = log_mass - 10
    return 0.91 + 0.77 * x + 0.11 * x**2 - 0.09 * x**3


MAIN_SEQUENCE = Relation(
    "log sSFR [1/yr]", "Renzini & Peng 2015, eq. 1; scatter Noeske+2007", _main_sequence, 0.3,
    (8.5, 11.25),
)  # fmt: skip
MASS_METALLICITY = Relation(
    "12 + log O/H", "Curti+2020, eq. 2 and sec. 4", _oxygen, 0.07, (8.5, 11.25)
)
ATTENUATION = Relation(
    "A(Hα) [mag]", "Garn & Best 2010, eq. 2", _attenuation, 0.3, (8.5, 11.5)
)  # fmt: skip

CLASS_SHARES = {
    "star-forming": 0.262, "low S/N star-forming": 0.195, "composite": 0.096, "AGN": 0.059,
    "low S/N LINER": 0.079, "unclassified": 0.310,
}  # fmt: skip
"""Classes of SDSS galaxies by emission lines (Brinchmann+2004, table 1: 149,660 galaxies)."""


def kauffmann(n2: FloatArray) -> FloatArray:
    """Return log [O III]/H-beta of the upper envelope of star formation (Kauffmann+2003, eq. 1)."""
    return np.where(n2 < 0.05, 0.61 / np.minimum(n2 - 0.05, -1e-9) + 1.3, -np.inf)


def kewley(n2: FloatArray) -> FloatArray:
    """Return log [O III]/H-beta of the strongest starbursts (Kewley+2001, eq. 5)."""
    return np.where(n2 < 0.47, 0.61 / np.minimum(n2 - 0.47, -1e-9) + 1.19, -np.inf)


def kewley_sulphur(s2: FloatArray) -> FloatArray:
    """Return the same curve against log [S II]/H-alpha (Kewley+2001, eq. 6)."""
    return np.where(s2 < 0.32, 0.72 / np.minimum(s2 - 0.32, -1e-9) + 1.30, -np.inf)


def seyfert_sulphur(s2: FloatArray) -> FloatArray:
    """Return the line between Seyferts, above, and LINERs (Kewley+2006, eq. 6)."""
    return 1.89 * s2 + 0.76


def redshift_density(z: FloatArray, faintest: float = 17.77, brightest: float = 14.5) -> FloatArray:
    """Return the expected density of redshifts of a sample limited in r, integral 1.

    The luminosity function in r shifted to z = 0.1 (Blanton+2003, ApJ 592, 819, table 2:
    M* - 5 log h = -20.44, alpha = -1.05, evolution Q = 1.62, P = 0.18), with a K correction of
    -2.5 log10 1.1 + 1.0 (z - 0.1) mag, the slope of a typical spectrum.
    """
    h = cosmology.HUBBLE / 100
    distance = cosmology.luminosity_distance(z)
    modulus = 5 * np.log10(distance) + 25
    volume = cosmology.comoving_distance(z) ** 2 * np.gradient(cosmology.comoving_distance(z), z)
    correction = -2.5 * np.log10(1.1) + 1.0 * (z - 0.1)
    magnitudes = np.linspace(-26.0, -12.0, 1500)
    characteristic = -20.44 + 5 * np.log10(h)
    density = np.zeros_like(z)
    for i in range(len(z)):
        evolved = characteristic - 1.62 * (z[i] - 0.1)
        x = 10 ** (-0.4 * (magnitudes - evolved))
        phi = x ** (1 - 1.05) * np.exp(-x) * 10 ** (0.4 * 0.18 * z[i])
        apparent = magnitudes + modulus[i] + correction[i]
        density[i] = phi[(apparent < faintest) & (apparent > brightest)].sum()
    density *= volume
    return density / np.trapezoid(density, z)
