"""What the galaxies of a mock survey are: masses, histories, metals, dust, motions, nuclei.

Masses follow the luminosity function times the volume in which a survey limited in magnitude sees
the galaxies; everything else is drawn given the mass from observed relations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from data.arrays import FloatArray, IntArray
from data.mock import cosmology
from data.mock.gas import Gas, draw_gas
from data.mock.history import History, tau_ratio_of_rate
from data.mock.object_random import ObjectRandom
from data.mock.selection import Selected

KINDS = ("star-forming", "starburst", "green valley", "quiescent", "post-starburst", "young")
NUCLEI = ("", "Seyfert", "LINER", "broad-line")
_SF, _SB, _GV, _Q, _PSB, _YOUNG = range(6)
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
        gas: Gas and dust.
        vdisp: Velocity dispersion of the stars, km/s.
        nucleus_ew: Equivalent width of the H-alpha of the nucleus, Angstrom.
    """

    log_mass: FloatArray
    kind: IntArray
    nucleus: IntArray
    history: History
    metallicity: FloatArray
    gas: Gas
    vdisp: FloatArray
    nucleus_ew: FloatArray


def draw_galaxies(random: ObjectRandom, more_a_v: FloatArray, selected: Selected) -> Galaxies:
    """Draw galaxies of a survey limited in magnitude.

    Args:
        random: The objects' random numbers.
        more_a_v: Attenuation besides what is usual, V mag, shape (n_galaxy,).
        selected: Their masses, and which are luminous red galaxies.
    """
    log_mass = selected.log_mass
    kind = np.select([selected.red, selected.young], [_Q, _YOUNG], _draw_kind(random, log_mass))
    nucleus = _draw_nucleus(random, log_mass, kind)
    excess = _draw_excess(random, log_mass, kind)
    # Rates were higher, about as (1 + z)^3 (Speagle+2014, fig. 8); the sequence is that at 0.08.
    usual = main_sequence(log_mass) + 3 * np.log10((1 + selected.z) / 1.08).clip(0)
    log_rate = usual + excess
    active = (kind != _Q) & (kind != _PSB)
    history = _draw_history(random, selected, kind, log_rate, usual)
    metallicity = -0.25 + 0.4 * np.tanh((log_mass - 10.1) / 0.55)  # Gallazzi+2005, fig. 8
    metallicity += random.normal("metals", -0.07, 0.12)
    gas = draw_gas(
        random, log_mass=log_mass, log_rate=log_rate, excess=excess, active=active,
        dust_share=np.select([kind == _Q, kind == _PSB], [0.0, 0.6], 1.0), young=selected.young,
    )  # fmt: skip
    gas = replace(gas, a_v=gas.a_v + more_a_v,
                  vdisp=gas.vdisp * np.where(nucleus > 0, 1.26, 1.0))  # fmt: skip
    vdisp = 2.22 + 0.27 * (log_mass - 10.8) - np.where(kind == _Q, 0.0, 0.10)
    typical_ew = np.array([0.8, 16.0, 2.6, 20.0])[nucleus]
    scatter = np.array([0.3, 0.3, 0.22, 0.25])[nucleus]
    return Galaxies(
        log_mass=log_mass,
        kind=kind,
        nucleus=nucleus,
        history=history,
        metallicity=metallicity.clip(-1.7, 0.3),
        gas=gas,
        # Faber & Jackson 1976
        vdisp=(10 ** (vdisp + random.normal("vdisp", 0.0, 0.08))).clip(20, 420),
        # Old stars ionise a little gas in most quiescent galaxies (Cid Fernandes+2011).
        nucleus_ew=np.where((nucleus > 0) | (kind >= _GV), typical_ew, 0.1)
        * 10 ** (scatter * random.normal("nucleus ew")),
    )


def main_sequence(log_mass: FloatArray) -> FloatArray:
    """Return log10 of the star formation rate per mass, 1/yr (Renzini & Peng 2015, eq. 1)."""
    return 0.76 * log_mass - 7.64 - log_mass


def _draw_kind(random: ObjectRandom, log_mass: FloatArray) -> IntArray:
    quiescent = 0.02 + 0.62 * expit((log_mass - 10.6) / 0.22)
    valley = 0.03 + 0.11 * expit((log_mass - 10.2) / 0.2)
    starburst = 0.012 + 0.03 * expit((9.3 - log_mass) / 0.3)
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


def _draw_excess(random: ObjectRandom, log_mass: FloatArray, kind: IntArray) -> FloatArray:
    """Return log10 of the rate over that of the star-forming sequence, 0 for passive galaxies."""
    # A starburst forms stars 3 times as fast as usual or faster (Rodighiero+2011: 4 times); how
    # much faster falls off exponentially, so that green peas are as rare as they are.
    burst = 0.42 - 0.14 * np.log(random.uniform("burst")) + random.normal("rate", 0.0, 0.15)
    spread = random.normal("rate", 0.0, 0.27)
    return np.select(
        [kind == _SF, kind == _GV, kind == _SB], [spread, spread - 0.95, burst.clip(0.3, 1.6)], 0.0
    )


def _draw_history(
    random: ObjectRandom, selected: Selected, kind: IntArray, log_rate: FloatArray,
    usual: FloatArray,
) -> History:  # fmt: skip
    """Return histories that aim at a star formation rate per mass, log10 1/yr.

    Starbursts rise to it from the `usual` one, 10 to 100 Myr ago.
    """
    burst, post, young = kind == _SB, kind == _PSB, selected.young
    first = 1e9 * np.where(kind == _Q, random.uniform("first age", 2.2, 10.2),
                           random.uniform("first age", 7.0, 12.3))  # fmt: skip
    first = np.minimum(first, cosmology.age(selected.z) - 5e8)
    live = 0.50  # of the mass formed, typical
    steady = np.where(burst, usual, log_rate)
    ratio = tau_ratio_of_rate((10**steady * live * first).clip(1e-5, 1.95))
    old = random.uniform("quenched", 8.5, 16.0) + 2.0 * (selected.log_mass - 10.8).clip(-1, 1)
    change_age = 10 ** random.uniform("change age", 7.0, 8.6)
    burst_age = 10 ** random.uniform("burst age", 7.0, 8.0)
    formed = ((10**log_rate - 10**steady) * live * burst_age).clip(0, 0.3)
    # Young: from a few hot stars among old ones to nothing but them.
    fresh_age = 10 ** random.uniform("burst age", 6.3, 7.0)
    fresh = 10 ** random.uniform("burst", -4.0, 0.0)
    # Post-starburst: a burst that ended, and no star formation since.
    ended = 10 ** random.uniform("burst end", 7.9, 8.9)
    ended_burst = 10 ** (-1.7 + 1.2 * random.uniform("burst", 0.0, 1.0))
    return History(
        first_age=first,
        tau_ratio=np.where((kind == _Q) | post, old.clip(6.0), ratio),
        change_age=np.where(post, ended, change_age),
        change_time=np.where(post, 3e7, 0.3 * change_age),
        change_factor=np.where(post, 0.01, 10 ** random.normal("change", 0.0, 0.20)),
        burst_fraction=np.select([burst, post, young], [formed, ended_burst, fresh], 0.0),
        burst_age=np.select([post, young], [ended + 1.5e8, fresh_age], burst_age),
        burst_time=np.select([post, young], [1.5e8, fresh_age], burst_age),
    )
