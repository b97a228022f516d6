"""Spectra of mock galaxies: from their light to what a spectrograph records.

Stars and nebular continuum are summed in Fourier space, where velocity dispersion and redshift
to a fraction of a pixel are exact factors; lines are drawn where they fall on the observed grid.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import fft

from data.cosmology import SPEED_OF_LIGHT
from data.dust import calzetti, milky_way, power_law
from data.grid import FloatArray, WaveGrid
from data.mock_instrument import Instrument
from data.mock_light import Light
from data.mock_lines import BROAD_WAVE, line_waves
from data.mock_random import IntArray
from data.mock_templates import GRID, N_FFT, load_templates, row_product

_LN_MAGNITUDE = np.float32(0.4 * np.log(10))
_PIXEL_KMS = SPEED_OF_LIGHT * np.log(10) * GRID.step
_MAX_LINE_VDISP = 420.0
_REACH = 5.0
"""Dispersions from its centre to which a narrow line is drawn."""
_WEAKEST = 3e-4
"""Part of the strongest line of a galaxy below which a line is left out."""


def galaxy_flux(light: Light, instrument: Instrument) -> FloatArray:
    """Return spectra without noise as they reach the spectrograph.

    Args:
        light: The galaxies.
        instrument: Whose grid and resolution to use.

    Returns:
        Flux in the fibre, 1e-17 erg/s/cm2/A, float32, shape (n_galaxy, n_pixel).
    """
    grid = instrument.grid
    old, young = _stars(light, grid)
    exponent = _galaxy_dust(light, grid)
    flux = (old + young * exponent[1]) * exponent[0]
    half = 0.5 * light.line_split / SPEED_OF_LIGHT
    double = np.flatnonzero(half > 0)
    first = np.where(half > 0, 0.55, 1.0)[:, None]
    vdisp = light.galaxies.gas_vdisp
    add_lines(flux, light.lines * first, line_waves(), z=(1 + light.z) * (1 + half) - 1,
              vdisp=vdisp, instrument=instrument)  # fmt: skip
    if len(double):
        peak = np.zeros((len(double), grid.n_pixel), dtype=np.float32)
        z = ((1 + light.z) * (1 - half) - 1)[double]
        add_lines(peak, 0.45 * light.lines[double], line_waves(), z=z, vdisp=vdisp[double],
                  instrument=instrument)  # fmt: skip
        flux[double] += peak
    _add_nucleus(flux, light, grid)
    galactic = _LN_MAGNITUDE * milky_way(grid.wave).astype(np.float32)
    flux *= np.exp(-light.galactic_a_v[:, None].astype(np.float32) * galactic)
    flux *= light.scale[:, None].astype(np.float32)
    return flux


def add_lines(
    flux: FloatArray, lines: FloatArray, waves: FloatArray, *, z: FloatArray, vdisp: FloatArray,
    instrument: Instrument,
) -> None:  # fmt: skip
    """Add Gaussian lines to spectra in place.

    Args:
        flux: Spectra per rest-frame Angstrom, shape (n_galaxy, n_pixel).
        lines: Integrated lines, unit of `flux` x Angstrom, shape (n_galaxy, n_line).
        waves: Rest-frame vacuum wavelengths, Angstrom, shape (n_line,).
        z: Redshifts, shape (n_galaxy,).
        vdisp: Velocity dispersions, km/s, without the instrument, shape (n_galaxy,).
        instrument: Whose grid and resolution to use.
    """
    grid = instrument.grid
    observed = waves * (1 + z[:, None])
    total = np.hypot(vdisp[:, None], instrument.resolution(observed)) / SPEED_OF_LIGHT
    step = grid.wave[0] * np.log(10) * grid.step if grid.scale == "log" else grid.step
    widest = _MAX_LINE_VDISP / SPEED_OF_LIGHT * (grid.wave[0 if grid.scale == "log" else -1])
    reach = int(np.ceil(_REACH * widest / step)) + 2
    centre = grid.pixel(observed)
    seen = (centre > -reach) & (centre < grid.n_pixel + reach)
    seen &= lines > _WEAKEST * lines.max(axis=1, keepdims=True)
    rows, columns = np.nonzero(seen)
    centre, total = centre[rows, columns], total[rows, columns]
    pixels = np.rint(centre).astype(int)[:, None] + np.arange(-reach, reach + 1)
    near = observed[rows, columns]
    per_pixel = near * np.log(10) * grid.step if grid.scale == "log" else grid.step
    sigma = total * near / per_pixel
    distance = ((pixels - centre[:, None]) / sigma[:, None]).astype(np.float32)
    peak = lines[rows, columns] / (np.sqrt(2 * np.pi) * total * waves[columns])
    profile = peak[:, None].astype(np.float32) * np.exp(-0.5 * distance**2)
    drawn = (np.abs(distance) < _REACH) & (pixels >= 0) & (pixels < grid.n_pixel)
    flat = rows[:, None] * grid.n_pixel + pixels
    np.add.at(flux.reshape(-1), flat[drawn], profile[drawn])


def _stars(light: Light, grid: WaveGrid) -> tuple[FloatArray, FloatArray]:
    """Return light of old stars, and of young stars with their gas, on the observed grid."""
    old_basis, young_basis, nebular_basis = _transforms()
    frequency = (2 * np.pi / N_FFT * np.arange(N_FFT // 2 + 1)).astype(np.float32)
    sigma = (light.galaxies.vdisp / _PIXEL_KMS)[:, None].astype(np.float32)
    smoothing = np.exp(-0.5 * (sigma * frequency) ** 2)
    shift = np.zeros(len(light.z))
    if grid.scale == "log":
        shift = (grid.start - GRID.start - np.log10(1 + light.z)) / GRID.step
    first = np.floor(shift).astype(int)
    phase = (shift - first)[:, None].astype(np.float32) * frequency
    factor = np.empty(smoothing.shape, dtype=np.complex64)
    np.multiply(smoothing, np.cos(phase), out=factor.real)
    np.multiply(smoothing, np.sin(phase), out=factor.imag)
    old = row_product(light.old, old_basis).view(np.complex64)
    young = row_product(light.young, young_basis)
    young = (young + row_product(light.nebular, nebular_basis)).view(np.complex64)
    rest = [fft.irfft(np.multiply(part, factor, out=part), n=N_FFT) for part in (old, young)]
    parts = [np.asarray(part, dtype=np.float32) for part in rest]
    if grid.scale == "log":
        return _cut(parts[0], first, grid.n_pixel), _cut(parts[1], first, grid.n_pixel)
    place = _rest_pixels(light.z, grid)
    return _cubic(parts[0], place), _cubic(parts[1], place)


def _cut(rows: FloatArray, first: IntArray, n_pixel: int) -> FloatArray:
    """Return `n_pixel` pixels of each row, from its pixel `first` on."""
    result = np.empty((len(rows), n_pixel), dtype=np.float32)
    for row, start in enumerate(first):
        result[row] = rows[row, start : start + n_pixel]
    return result


def _rest_pixels(z: FloatArray, grid: WaveGrid) -> FloatArray:
    """Return the fractional template pixel of each observed pixel, (n_galaxy, n_pixel)."""
    return GRID.pixel(grid.wave) - (np.log10(1 + z) / GRID.step)[:, None]


def _cubic(values: FloatArray, place: FloatArray) -> FloatArray:
    """Interpolate rows by Catmull-Rom cubics at fractional pixels, float32."""
    index = np.floor(place).astype(int)
    t = (place - index).astype(np.float32)
    weights = (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
    result = np.zeros_like(t)
    for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
        result += weight * np.take_along_axis(values, index + offset, axis=1)
    return result


def _galaxy_dust(light: Light, grid: WaveGrid) -> tuple[FloatArray, FloatArray]:
    """Return transmissions of the diffuse dust and of the birth clouds, (n_galaxy, n_pixel)."""
    diffuse, cloud = _dust_curves()
    if grid.scale == "log":
        shift = (grid.start - GRID.start - np.log10(1 + light.z)) / GRID.step
        first = np.rint(shift).astype(int)
        curves = [sliding_window_view(c, grid.n_pixel)[first] for c in (diffuse, cloud)]
    else:
        place = np.rint(_rest_pixels(light.z, grid)).astype(int)
        curves = [c[place] for c in (diffuse, cloud)]
    a_v = light.galaxies.a_v[:, None].astype(np.float32)
    a_v_cloud = light.galaxies.a_v_cloud[:, None].astype(np.float32)
    return np.exp(-a_v * curves[0]), np.exp(-a_v_cloud * curves[1])


def _add_nucleus(flux: FloatArray, light: Light, grid: WaveGrid) -> None:
    """Add power law and broad lines of active nuclei, in place."""
    for row in np.flatnonzero(light.power > 0):
        rest = grid.wave / (1 + light.z[row])
        spectrum = light.power[row] * (rest / 5575.0) ** light.power_slope[row]
        for line, strength in zip(BROAD_WAVE, light.broad[row], strict=True):
            sigma = light.broad_vdisp[row] / SPEED_OF_LIGHT * line
            peak = strength / (np.sqrt(2 * np.pi) * sigma)
            spectrum += peak * np.exp(-0.5 * ((rest - line) / sigma) ** 2)
        flux[row] += spectrum.astype(np.float32)


@cache
def _transforms() -> tuple[FloatArray, FloatArray, FloatArray]:
    templates = load_templates()
    return (
        templates.old.transform(),
        templates.young.transform(),
        templates.nebular.transform(),
    )


@cache
def _dust_curves() -> tuple[FloatArray, FloatArray]:
    """Return both curves on the template grid, in nepers per V magnitude, float32."""
    return (
        _LN_MAGNITUDE * calzetti(GRID.wave).astype(np.float32),
        _LN_MAGNITUDE * power_law(GRID.wave).astype(np.float32),
    )
