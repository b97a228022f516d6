"""Light of mock galaxies before any spectrum is made: redshift, magnitude, flux scale, S/N.

Works on spectra averaged over wide bins, so that the catalogue of a survey costs little.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from data import cosmology
from data.dust import calzetti, milky_way, power_law
from data.grid import FloatArray
from data.mock_history import mean_age, recent_rate
from data.mock_instrument import Instrument
from data.mock_lines import (
    BROAD_WAVE,
    HALPHA,
    broad_lines,
    line_waves,
    nuclear_lines,
    star_forming_lines,
)
from data.mock_outliers import strength
from data.mock_population import Galaxies, draw_galaxies
from data.mock_random import IntArray, ObjectRandom
from data.mock_templates import GRID, load_templates

BLOCK = 64
"""Rows of every matrix product: results must not depend on how many rows are asked for."""
NORM_RANGE = (5300.0, 5850.0)
FLUX_UNIT = 1e-17
BRIGHT_LIMIT = 14.0
_BIN = 49
_N_BIN = GRID.n_pixel // _BIN
_LUMINOSITY = 3.828e33
_MPC = 3.0856776e24
_Z_NODES = np.geomspace(0.002, 0.7, 60)
_R_FILTER = (
    np.arange(5380.0, 7181.0, 100.0),
    np.array([0.003, 0.05, 0.21, 0.35, 0.425, 0.448, 0.464, 0.471, 0.478, 0.487, 0.491, 0.491,
              0.482, 0.40, 0.15, 0.03, 0.005, 0.002, 0.0]),
)  # fmt: skip
"""Response of the SDSS r filter (Gunn+2001)."""


@dataclass(frozen=True)
class Light:
    """Galaxies with their light; arrays have a row for each galaxy.

    Attributes:
        galaxies: What the galaxies are.
        z: Redshifts.
        r_mag: Total r magnitude, AB, without Galactic extinction.
        scale: Flux in the fibre, 1e-17 cgs, of a rest-frame L_sun / Angstrom per M_sun formed.
        norm: Flux in the fibre over rest-frame 5300-5850 A, 1e-17 cgs, Galactic dust included.
        snr: Expected median S/N per pixel.
        noise: Noise of the exposure over the usual.
        galactic_a_v: Extinction by the Milky Way, V mag.
        log_ssfr: log10 rate of the last 100 Myr per mass now, 1/yr.
        age: Mean age of the stars by mass, yr.
        old: Coefficients of the old stars' basis, float32; also `young`, `nebular`.
        line_split: Separation of the two peaks of each narrow line, km/s, 0 for one peak.
        lines: Narrow lines, L_sun per M_sun formed, dimmed, (n_galaxy, n_line).
        broad: Broad lines, likewise, (n_galaxy, n_broad).
        broad_vdisp: Their velocity dispersion, km/s.
        power: Continuum of the nucleus at 5575 A, L_sun / A per M_sun formed.
        power_slope: Its exponent in wavelength.
        halpha_ew: Equivalent width of narrow and broad H-alpha, Angstrom, without absorption.
    """

    galaxies: Galaxies
    z: FloatArray
    r_mag: FloatArray
    scale: FloatArray
    norm: FloatArray
    snr: FloatArray
    noise: FloatArray
    galactic_a_v: FloatArray
    log_ssfr: FloatArray
    age: FloatArray
    old: FloatArray
    young: FloatArray
    nebular: FloatArray
    line_split: FloatArray
    lines: FloatArray
    broad: FloatArray
    broad_vdisp: FloatArray
    power: FloatArray
    power_slope: FloatArray
    halpha_ew: FloatArray


def draw_light(random: ObjectRandom, instrument: Instrument, outlier: IntArray) -> Light:
    """Draw galaxies and place them where a survey limited in magnitude sees them.

    Args:
        random: The objects' random numbers.
        instrument: What observes them.
        outlier: Codes of `data.mock_outliers`, shape (n_galaxy,).
    """
    galaxies = draw_galaxies(random, strength(random, outlier, "extreme dust"))
    formed = galaxies.history.formed()
    old, young, nebular, live = _coefficients(galaxies, formed)
    lines = star_forming_lines(galaxies, formed)
    continuum = _coarse(galaxies, old, young, nebular)
    at_halpha = continuum[:, _bin_of(HALPHA)]
    nucleus = nuclear_lines(random, galaxies.nucleus)
    nuclear = (galaxies.nucleus_ew * at_halpha)[:, None]
    lines = lines + nuclear * nucleus
    lines *= 10 ** strength(random, outlier, "extreme lines")[:, None]
    broad_ratio, broad_vdisp = broad_lines(random, galaxies.nucleus)
    broad = nuclear * broad_ratio
    slope = random.normal("power slope", -1.1, 0.35)
    share = np.where(galaxies.nucleus == 3, 10 ** random.normal("power", -0.65, 0.3), 0.0)
    power = share * continuum[:, _bin_of(5575.0)]
    wave = _bin_waves()
    continuum = continuum + power[:, None] * (wave / 5575.0) ** slope[:, None]
    total = continuum + row_product(lines, _line_bins()) + _broad_bins(broad, broad_vdisp)
    z, r_mag, mass = _place(random, galaxies, total, live, instrument)
    # Fibres take in less of nearby galaxies (Strauss+2002).
    faint = instrument.fibre_faint + 0.25 * np.log10(0.1 / z).clip(-0.6, 1.2)
    faint = (faint + random.normal("fibre", 0.0, 0.28)).clip(0.25, 3.0)
    distance = cosmology.luminosity_distance(z)
    scale = mass * 10 ** (-0.4 * faint) * _LUMINOSITY / FLUX_UNIT
    scale = scale / (4 * np.pi * (distance * _MPC) ** 2 * (1 + z))
    galactic = 10 ** random.normal("galactic", -1.1, 0.25)
    noise = 10 ** random.normal("noise", 0.0, 0.07)
    norm, snr = _norm_and_snr(total * scale[:, None], z, galactic, noise, instrument)
    return Light(
        galaxies=galaxies, z=z, r_mag=r_mag, scale=scale, norm=norm, snr=snr, noise=noise,
        galactic_a_v=galactic, log_ssfr=np.log10(recent_rate(formed).clip(1e-15) / live),
        age=mean_age(formed), old=old, young=young, nebular=nebular, lines=lines, broad=broad,
        line_split=strength(random, outlier, "double-peaked lines"),
        broad_vdisp=broad_vdisp, power=power, power_slope=slope,
        halpha_ew=(lines[:, _halpha()] + broad[:, 0]) / at_halpha,
    )  # fmt: skip


def row_product(rows: FloatArray, matrix: FloatArray) -> FloatArray:
    """Return `rows @ matrix`, each row bit for bit the same whatever rows come with it."""
    padded = np.zeros((-(-len(rows) // BLOCK) * BLOCK, rows.shape[1]), dtype=rows.dtype)
    padded[: len(rows)] = rows
    parts = [padded[i : i + BLOCK] @ matrix for i in range(0, len(padded), BLOCK)]
    if not parts:
        return np.zeros((0, matrix.shape[1]), dtype=rows.dtype)
    return np.concatenate(parts)[: len(rows)]


def _coefficients(
    galaxies: Galaxies, formed: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return coefficients of old, young and nebular basis, and the mass left of that formed."""
    templates = load_templates()
    n_young = templates.lines.shape[2]
    stars = _interpolation(galaxies.metallicity, templates.log_metallicity)
    gas = _interpolation(galaxies.gas_metallicity, templates.log_metallicity)
    ions = _interpolation(galaxies.log_u, templates.log_u)
    young, old = formed[:, :n_young], formed[:, n_young:]
    result = []
    for part, component in ((old, templates.old), (young, templates.young)):
        table = component.coefficients.astype(float)
        n_metal, n_age, n_basis = table.shape
        spread = row_product(part, table.transpose(1, 0, 2).reshape(n_age, -1))
        spread = spread.reshape(-1, n_metal, n_basis)
        result.append((spread * stars[:, :, None]).sum(axis=1).astype(np.float32))
    table = templates.nebular.coefficients.astype(float).transpose(2, 0, 1, 3)
    spread = row_product(young, table.reshape(n_young, -1)).reshape(-1, *table.shape[1:])
    nebular = (spread * gas[:, :, None, None] * ions[:, None, :, None]).sum(axis=(1, 2))
    live = (row_product(formed, templates.live_fraction.T.astype(float)) * stars).sum(axis=1)
    return result[0], result[1], nebular.astype(np.float32), live


