"""Photometry of mock galaxies from spectra in wide bins: redshift, magnitude, flux scale, S/N."""

from __future__ import annotations

from functools import cache

import numpy as np

from data.arrays import FloatArray
from data.constants import SPEED_OF_LIGHT
from data.grid import NORM_RANGE
from data.lines.indices import D4000_BLUE, D4000_RED
from data.mock import cosmology
from data.mock.dust import calzetti, milky_way, power_law
from data.mock.instrument import Instrument
from data.mock.lines import BROAD_WAVE, line_waves
from data.mock.object_random import ObjectRandom
from data.mock.population import Galaxies
from data.mock.selection import Selected
from data.mock.templates import GRID, load_templates, row_product

BRIGHT_LIMIT = 14.0
"""Brightest r magnitude of a survey's galaxies."""
_BIN = 49
"""Template pixels of one wide bin."""
_N_BIN = GRID.n_pixel // _BIN
LUMINOSITY = 3.828e33
"""Of the Sun, erg/s."""
MEGAPARSEC = 3.0856776e24
"""cm."""
_Z_NODES = np.geomspace(0.002, 0.9, 62)
"""Redshifts at which magnitudes are computed; they are interpolated between."""
_R_FILTER = (
    np.arange(5380.0, 7181.0, 100.0),
    np.array([0.003, 0.05, 0.21, 0.35, 0.425, 0.448, 0.464, 0.471, 0.478, 0.487, 0.491, 0.491,
              0.482, 0.40, 0.15, 0.03, 0.005, 0.002, 0.0]),
)  # fmt: skip
"""Response of the SDSS r filter (Gunn+2001)."""


def wide_continuum(
    galaxies: Galaxies, old: FloatArray, young: FloatArray, nebular: FloatArray
) -> FloatArray:
    """Return the dimmed continuum in wide bins, L_sun / A per M_sun formed, (n_galaxy, n_bin)."""
    old_bins, young_bins, nebular_bins = _coarse_bases()
    wave = bin_waves()
    diffuse = 10 ** (-0.4 * galaxies.gas.a_v[:, None] * calzetti(wave))
    cloud = 10 ** (-0.4 * galaxies.gas.a_v_cloud[:, None] * power_law(wave))
    fresh = row_product(young, young_bins) + row_product(nebular, nebular_bins)
    return (row_product(old, old_bins) + fresh * cloud) * diffuse


@cache
def _coarse_bases() -> tuple[FloatArray, ...]:
    templates = load_templates()
    return tuple(
        component.basis[:, : _N_BIN * _BIN].reshape(-1, _N_BIN, _BIN).mean(axis=2)
        for component in (templates.old, templates.young, templates.nebular)
    )


def light_break(
    galaxies: Galaxies, old: FloatArray, young: FloatArray, nebular: FloatArray
) -> FloatArray:
    """Return the narrow 4000 A break of the dimmed continuum (Balogh+1999), (n_galaxy,)."""
    levels = []
    for band, bases in _break_bases():
        parts = zip((old, young, nebular), bases, _dust_at(galaxies, band), strict=True)
        dimmed = [row_product(part, basis[:, None]) * 10 ** (-0.4 * a) for part, basis, a in parts]
        levels.append(dimmed[0] + dimmed[1] + dimmed[2])
    return (levels[1] / levels[0])[:, 0]


def _dust_at(galaxies: Galaxies, band: tuple[float, float]) -> tuple[FloatArray, ...]:
    """Return the attenuation of old stars, young stars and nebulae in a band, mag, (n, 1)."""
    wave, gas = np.array([sum(band) / 2]), galaxies.gas
    diffuse = gas.a_v[:, None] * calzetti(wave)
    cloud = diffuse + gas.a_v_cloud[:, None] * power_law(wave)
    return diffuse, cloud, cloud


@cache
def _break_bases() -> tuple[tuple[tuple[float, float], tuple[FloatArray, ...]], ...]:
    """Return both bands of D4000 and the mean F_nu of the bases there, up to a factor."""
    templates = load_templates()
    bands = []
    for band in (D4000_BLUE, D4000_RED):
        inside = (GRID.wave > band[0]) & (GRID.wave < band[1])
        weight = np.where(inside, GRID.wave**3, 0.0)  # F_nu dlambda of pixels uniform in log
        weight /= np.where(inside, GRID.wave, 0.0).sum()
        parts = (templates.old, templates.young, templates.nebular)
        bands.append((band, tuple((part.basis * weight).sum(axis=1) for part in parts)))
    return tuple(bands)


@cache
def bin_waves() -> FloatArray:
    """Return the rest wavelengths of the wide bins, Angstrom, shape (n_bin,)."""
    return GRID.wave[: _N_BIN * _BIN].reshape(_N_BIN, _BIN).mean(axis=1)


def _bin_widths() -> FloatArray:
    return bin_waves() * np.log(10) * GRID.step * _BIN


def bin_of(wave: float) -> int:
    """Return the wide bin nearest to a wavelength (Angstrom)."""
    return int(np.abs(bin_waves() - wave).argmin())


