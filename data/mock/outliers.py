"""Outliers injected into mock surveys: unwanted objects, rare galaxies, instrumental faults.

Three kinds change the galaxy (`data.mock.light` asks `strength`), the others its spectrum: before
it is recorded (`distort`) or after (`damage`).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from data.arrays import FloatArray, IntArray
from data.mock.instrument import Instrument
from data.mock.noise import sky_residual
from data.mock.object_random import ObjectRandom
from data.mock.templates import FOLDER

OUTLIER_KINDS = (
    "",
    "star blend",
    "galaxy blend",
    "double-peaked lines",
    "extreme dust",
    "star",
    "wrong redshift",
    "supernova",
    "extreme lines",
    "sky residuals",
    "missing half",
    "arm step",
    "low S/N",
)
"""Column `outlier_kind`; the first is an ordinary galaxy."""
_CODE = {kind: code for code, kind in enumerate(OUTLIER_KINDS)}

# Rest wavelength, depth (absorption below 0) and dispersion (Angstrom) of the broad features of a
# type Ia supernova near its maximum (Filippenko 1997, ARA&A 35, 309, fig. 1).
_SUPERNOVA = (
    (3750, -0.45, 60), (3960, 0.30, 60), (4300, -0.30, 55), (4600, 0.35, 70), (4870, -0.35, 60),
    (5080, 0.20, 50), (5430, -0.12, 30), (5640, -0.15, 30), (5900, 0.12, 60), (6150, -0.40, 55),
    (6400, 0.15, 70), (7600, -0.15, 100), (8150, -0.45, 110), (8600, 0.35, 120),
)  # fmt: skip


def draw_outliers(random: ObjectRandom, part: float) -> IntArray:
    """Return codes into `OUTLIER_KINDS`, 0 for ordinary galaxies, shape (n_galaxy,)."""
    draw = random.uniform("outlier")
    kinds = len(OUTLIER_KINDS) - 1
    code = 1 + (random.uniform("outlier kind") * kinds).astype(int).clip(0, kinds - 1)
    return np.where(draw < part, code, 0)


def strength(random: ObjectRandom, outlier: IntArray, kind: str) -> FloatArray:
    """Return how much a galaxy is changed, 0 where it is not of that kind, shape (n_galaxy,).

    Args:
        random: The objects' random numbers.
        outlier: Their codes.
        kind: `extreme dust` (more A_V, mag), `extreme lines` (log10 of the factor on the lines)
            or `double-peaked lines` (separation, km/s).
    """
    low, high = {
        "extreme dust": (2.0, 4.0),
        "extreme lines": (1.0, 1.6),
        "double-peaked lines": (280.0, 600.0),
    }[kind]
    return np.where(outlier == _CODE[kind], random.uniform(f"outlier {kind}", low, high), 0.0)


def catalogue_redshift(random: ObjectRandom, outlier: IntArray, z: FloatArray) -> FloatArray:
    """Return the redshifts a pipeline would report: wrong for two kinds of outlier."""
    other = random.uniform("outlier redshift", 0.02, 0.3)
    # H-alpha taken for [O III] or the reverse, a common mistake; else any redshift.
    confused = np.where(z < 0.15, (1 + z) * 6564.61 / 5008.24 - 1, (1 + z) * 5008.24 / 6564.61 - 1)
    sensible = (confused > 0.003) & (confused < 0.5) & (random.uniform("outlier line") < 0.5)
    # Too near the truth would not be wrong.
    other = np.where(np.abs(other - z) < 0.02, other + 0.05, other)
    wrong = np.where(sensible, confused, other)
    return np.select(
        [outlier == _CODE["wrong redshift"], outlier == _CODE["star"]], [wrong, other], z
    )


def distort(
    flux: FloatArray, random: ObjectRandom, outlier: IntArray, *, z: FloatArray,
    second: FloatArray, instrument: Instrument,
) -> FloatArray:  # fmt: skip
    """Return true spectra with a star, a second galaxy, a supernova or a step added.

    Args:
        flux: Spectra of the galaxies, 1e-17 cgs, shape (n_galaxy, n_pixel).
        random: The objects' random numbers.
        outlier: Their codes.
        z: True redshifts.
        second: Spectra of other galaxies, to blend with, same shape as `flux`.
        instrument: What records them.
    """
    flux = flux.copy()
    share = random.uniform("outlier share", 0.4, 1.5)
    wave = instrument.grid.wave
    level = np.median(flux, axis=1)
    for row, code in enumerate(outlier):
        kind = OUTLIER_KINDS[code]
        if kind in ("star", "star blend"):
            blend = kind == "star blend"
            star = _star(wave, float(random.uniform("outlier star")[row]), wide=not blend)
            star = star * (level[row] * share[row] / np.median(star))
            flux[row] = flux[row] + star if blend else star
        elif kind == "galaxy blend":
            flux[row] += second[row] * (level[row] * share[row] / np.median(second[row]))
        elif kind == "supernova":
            flux[row] += level[row] * share[row] * supernova(wave / (1 + z[row]))
        elif kind == "arm step":
            blue = wave < instrument.join
            flux[row, blue] *= np.float32(1 + np.sign(share[row] - 0.95) * 0.3 * share[row])
    return flux


def exposure_factor(random: ObjectRandom, outlier: IntArray) -> FloatArray:
    """Return how much noisier than usual the spectra are, shape (n_galaxy,)."""
    factor = random.uniform("outlier noise", 8.0, 25.0)
    return np.where(outlier == _CODE["low S/N"], factor, 1.0)


def damage(
    flux: FloatArray, ivar: FloatArray, random: ObjectRandom, outlier: IntArray, *,
    level: FloatArray, instrument: Instrument,
) -> None:  # fmt: skip
    """Change recorded spectra in place: add residuals of the sky, or lose half a spectrum."""
    wave = instrument.grid.wave
    size = random.uniform("outlier size", 0.6, 3.0)
    blue = random.uniform("outlier side") < 0.5
    for row, code in enumerate(outlier):
        kind = OUTLIER_KINDS[code]
        if kind == "sky residuals":
            flux[row] += level[row] * size[row] * sky_residual(instrument)
            covered = (wave > instrument.covered[0] + 20) & (wave < instrument.covered[1] - 20)
            sky = instrument.sky_mask & covered
            ivar[row, sky] = 1 / instrument.sky_error[sky] ** 2  # not masked by the pipeline
        elif kind == "missing half":
            middle = int(instrument.grid.pixel(instrument.join))
            lost = slice(0, middle) if blue[row] else slice(middle, None)
            edge = flux[row, middle - 60 : middle + 60].mean()
            end = (0.2 + 0.5 * size[row]) * level[row]
            ends = (end, edge) if blue[row] else (edge, end)
            flux[row, lost] = np.linspace(*ends, len(wave[lost]))
            ivar[row, lost] = np.where(ivar[row, lost] > 0, ivar[row, lost], 0)


def supernova(wave_rest: FloatArray) -> FloatArray:
    """Return a spectrum like that of a type Ia supernova, mean about 1, shape of `wave_rest`."""
    x = 1.4388e8 / (wave_rest * 11000.0)  # hc / (wavelength k T)
    continuum = (5000 / wave_rest) ** 5 * np.expm1(1.4388e8 / (5000 * 11000.0)) / np.expm1(x)
    features = sum(
        depth * np.exp(-0.5 * ((wave_rest - centre) / sigma) ** 2)
        for centre, depth, sigma in _SUPERNOVA
    )
    blocked = 1 / (1 + np.exp(-(wave_rest - 3300) / 120))  # iron absorbs the ultraviolet
    return (continuum * blocked * np.exp(features)).astype(np.float32)


def _star(wave: FloatArray, draw: float, *, wide: bool) -> FloatArray:
    """Return the spectrum of a library star; `wide` takes any, else cool ones and white dwarfs."""
    spectra, first, step, types = _stars()
    kinds = ("M", "K", "G", "F", "A", "WD", "C") if wide else ("M", "WD", "K")
    chosen = np.flatnonzero(np.isin(types, kinds))
    spectrum = spectra[chosen[int(draw * len(chosen))]]
    pixel = (np.log10(wave) - first) / step
    return np.interp(pixel, np.arange(len(spectrum)), spectrum).astype(np.float32)


@cache
def _stars() -> tuple[FloatArray, float, float, Any]:
    with np.load(FOLDER / "stars.npz") as file:
        spectra = file["flux"].astype(np.float32) * file["scale"].astype(np.float32)
        return spectra, float(file["log_start"]), float(file["step"]), file["type"]
