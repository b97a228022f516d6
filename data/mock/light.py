"""Light of mock galaxies before any spectrum is made: redshift, magnitude, flux scale, S/N.

Works on spectra averaged over wide bins, so that the catalogue of a survey costs little.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from data.arrays import BoolArray, FloatArray, IntArray
from data.mock import cosmology
from data.mock.distortions import line_spread
from data.mock.history import mean_age, recent_rate
from data.mock.instrument import Instrument
from data.mock.lines import (
    HALPHA,
    MAIN_LINES,
    broad_lines,
    draw_wing,
    line_index,
    nuclear_lines,
    star_forming_lines,
)
from data.mock.object_random import ObjectRandom
from data.mock.outliers import strength
from data.mock.photometry import (
    LUMINOSITY,
    MEGAPARSEC,
    bin_of,
    bin_waves,
    broad_bins,
    draw_distances,
    light_break,
    line_bins,
    norm_and_snr,
    wide_continuum,
)
from data.mock.population import Galaxies, draw_galaxies
from data.mock.selection import RED_NOISE, select
from data.mock.templates import load_templates, row_product

FLUX_UNIT = 1e-17
"""erg/s/cm2/A."""


@dataclass(frozen=True)
class Light:
    """Galaxies with their light; arrays have a row for each galaxy.

    Attributes:
        galaxies: What the galaxies are.
        red: Whether they were selected as luminous red galaxies.
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
        gas_offset: Velocity of the narrow lines relative to the stars, km/s.
        wing: Part of each narrow line that is in a broad wing, 0 for no wing.
        wing_offset: Velocity of the wings relative to the rest of the line, km/s.
        wing_width: Velocity dispersion of the wings over that of the rest.
        line_spread: Amplitudes of the changes of the line-spread function, (n_galaxy, 3).
        lines: Narrow lines, L_sun per M_sun formed, dimmed, (n_galaxy, n_line).
        broad: Broad lines, likewise, (n_galaxy, n_broad).
        broad_vdisp: Their velocity dispersion, km/s.
        power: Continuum of the nucleus at 5575 A, L_sun / A per M_sun formed.
        power_slope: Its exponent in wavelength.
        line_continuum: Continuum at each of `data.mock.lines.MAIN_LINES`, unit of `power`.
        d4000: Break at 4000 Angstrom of the light without lines.
        halpha_ew: Equivalent width of narrow and broad H-alpha, Angstrom, without absorption.
    """

    galaxies: Galaxies
    red: BoolArray
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
    gas_offset: FloatArray
    wing: FloatArray
    wing_offset: FloatArray
    wing_width: FloatArray
    line_spread: FloatArray
    lines: FloatArray
    broad: FloatArray
    broad_vdisp: FloatArray
    power: FloatArray
    power_slope: FloatArray
    line_continuum: FloatArray
    d4000: FloatArray
    halpha_ew: FloatArray

    def take(self, rows: IntArray | slice) -> Light:
        """Return some of the galaxies."""
        return _take(self, rows)


def draw_light(
    random: ObjectRandom, instrument: Instrument, outlier: IntArray, population: str = "main"
) -> Light:
    """Draw galaxies, at distances at which a survey sees them.

    Args:
        random: The objects' random numbers.
        instrument: What observes them.
        outlier: Codes of `data.mock.outliers`, shape (n_galaxy,).
        population: Of `data.mock.selection.POPULATIONS`.
    """
    selected = select(random, instrument, population)
    galaxies = draw_galaxies(random, strength(random, outlier, "extreme dust"), selected)
    formed = galaxies.history.formed()
    old, young, nebular, live = _coefficients(galaxies, formed)
    lines = star_forming_lines(galaxies, formed)
    continuum = wide_continuum(galaxies, old, young, nebular)
    at_lines = continuum[:, [bin_of(waves[0]) for waves in MAIN_LINES.values()]]
    at_halpha = continuum[:, bin_of(HALPHA)]
    nucleus = nuclear_lines(random, galaxies.nucleus)
    nuclear = (galaxies.nucleus_ew * at_halpha)[:, None]
    lines = lines + nuclear * nucleus
    lines *= 10 ** strength(random, outlier, "extreme lines")[:, None]
    broad_ratio, broad_vdisp = broad_lines(random, galaxies.nucleus)
    broad = nuclear * broad_ratio
    slope = random.normal("power slope", -1.1, 0.35)
    share = np.where(galaxies.nucleus == 3, 10 ** random.normal("power", -0.65, 0.3), 0.0)
    power = share * continuum[:, bin_of(5575.0)]
    halpha_ew = (lines[:, line_index(HALPHA)] + broad[:, 0]) / at_halpha
    wave = bin_waves()
    continuum = continuum + power[:, None] * (wave / 5575.0) ** slope[:, None]
    total = continuum + row_product(lines, line_bins()) + broad_bins(broad, broad_vdisp)
    z, r_mag, mass = draw_distances(random, galaxies, total, live, selected)
    scale = _fibre_scale(random, z, mass, instrument)
    galactic = 10 ** random.normal("galactic", -1.1, 0.25)
    noise = 10 ** random.normal("noise", 0.0, 0.07) * np.where(selected.red, RED_NOISE, 1.0)
    norm, snr = norm_and_snr(total * scale[:, None], z, galactic, noise, instrument)
    return Light(
        galaxies=galaxies, red=selected.red, z=z,
        r_mag=r_mag, scale=scale, norm=norm, snr=snr, noise=noise,
        galactic_a_v=galactic, log_ssfr=np.log10(recent_rate(formed).clip(1e-15) / live),
        age=mean_age(formed), old=old, young=young, nebular=nebular, lines=lines, broad=broad,
        line_split=strength(random, outlier, "double-peaked lines"),
        gas_offset=random.normal("gas offset", 0.0, 5 + 15 / (1 + halpha_ew / 5)),
        wing=draw_wing(random, galaxies),
        wing_offset=random.normal("wing offset", -40.0, 60.0),
        wing_width=random.uniform("wing width", 1.8, 3.2),
        line_spread=line_spread(random, instrument),
        broad_vdisp=broad_vdisp, power=power, power_slope=slope,
        line_continuum=at_lines, d4000=light_break(galaxies, old, young, nebular),
        halpha_ew=halpha_ew,
    )  # fmt: skip


def _fibre_scale(
    random: ObjectRandom, z: FloatArray, mass: FloatArray, instrument: Instrument
) -> FloatArray:
    """Return flux in the fibre, 1e-17 cgs, of a rest-frame L_sun / A per M_sun formed."""
    # Fibres take in less of nearby galaxies (Strauss+2002).
    faint = instrument.fibre_faint + 0.25 * np.log10(0.1 / z).clip(-0.6, 1.2)
    faint = (faint + random.normal("fibre", 0.0, 0.28)).clip(0.25, 3.0)
    distance = cosmology.luminosity_distance(z)
    scale = mass * 10 ** (-0.4 * faint) * LUMINOSITY / FLUX_UNIT
    return scale / (4 * np.pi * (distance * MEGAPARSEC) ** 2 * (1 + z))


def _coefficients(
    galaxies: Galaxies, formed: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return coefficients of old, young and nebular basis, and the mass left of that formed."""
    templates = load_templates()
    n_young = templates.lines.shape[2]
    stars = _interpolation(galaxies.metallicity, templates.log_metallicity)
    gas = _interpolation(galaxies.gas.metallicity, templates.log_metallicity)
    ions = _interpolation(galaxies.gas.log_u, templates.log_u)
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


def _take(values: Any, rows: IntArray | slice) -> Any:  # noqa: ANN401 - a table or a column
    if not is_dataclass(values):
        return values[rows]
    columns = {f.name: _take(getattr(values, f.name), rows) for f in fields(values)}
    return type(values)(**columns)


def _interpolation(values: FloatArray, nodes: FloatArray) -> FloatArray:
    """Return weights of the nodes, two of them not zero in each row, (n_galaxy, n_node)."""
    clipped = values.clip(nodes[0], nodes[-1])[:, None]
    left = np.concatenate([[1.0], np.diff(nodes)])
    right = np.concatenate([np.diff(nodes), [1.0]])
    distance = clipped - nodes
    return (1 - np.where(distance > 0, distance / right, -distance / left)).clip(0)