def _interpolation(values: FloatArray, nodes: FloatArray) -> FloatArray:
    """Return weights of the nodes, two of them not zero in each row, (n_galaxy, n_node)."""
    clipped = values.clip(nodes[0], nodes[-1])[:, None]
    left = np.concatenate([[1.0], np.diff(nodes)])
    right = np.concatenate([np.diff(nodes), [1.0]])
    distance = clipped - nodes
    return (1 - np.where(distance > 0, distance / right, -distance / left)).clip(0)


def _coarse(
    galaxies: Galaxies, old: FloatArray, young: FloatArray, nebular: FloatArray
) -> FloatArray:
    """Return the dimmed continuum in wide bins, L_sun / A per M_sun formed, (n_galaxy, n_bin)."""
    old_bins, young_bins, nebular_bins = _coarse_bases()
    wave = _bin_waves()
    diffuse = 10 ** (-0.4 * galaxies.a_v[:, None] * calzetti(wave))
    cloud = 10 ** (-0.4 * galaxies.a_v_cloud[:, None] * power_law(wave))
    fresh = row_product(young, young_bins) + row_product(nebular, nebular_bins)
    return (row_product(old, old_bins) + fresh * cloud) * diffuse


@cache
def _coarse_bases() -> tuple[FloatArray, ...]:
    templates = load_templates()
    return tuple(
        component.basis[:, : _N_BIN * _BIN].reshape(-1, _N_BIN, _BIN).mean(axis=2)
        for component in (templates.old, templates.young, templates.nebular)
    )


