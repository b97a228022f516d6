"""Emission lines of mock galaxies: which, how strong, how wide.

Lines of star-forming regions come from the nebular tables; those of active nuclei and of gas
ionised by old stars have ratios drawn around those of Seyfert galaxies and LINERs in the BPT
diagrams (Kewley+2006, fig. 1).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from data.arrays import FloatArray, IntArray
from data.mock.calibrations import NITROGEN, OXYGEN_2, OXYGEN_3, SULPHUR, corrections
from data.mock.dust import calzetti, power_law
from data.mock.object_random import ObjectRandom
from data.mock.population import Galaxies
from data.mock.templates import load_templates

MAIN_LINES = {
    "oii": (3727.09, 3729.88), "hbeta": (4862.69,), "oiii": (5008.24,), "oi": (6302.05,),
    "halpha": (6564.61,), "nii": (6585.27,), "sii": (6718.29, 6732.68),
}  # fmt: skip
"""Lines whose truth the catalogue tells; those of one name are summed."""
FWHM = 2.355
"""Full width at half maximum of a Gaussian over its standard deviation."""
_NEON_V = (3346.82, 3426.84)
_WEAK = {
    3771.70: (3798.98, 0.749), 3751.22: (3798.98, 0.575), 3735.43: (3798.98, 0.453),
    3723.00: (3798.98, 0.362), 3713.03: (3798.98, 0.294), 3704.91: (3798.98, 0.243),
    8865.22: (9017.38, 0.75), 8752.88: (9017.38, 0.576), 8667.40: (9017.38, 0.45),
    8600.75: (9017.38, 0.36), 8547.73: (9017.38, 0.29), 8504.83: (9017.38, 0.24),
    8469.58: (9017.38, 0.20), 8440.27: (9017.38, 0.17),
    4027.33: (4472.76, 0.47), 4923.30: (4472.76, 0.27), 5017.08: (4472.76, 0.57),
    3820.69: (4472.76, 0.26), 3965.85: (4472.76, 0.22), 4144.93: (4472.76, 0.07),
    4389.16: (4472.76, 0.12), 4714.47: (4472.76, 0.10), 7283.36: (4472.76, 0.14),
}  # fmt: skip
"""Lines that the nebular grid lacks, as parts of one it has: H11 to H16 of H10 and P11 to P18 of
P10 (Storey & Hummer 1995, case B, 10^4 K), He I of 4471 (Benjamin+1999)."""
HALPHA, HBETA = 6564.61, 4862.69
BROAD_WAVE = np.array([HALPHA, HBETA, 4341.69, 4102.90, 2799.12, 5877.25])
_BROAD_STRENGTH = np.array([1.0, 0.32, 0.14, 0.07, 0.30, 0.05])
"""Broad lines and their fluxes over that of H-alpha (Vanden Berk+2001, table 2, reddened)."""

# log10 flux over H-alpha as observed: mean of Seyferts, mean of LINERs, scatter.
_NUCLEAR: dict[float, tuple[float, float, float]] = {
    3346.82: (-1.75, -9.0, 0.10),
    3426.84: (-1.30, -9.0, 0.15),
    3727.09: (-0.55, -0.42, 0.12),
    3729.88: (-0.50, -0.34, 0.12),
    3869.86: (-0.75, -1.05, 0.12),
    3968.59: (-1.25, -1.55, 0.12),
    4102.90: (-1.12, -1.12, 0.03),
    4341.69: (-0.83, -0.83, 0.03),
    4364.44: (-1.45, -1.90, 0.12),
    4687.02: (-1.25, -2.00, 0.15),
    4862.69: (-0.52, -0.52, 0.04),
    5008.24: (0.25, -0.20, 0.17),
    5201.71: (-1.60, -1.35, 0.12),
    5877.25: (-1.40, -1.55, 0.08),
    6302.05: (-1.00, -0.65, 0.13),
    6365.54: (-1.50, -1.15, 0.13),
    6564.61: (0.0, 0.0, 0.0),
    6585.27: (-0.07, 0.04, 0.13),
    6718.29: (-0.66, -0.37, 0.11),
    6732.68: (-0.68, -0.42, 0.11),
    7137.77: (-1.35, -1.70, 0.12),
    9071.10: (-0.95, -1.35, 0.12),
    9533.20: (-0.57, -0.97, 0.12),
}


_CORRECTED = {
    OXYGEN_2: (*OXYGEN_2, 6302.05, 6365.54, 7321.9, 7332.2),
    OXYGEN_3: (*OXYGEN_3, 4960.30, 4364.44, 3869.86, 3968.59),
    NITROGEN: (*NITROGEN, 6549.86, 5756.19),
    SULPHUR: (*SULPHUR, 4069.75, 4077.50),
}
"""Lines that share the correction of a ratio: of the same element, or as highly ionised."""
_GRID_ERRORS = {
    7067.17: (0.43, 0.0), 7137.76: (-0.66, -0.87), 7753.24: (-0.66, -0.87),
    9071.11: (-0.15, 0.0), 9533.23: (-0.15, 0.0),
}  # fmt: skip
"""What the grids lack in other lines, dex: at solar metallicity, and its slope there per dex of
metallicity, up to none lacking. Measured on SDSS starbursts: He I of 7065, [Ar III], [S III]."""
_HARD = {5008.24: 1.0, 4960.30: 1.0, 3869.86: 1.3, 3968.59: 1.3, 4364.44: 1.5, 4687.02: 4.0,
         6302.05: 1.5, 6365.54: 1.5, 6718.29: 0.5, 6732.68: 0.5}  # fmt: skip
"""Powers of the hardness of the ionising spectrum by which lines grow."""


@cache
def line_waves() -> FloatArray:
    """Return the vacuum wavelengths of all narrow lines, Angstrom, shape (n_line,)."""
    return np.concatenate([load_templates().line_wave, list(_WEAK), _NEON_V])


def line_index(wave: float) -> int:
    """Return the index in `line_waves` of the line nearest to a wavelength (Angstrom)."""
    return int(np.abs(line_waves() - wave).argmin())


def star_forming_lines(galaxies: Galaxies, formed: FloatArray) -> FloatArray:
    """Return line luminosities of the gas around young stars, dimmed by dust.

    Args:
        galaxies: The galaxies.
        formed: Part of all stars formed by age bin, young bins first, (n_galaxy, n_bin).

    Returns:
        L_sun per M_sun formed, shape (n_galaxy, n_line).
    """
    templates = load_templates()
    n_young = templates.lines.shape[2]
    gas = galaxies.gas
    i, u = _node_below(gas.metallicity, templates.log_metallicity)
    j, v = _node_below(gas.log_u, templates.log_u)
    young = formed[:, :n_young, None]
    lines = np.zeros((len(formed), templates.lines.shape[3]))
    for di, dj in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = (u if di else 1 - u) * (v if dj else 1 - v)
        lines += weight[:, None] * (templates.lines[i + di, j + dj] * young).sum(axis=1)
    for ratio, waves in _CORRECTED.items():
        factor = 10 ** corrections(ratio, gas.metallicity)
        if ratio == NITROGEN:
            factor *= 10**gas.nitrogen
        for index in map(line_index, waves):
            lines[:, index] *= factor
    for wave, (solar, slope) in _GRID_ERRORS.items():
        lacking = solar + slope * gas.metallicity.clip(-solar / slope if slope else None, 0.0)
        lines[:, line_index(wave)] *= 10**lacking
    for wave, power in _HARD.items():
        lines[:, line_index(wave)] *= 10 ** (power * gas.hardness)
    weak = [part * lines[:, line_index(parent)] for parent, part in _WEAK.values()]
    lines = np.concatenate([lines, np.stack(weak, axis=1)], axis=1)
    wave = line_waves()[: lines.shape[1]]
    dust = gas.a_v[:, None] * calzetti(wave) + gas.a_v_cloud[:, None] * power_law(wave)
    return np.pad(lines * 10 ** (-0.4 * dust), ((0, 0), (0, len(_NEON_V))))


def nuclear_lines(random: ObjectRandom, nucleus: IntArray) -> FloatArray:
    """Return fluxes over H-alpha, as observed, of nuclei and old ionised gas, (n, n_line)."""
    lines = np.zeros((len(nucleus), len(line_waves())))
    liner = (nucleus == 0) | (nucleus == 2)
    excited = random.normal("excitation")
    for wave, (seyfert_mean, liner_mean, scatter) in _NUCLEAR.items():
        draw = excited if wave == 5008.24 else random.normal(f"line {wave}")
        value = np.where(liner, liner_mean, seyfert_mean) + scatter * draw
        lines[:, line_index(wave)] = 10**value
    # Fixed by atomic physics to a third of the stronger line.
    for weak, strong in ((4960.30, 5008.24), (6549.86, 6585.27)):
        lines[:, line_index(weak)] = lines[:, line_index(strong)] / 3
    return lines


def broad_lines(random: ObjectRandom, nucleus: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return broad lines of the nuclei that have them.

    Returns:
        Fluxes over the narrow nuclear H-alpha, shape (n_galaxy, n_broad), zero for the others;
        velocity dispersions, km/s, shape (n_galaxy,).
    """
    strength = 10 ** random.normal("broad strength", 0.75, 0.2)
    flux = np.where(nucleus == 3, strength, 0.0)[:, None] * _BROAD_STRENGTH
    fwhm = 10 ** random.normal("broad width", 3.42, 0.17)  # Greene & Ho 2007
    return flux, fwhm / FWHM


def draw_wing(random: ObjectRandom, galaxies: Galaxies) -> FloatArray:
    """Return the part of the narrow lines' flux in broad wings, 0 for none, (n_galaxy,).

    A fifth of the galaxies without nucleus and most Seyferts have wings.
    """
    if not random.varies("wing"):
        return np.zeros(len(galaxies.log_mass))
    often = np.array([0.2, 0.6, 0.3, 0.4])[galaxies.nucleus]
    part = 10 ** random.uniform("wing part", -1.3, -0.5)
    return np.where(random.uniform("wing") < often, part, 0.0)


def _node_below(values: FloatArray, nodes: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return the node below each value, and how far towards the next (0..1)."""
    index = (np.searchsorted(nodes, values) - 1).clip(0, len(nodes) - 2)
    return index, ((values - nodes[index]) / (nodes[index + 1] - nodes[index])).clip(0, 1)
