"""What the galaxies of a mock survey are: masses, histories, metals, dust, motions, nuclei.

Masses follow the stellar mass function of Baldry+2012 times the volume in which a survey limited
in magnitude sees them; everything else is drawn given the mass from observed relations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import expit

from data.arrays import BoolArray, FloatArray, IntArray
from data.first_mock.history import History, tau_ratio_of_rate
from data.mock.object_random import ObjectRandom

KINDS = ("star-forming", "starburst", "green valley", "quiescent", "post-starburst")
NUCLEI = ("", "Seyfert", "LINER", "broad-line")
_SF, _SB, _GV, _Q, _PSB = range(5)
_SEYFERT, _LINER, _BROAD = 1, 2, 3


@dataclass(frozen=True)
class Galaxies:
    """Properties of galaxies; every attribute has shape (n_galaxy,).

    Attributes:
        log_mass: Mass in stars and remnants, log10 M_sun.
        kind: Index into `KINDS`.
        nucleus: Index into `NUCLEI`.
        history: Star-formation histories.
        metallicity: Of the stars, log10 Z / Z_sun.
        gas_metallicity: log10 Z / Z_sun.
        nitrogen: Offset of log10 N/O from the nebular grid.
        log_u: Ionisation parameter.
        a_v: Attenuation of stars older than 10 Myr, V mag.
        a_v_cloud: Further attenuation of younger stars and nebular emission, V mag.
        vdisp: Velocity dispersion of the stars, km/s.
        gas_vdisp: Velocity dispersion of the narrow lines, km/s.
        nucleus_ew: Equivalent width of the H-alpha of the nucleus, Angstrom.
    """

    log_mass: FloatArray
    kind: IntArray
    nucleus: IntArray
    history: History
    metallicity: FloatArray
    gas_metallicity: FloatArray
    nitrogen: FloatArray
    log_u: FloatArray
    a_v: FloatArray
    a_v_cloud: FloatArray
    vdisp: FloatArray
    gas_vdisp: FloatArray
    nucleus_ew: FloatArray


def draw_galaxies(random: ObjectRandom, more_a_v: FloatArray) -> Galaxies:
    """Draw galaxies of a survey limited in magnitude.

    Args:
        random: The objects' random numbers.
        more_a_v: Attenuation besides what is usual, V mag, shape (n_galaxy,).
    """
    log_mass = np.interp(random.uniform("mass"), *_mass_quantiles())
    kind = _draw_kind(random, log_mass)
    nucleus = _draw_nucleus(random, log_mass, kind)
    history, log_rate = _draw_history(random, log_mass, kind)
    active = kind != _Q
    metallicity = -0.25 + 0.4 * np.tanh((log_mass - 10.1) / 0.55)  # Gallazzi+2005, fig. 8
    metallicity += random.normal("metals", -0.04, 0.12)
    gas, log_u = _draw_gas(random, log_mass, log_rate, active)
    a_v, a_v_cloud = _draw_dust(random, log_mass, kind)
    vdisp = 2.22 + 0.27 * (log_mass - 10.8) - np.where(active, 0.10, 0.0)  # Faber & Jackson 1976
    gas_vdisp = 2.02 + 0.22 * (log_mass - 10.4) + random.normal("gas vdisp", 0.0, 0.11)
    gas_vdisp += np.where(nucleus > 0, 0.1, 0.0)
    typical_ew = np.array([0.8, 16.0, 2.6, 20.0])[nucleus]
    scatter = np.array([0.3, 0.3, 0.22, 0.25])[nucleus]
    return Galaxies(
        log_mass=log_mass,
        kind=kind,
        nucleus=nucleus,
        history=history,
        metallicity=metallicity.clip(-1.7, 0.3),
        gas_metallicity=gas,
        nitrogen=random.normal("nitrogen", -0.18, 0.07),
        log_u=log_u,
        a_v=a_v + more_a_v,
        a_v_cloud=a_v_cloud,
        vdisp=(10 ** (vdisp + random.normal("vdisp", 0.0, 0.08))).clip(20, 420),
        gas_vdisp=(10**gas_vdisp).clip(20, 400),
        # Old stars ionise a little gas in most quiescent galaxies (Cid Fernandes+2011).
        nucleus_ew=np.where((nucleus > 0) | (kind >= _GV), typical_ew, 0.1)
        * 10 ** (scatter * random.normal("nucleus ew")),
    )


@cache
def _mass_quantiles() -> tuple[FloatArray, FloatArray]:
    """Return the cumulative distribution of the observed log mass, and the masses."""
    log_mass = np.linspace(7.5, 12.0, 400)
    x = 10 ** (log_mass - 10.66)
    density = np.exp(-x) * (3.96 * x**0.65 + 0.79 * x**-0.47)  # Baldry+2012, table 3
    mass_to_light = 10 ** (0.32 * (log_mass - 10.3).clip(-1.2, 0.8))
    luminosity = 10**log_mass / mass_to_light
    # Volumes grow less than L^1.5 because of the K correction and the scale of the universe.
    observed = density * luminosity**1.33 / (1 + (luminosity / 10**10.6) ** 0.3)
    cumulative = np.cumsum(observed)
    return (cumulative - cumulative[0]) / (cumulative[-1] - cumulative[0]), log_mass


def _draw_kind(random: ObjectRandom, log_mass: FloatArray) -> IntArray:
    quiescent = 0.02 + 0.62 * expit((log_mass - 10.6) / 0.22)
    valley = 0.03 + 0.11 * expit((log_mass - 10.2) / 0.2)
    starburst = 0.035 + 0.28 * expit((9.8 - log_mass) / 0.3)
    post = np.full_like(log_mass, 0.012)
    draw = random.uniform("kind")
    kind = np.full(len(draw), _SF)
    edge = np.zeros_like(draw)
    for which, share in ((_Q, quiescent), (_GV, valley), (_SB, starburst), (_PSB, post)):
        kind[(draw >= edge) & (draw < edge + share)] = which
        edge = edge + share
    return kind


def _draw_nucleus(random: ObjectRandom, log_mass: FloatArray, kind: IntArray) -> IntArray:
    massive = expit((log_mass - 10.3) / 0.2)  # Kauffmann+2003, fig. 5
    seyfert = np.where(kind == _Q, 0.015, 0.07) * massive
    liner = np.select([kind == _Q, kind == _GV], [0.10, 0.35], 0.07) * massive
    broad = 0.022 * massive
    draw = random.uniform("nucleus")
    nucleus = np.zeros(len(draw), dtype=int)
    edge = np.zeros_like(draw)
    for which, share in ((_SEYFERT, seyfert), (_LINER, liner), (_BROAD, broad)):
        nucleus[(draw >= edge) & (draw < edge + share)] = which
        edge = edge + share
    return nucleus


def _draw_history(
    random: ObjectRandom, log_mass: FloatArray, kind: IntArray
) -> tuple[History, FloatArray]:
    """Return histories, and log10 of the specific rate they aim at, 1/yr."""
    # Star-forming sequence (Renzini & Peng 2015); green valley 1.0 dex below it.
    log_rate = -10.04 - 0.24 * (log_mass - 10.0) + random.normal("rate", 0.0, 0.27)
    log_rate = np.where(kind == _GV, log_rate - 0.95, log_rate)
    first = 1e9 * np.where(kind == _Q, random.uniform("first age", 5.0, 12.3),
                           random.uniform("first age", 7.0, 12.3))  # fmt: skip
    live = 0.58  # of the mass formed, typical
    ratio = tau_ratio_of_rate((10**log_rate * live * first).clip(1e-5, 1.95))
    old = random.uniform("quenched", 6.5, 14.0) + 2.0 * (log_mass - 10.8).clip(-1, 1)
    ratio = np.where(kind == _Q, old.clip(6.0), ratio)
    log_rate = np.where(kind == _Q, -12.0, log_rate)
    change_age = 10 ** random.uniform("change age", 7.0, 8.6)
    factor = 10 ** random.normal("change", 0.0, 0.20)
    burst = np.zeros_like(first)
    burst_age, burst_time = np.full_like(first, 3e8), np.full_like(first, 1e8)
    is_burst, is_post = kind == _SB, kind == _PSB
    log_burst = random.uniform("burst", 0.0, 1.0)
    burst = np.where(is_burst, 10 ** (-2.6 + 1.5 * log_burst), burst)
    burst_age = np.where(is_burst, 10 ** random.uniform("burst age", 6.7, 7.9), burst_age)
    burst_time = np.where(is_burst, burst_age, burst_time)
    # Post-starburst: a burst that ended, and no star formation since.
    ended = 10 ** random.uniform("burst end", 7.9, 8.9)
    burst = np.where(is_post, 10 ** (-1.7 + 1.2 * log_burst), burst)
    burst_age = np.where(is_post, ended + 1.5e8, burst_age)
    burst_time = np.where(is_post, 1.5e8, burst_time)
    history = History(
        first_age=first,
        tau_ratio=ratio,
        change_age=np.where(is_post, ended, change_age),
        change_time=np.where(is_post, 3e7, 0.3 * change_age),
        change_factor=np.where(is_post, 0.01, factor),
        burst_fraction=burst,
        burst_age=burst_age,
        burst_time=burst_time,
    )
    log_rate = np.where(is_burst, np.log10(10**log_rate + burst / burst_age), log_rate)
    return history, np.where(is_post, -12.0, log_rate).clip(-12, -8.3)


def _draw_gas(
    random: ObjectRandom, log_mass: FloatArray, log_rate: FloatArray, active: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return log10 Z / Z_sun of the gas and its ionisation parameter."""
    # Tremonti+2004, eq. 3; their scale, 0.1 lower, is near that of the nebular grids.
    gas = -1.492 + 1.847 * log_mass - 0.08026 * log_mass**2 - 8.79
    gas += -0.1 * (log_rate + 10.0) * active + random.normal("gas metals", 0.0, 0.08)
    gas = gas.clip(-1.2, 0.39)
    log_u = -3.06 - 0.55 * gas + 0.18 * ((log_rate + 10.0) * active).clip(-1, 1.5)
    log_u = (log_u + random.normal("ionisation", 0.0, 0.14)).clip(-3.9, -1.6)
    return gas, log_u


def _draw_dust(
    random: ObjectRandom, log_mass: FloatArray, kind: IntArray
) -> tuple[FloatArray, FloatArray]:
    x = (log_mass - 10.0).clip(-1.8, 1.3)
    a_halpha = 0.91 + 0.77 * x + 0.11 * x**2 - 0.09 * x**3  # Garn & Best 2010, eq. 2
    a_nebular = (a_halpha / 0.82 + random.normal("dust", 0.0, 0.42)).clip(0.02, 4.5)
    stellar_share = (0.44 + random.normal("dust share", 0.0, 0.08)).clip(0.2, 0.7)
    a_v = a_nebular * stellar_share  # Calzetti+2000
    little = -0.12 * np.log(random.uniform("little dust"))
    a_v = np.where(kind == _Q, little.clip(0, 1.0), a_v)
    a_v = np.where(kind == _PSB, 0.6 * a_v, a_v)
    return a_v, np.where(kind == _Q, 0.3, a_nebular - a_nebular * stellar_share)