@cache
def _bin_waves() -> FloatArray:
    return GRID.wave[: _N_BIN * _BIN].reshape(_N_BIN, _BIN).mean(axis=1)


def _bin_widths() -> FloatArray:
    return _bin_waves() * np.log(10) * GRID.step * _BIN


def _bin_of(wave: float) -> int:
    return int(np.abs(_bin_waves() - wave).argmin())


def _halpha() -> int:
    return int(np.abs(line_waves() - HALPHA).argmin())


@cache
def _line_bins() -> FloatArray:
    """Return the matrix that puts line luminosities into the wide bins."""
    matrix = np.zeros((len(line_waves()), _N_BIN))
    for i, wave in enumerate(line_waves()):
        if wave < GRID.wave[_N_BIN * _BIN - 1]:
            matrix[i, _bin_of(wave)] = 1 / _bin_widths()[_bin_of(wave)]
    return matrix


def _broad_bins(broad: FloatArray, vdisp: FloatArray) -> FloatArray:
    total = np.zeros((len(broad), _N_BIN))
    rows = np.flatnonzero(broad[:, 0] > 0)
    for i, line in enumerate(BROAD_WAVE):
        sigma = (vdisp[rows] / cosmology.SPEED_OF_LIGHT * line)[:, None]
        profile = np.exp(-0.5 * ((_bin_waves() - line) / sigma) ** 2)
        profile /= (profile * _bin_widths()).sum(axis=1, keepdims=True)
        total[rows] += broad[rows, i : i + 1] * profile
    return total


@cache
def _filter_matrix() -> FloatArray:
    """Return what turns rest-frame bins into r-band flux at each of `_Z_NODES`, (bin, z)."""
    wave, width = _bin_waves()[:, None], _bin_widths()[:, None]
    observed = wave * (1 + _Z_NODES)
    response = np.interp(observed, *_R_FILTER, left=0, right=0)
    # Photon-weighted mean flux density of an AB source of known F_nu (Fukugita+1996, eq. 1).
    fine = np.linspace(5380, 7180, 2000)
    nu_per_photon = np.trapezoid(np.interp(fine, *_R_FILTER) / fine, fine) * 2.99792458e18
    return response * observed * width * (1 + _Z_NODES) / nu_per_photon


def _place(
    random: ObjectRandom, galaxies: Galaxies, total: FloatArray, live: FloatArray,
    instrument: Instrument,
) -> tuple[FloatArray, FloatArray, FloatArray]:  # fmt: skip
    """Return redshift, r magnitude, and mass formed (M_sun)."""
    mass = 10**galaxies.log_mass / live
    band = row_product(total, _filter_matrix()) * (mass * _LUMINOSITY)[:, None]
    distance = cosmology.luminosity_distance(_Z_NODES) * _MPC
    magnitude = -2.5 * np.log10(band / (4 * np.pi * distance**2 * (1 + _Z_NODES))) - 48.60
    faintest = _crossing(magnitude, instrument.magnitude_limit).clip(0.004, 0.5)
    nearest = _crossing(magnitude, BRIGHT_LIMIT).clip(0.003, None)
    nearest = np.minimum(nearest, 0.9 * faintest)
    low, high = (cosmology.comoving_distance(z) for z in (nearest, faintest))
    share = random.uniform("distance")
    z = cosmology.redshift(np.cbrt(low**3 + share * (high**3 - low**3)))
    place = np.log(z / _Z_NODES[0]) / np.log(_Z_NODES[1] / _Z_NODES[0])
    node = place.astype(int).clip(0, len(_Z_NODES) - 2)
    rows = np.arange(len(z))
    below, above = magnitude[rows, node], magnitude[rows, node + 1]
    return z, below + (above - below) * (place - node), mass


def _crossing(magnitude: FloatArray, limit: float) -> FloatArray:
    """Return the redshift at which each galaxy reaches a magnitude."""
    node = (magnitude < limit).sum(axis=1).clip(1, len(_Z_NODES) - 1)
    rows = np.arange(len(magnitude))
    low, high = magnitude[rows, node - 1], magnitude[rows, node]
    share = ((limit - low) / (high - low)).clip(0, 1)
    return _Z_NODES[node - 1] * (_Z_NODES[node] / _Z_NODES[node - 1]) ** share


def _norm_and_snr(
    flux: FloatArray, z: FloatArray, galactic: FloatArray, noise: FloatArray,
    instrument: Instrument,
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    wave = _bin_waves()
    observed = wave * (1 + z[:, None])
    flux = flux * 10 ** (-0.4 * galactic[:, None] * milky_way(observed))
    middle = (wave > NORM_RANGE[0]) & (wave < NORM_RANGE[1])
    norm = np.median(flux[:, middle], axis=1)
    seen = (observed > instrument.covered[0]) & (observed < instrument.covered[1])
    ratio = flux / (instrument.error(observed, flux) * noise[:, None])
    return norm, np.nanmedian(np.where(seen, ratio, np.nan), axis=1)
