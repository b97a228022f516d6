"""Gas and dust of mock galaxies: metals, ionisation, attenuation, from relations with mass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.arrays import BoolArray, FloatArray
from data.mock.calibrations import SOLAR_OXYGEN, ionisation
from data.mock.object_random import ObjectRandom


@dataclass(frozen=True)
class Gas:
    """Gas and dust of galaxies; every attribute has shape (n_galaxy,).

    Attributes:
        metallicity: log10 Z / Z_sun; 12 + log10 O/H is 8.69 more.
        log_u: Ionisation parameter.
        nitrogen: Offset of log10 N/O from the mean at that metallicity.
        hardness: Offset of the ionising spectrum's hardness from that of the grids: dex by which
            it raises [O III].
        a_v: Attenuation of stars older than 10 Myr, V mag.
        a_v_cloud: Further attenuation of younger stars and nebular emission, V mag.
        vdisp: Velocity dispersion of the narrow lines, km/s.
    """

    metallicity: FloatArray
    log_u: FloatArray
    nitrogen: FloatArray
    hardness: FloatArray
    a_v: FloatArray
    a_v_cloud: FloatArray
    vdisp: FloatArray


def draw_gas(
    random: ObjectRandom, *, log_mass: FloatArray, log_rate: FloatArray, excess: FloatArray,
    active: BoolArray, dust_share: FloatArray, young: BoolArray,
) -> Gas:  # fmt: skip
    """Draw the gas of galaxies.

    Args:
        random: The objects' random numbers.
        log_mass: Mass in stars, log10 M_sun.
        log_rate: Star formation rate per mass, log10 1/yr.
        excess: log10 of the rate over that of the star-forming sequence.
        active: Whether stars form.
        dust_share: Attenuation over what is usual for stars that form: 0 where there is little.
        young: H II regions and compact dwarfs: any metallicity, whatever the mass; narrow lines.
    """
    metallicity = _oxygen(log_mass, log_rate, np.where(active, excess, 0.0)) - SOLAR_OXYGEN
    metallicity = (metallicity + random.normal("gas metals", 0.0, 0.065)).clip(-1.2, 0.3)
    metallicity = np.where(young, random.uniform("young metals", -1.2, 0.2), metallicity)
    # Metal-rich gas is enriched evenly; where it holds more nitrogen it is less ionised
    # (Perez-Montero & Contini 2009), which keeps galaxies to the narrow sequence of the BPT plane.
    nitrogen = random.normal("nitrogen", 0.0, 0.10 - 0.14 * (metallicity + 0.2).clip(0, 0.3))
    log_u = ionisation(metallicity) + 0.1 * np.where(active, excess, 0.0).clip(-1, 1.5)
    scatter = random.normal("ionisation", 0.0, 0.15)
    log_u = log_u - nitrogen + np.where(young, 0.15 + 2 * scatter, scatter)
    a_v, a_v_cloud = _draw_dust(random, np.where(young, 9.8, log_mass), dust_share)
    usual = np.where(young, 1.5, 1.92 + 0.25 * (log_mass - 10.4))
    vdisp = usual + random.normal("gas vdisp", 0.0, 0.17)
    return Gas(
        metallicity=metallicity,
        log_u=log_u.clip(-3.9, -1.6),
        nitrogen=nitrogen,
        hardness=random.normal("hardness", 0.0, 0.05),
        a_v=a_v,
        a_v_cloud=a_v_cloud,
        vdisp=(10**vdisp).clip(20, 400),
    )


def _oxygen(log_mass: FloatArray, log_rate: FloatArray, excess: FloatArray) -> FloatArray:
    """Return mean 12 + log10 O/H: the relation with mass, less where more stars form than usual.

    Curti+2020: eq. 2 for the mean, eq. 5 (total rates) for what changes with the rate.
    """
    mean = 8.793 - 0.28 / 1.2 * np.log10(1 + 10 ** (-1.2 * (log_mass - 10.02)))

    def by_rate(log_sfr: FloatArray) -> FloatArray:
        knee = 10.11 + 0.56 * log_sfr
        return -0.31 / 2.1 * np.log10(1 + 10 ** (-2.1 * (log_mass - knee)))

    log_sfr = log_mass + log_rate
    return mean + by_rate(log_sfr) - by_rate(log_sfr - excess)


def _draw_dust(
    random: ObjectRandom, log_mass: FloatArray, share: FloatArray
) -> tuple[FloatArray, FloatArray]:
    x = (log_mass - 10.0).clip(-1.8, 1.3)
    a_halpha = 0.91 + 0.77 * x + 0.11 * x**2 - 0.09 * x**3  # Garn & Best 2010, eq. 2
    # By 0.88: what the decrement of both curves together tells, taken for that of Calzetti+2000.
    a_nebular = (a_halpha / 0.88 + random.normal("dust", 0.0, 0.34)).clip(0.02, 4.5)
    stellar_share = (0.44 + random.normal("dust share", 0.0, 0.08)).clip(0.2, 0.7)
    a_v = a_nebular * stellar_share  # Calzetti+2000
    little = (-0.12 * np.log(random.uniform("little dust"))).clip(0, 1.0)
    return (
        np.where(share > 0, a_v * share, little),
        np.where(share > 0, a_nebular - a_nebular * stellar_share, 0.3),
    )