@cache
def line_bins() -> FloatArray:
    """Return the matrix that puts line luminosities into the wide bins."""
    matrix = np.zeros((len(line_waves()), _N_BIN))
    for i, wave in enumerate(line_waves()):
        if wave < GRID.wave[_N_BIN * _BIN - 1]:
            matrix[i, bin_of(wave)] = 1 / _bin_widths()[bin_of(wave)]
    return matrix


def broad_bins(broad: FloatArray, vdisp: FloatArray) -> FloatArray:
    """Return broad lines of some width (km/s) in the wide bins, (n_galaxy, n_bin)."""
    total = np.zeros((len(broad), _N_BIN))
    rows = np.flatnonzero(broad[:, 0] > 0)
    for i, centre in enumerate(BROAD_WAVE):
        sigma = (vdisp[rows] / SPEED_OF_LIGHT * centre)[:, None]
        profile = np.exp(-0.5 * ((bin_waves() - centre) / sigma) ** 2)
        profile /= (profile * _bin_widths()).sum(axis=1, keepdims=True)
        total[rows] += broad[rows, i : i + 1] * profile
    return total


@cache
def _filter_matrix() -> FloatArray:
    """Return what turns rest-frame bins into r-band flux at each of `_Z_NODES`, (bin, z)."""
    wave, width = bin_waves()[:, None], _bin_widths()[:, None]
    observed = wave * (1 + _Z_NODES)
    response = np.interp(observed, *_R_FILTER, left=0, right=0)
    # Photon-weighted mean flux density of an AB source of known F_nu (Fukugita+1996, eq. 1).
    fine = np.linspace(5380, 7180, 2000)
    per_photon = np.trapezoid(np.interp(fine, *_R_FILTER) / fine, fine)
    nu_per_photon = per_photon * (SPEED_OF_LIGHT * 1e13)  # speed of light in Angstrom/s
    return response * observed * width * (1 + _Z_NODES) / nu_per_photon


def draw_distances(
    random: ObjectRandom, galaxies: Galaxies, total: FloatArray, live: FloatArray,
    selected: Selected,
) -> tuple[FloatArray, FloatArray, FloatArray]:  # fmt: skip
    """Draw galaxies uniformly in the volume in which a survey sees them.

    Returns:
        Redshift, r magnitude, and mass formed (M_sun), each of shape (n_galaxy,).
    """
    mass = 10**galaxies.log_mass / live
    band = row_product(total, _filter_matrix()) * (mass * LUMINOSITY)[:, None]
    distance = cosmology.luminosity_distance(_Z_NODES) * MEGAPARSEC
    magnitude = -2.5 * np.log10(band / (4 * np.pi * distance**2 * (1 + _Z_NODES))) - 48.60
    faintest = _crossing(magnitude, selected.limit).clip(0.004, 0.55)
    nearest = _crossing(magnitude, BRIGHT_LIMIT).clip(0.003, None)
    nearest = np.minimum(nearest, 0.9 * faintest)
    low, high = (cosmology.comoving_distance(z) for z in (nearest, faintest))
    share = random.uniform("distance")
    z = cosmology.redshift(np.cbrt(low**3 + share * (high**3 - low**3)))
    z = np.where(selected.red | selected.young, selected.z, z)
    position = np.log(z / _Z_NODES[0]) / np.log(_Z_NODES[1] / _Z_NODES[0])
    node = position.astype(int).clip(0, len(_Z_NODES) - 2)
    rows = np.arange(len(z))
    below, above = magnitude[rows, node], magnitude[rows, node + 1]
    return z, below + (above - below) * (position - node), mass


def _crossing(magnitude: FloatArray, limit: float) -> FloatArray:
    """Return the redshift at which each galaxy reaches a magnitude."""
    node = (magnitude < limit).sum(axis=1).clip(1, len(_Z_NODES) - 1)
    rows = np.arange(len(magnitude))
    low, high = magnitude[rows, node - 1], magnitude[rows, node]
    share = ((limit - low) / (high - low)).clip(0, 1)
    return _Z_NODES[node - 1] * (_Z_NODES[node] / _Z_NODES[node - 1]) ** share


def norm_and_snr(
    flux: FloatArray, z: FloatArray, galactic: FloatArray, noise: FloatArray,
    instrument: Instrument,
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Return median flux over the rest-frame `NORM_RANGE` and expected median S/N per pixel.

    Args:
        flux: Flux in the fibre in wide bins, 1e-17 cgs, without Galactic dust.
        z: Redshifts.
        galactic: Galactic extinction, V mag.
        noise: Noise of the exposure over the usual.
        instrument: What observes them.
    """
    wave = bin_waves()
    observed = wave * (1 + z[:, None])
    flux = flux * 10 ** (-0.4 * galactic[:, None] * milky_way(observed))
    middle = (wave > NORM_RANGE[0]) & (wave < NORM_RANGE[1])
    norm = np.median(flux[:, middle], axis=1)
    seen = (observed > instrument.covered[0]) & (observed < instrument.covered[1])
    ratio = flux / (instrument.error(observed, flux) * noise[:, None])
    ordered, n_seen = np.sort(np.where(seen, ratio, np.inf), axis=1), seen.sum(axis=1)
    rows = np.arange(len(z))
    return norm, 0.5 * (ordered[rows, (n_seen - 1) // 2] + ordered[rows, n_seen // 2])
