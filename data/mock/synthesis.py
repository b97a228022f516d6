"""Spectra of mock galaxies: from their light to what a spectrograph records.

Stars and nebular continuum are summed in Fourier space, where velocity dispersion and redshift
to a fraction of a pixel are exact factors; lines are drawn where they fall on the observed grid.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from data.arrays import FloatArray, IntArray
from data.constants import SPEED_OF_LIGHT
from data.grid import WaveGrid
from data.mock.distortions import spread_factor
from data.mock.dust import calzetti, milky_way, power_law
from data.mock.instrument import Instrument
from data.mock.light import Light
from data.mock.lines import BROAD_WAVE, line_waves
from data.mock.templates import GRID, N_FFT, load_templates, row_product

_LN_MAGNITUDE = np.float32(0.4 * np.log(10))
_PIXEL_KMS = SPEED_OF_LIGHT * np.log(10) * GRID.step
_ROWS = 8
"""Spectra transformed at once: few enough for the cache, enough for the vector registers."""
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
    flux = np.empty((len(light.z), grid.n_pixel), dtype=np.float32)
    _set_continuum(flux, light, grid)
    half = 0.5 * light.line_split
    first = np.where(half > 0, 0.55, 1.0 - light.wing)
    vdisp = light.galaxies.gas.vdisp
    _add_component(flux, light, instrument, part=first, velocity=half, vdisp=vdisp)
    _add_component(flux, light, instrument, part=np.where(half > 0, 0.45, light.wing),
                   velocity=np.where(half > 0, -half, light.wing_offset),
                   vdisp=vdisp * np.where(half > 0, 1.0, light.wing_width))  # fmt: skip
    _add_nucleus(flux, light, grid)
    galactic = -_LN_MAGNITUDE * milky_way(grid.wave).astype(np.float32)
    for row, a_v, scale in zip(
        flux, _single(light.galactic_a_v), _single(light.scale), strict=True
    ):
        row *= np.exp(a_v * galactic)
        row *= scale
    return flux


def _add_component(
    flux: FloatArray, light: Light, instrument: Instrument, *, part: FloatArray,
    velocity: FloatArray, vdisp: FloatArray,
) -> None:  # fmt: skip
    """Add some part of the narrow lines in place: a peak of them, or their wings."""
    rows = np.flatnonzero(part > 0)
    moved = (light.gas_offset + velocity)[rows] / SPEED_OF_LIGHT
    add_lines(flux, (light.lines * part[:, None])[rows], line_waves(),
              z=(1 + light.z[rows]) * (1 + moved) - 1, vdisp=vdisp[rows], instrument=instrument,
              spread=light.line_spread[rows], rows=rows)  # fmt: skip


def add_lines(
    flux: FloatArray, lines: FloatArray, waves: FloatArray, *, z: FloatArray, vdisp: FloatArray,
    instrument: Instrument, spread: FloatArray | None = None, rows: IntArray | None = None,
) -> None:  # fmt: skip
    """Add Gaussian lines to spectra in place.

    Args:
        flux: Spectra per rest-frame Angstrom, shape (n_galaxy, n_pixel), C-contiguous; other
            arguments have a row for each, or for each of `rows`.
        lines: Integrated lines, unit of `flux` x Angstrom, shape (n_galaxy, n_line).
        waves: Rest-frame vacuum wavelengths, Angstrom, shape (n_line,).
        z: Redshifts, shape (n_galaxy,).
        vdisp: Velocity dispersions, km/s, without the instrument, shape (n_galaxy,).
        instrument: Whose grid and resolution to use.
        spread: Amplitudes of the changes of the line-spread function, (n_galaxy, 3).
        rows: Rows of `flux` that get lines, all of them if None.
    """
    if not len(z):
        return
    grid = instrument.grid
    observed = waves * (1 + z[:, None])
    resolution = instrument.resolution(observed)
    if spread is not None:
        resolution = resolution * spread_factor(spread, observed)
    total = np.hypot(vdisp[:, None], resolution) / SPEED_OF_LIGHT
    per_pixel = observed * np.log(10) * grid.step if grid.scale == "log" else grid.step
    sigma = total * observed / per_pixel
    reach = _REACH * sigma
    centre = grid.pixel(observed)
    seen = (centre > -reach) & (centre < grid.n_pixel + reach)
    seen &= lines > _WEAKEST * lines.max(axis=1, keepdims=True)
    peak = lines / (np.sqrt(2 * np.pi) * total * waves)
    # Group lines of similar width, so that few of the pixels computed are discarded.
    width = np.exp2(np.ceil(2 * np.log2(reach.clip(1))) / 2)
    for half in np.unique(width[seen]):
        galaxy, line = np.nonzero(seen & (width == half))
        _draw(flux, galaxy if rows is None else rows[galaxy], centre[galaxy, line],
              sigma[galaxy, line], peak[galaxy, line], int(np.ceil(half)))  # fmt: skip


def _draw(
    flux: FloatArray, rows: IntArray, centre: FloatArray, sigma: FloatArray, peak: FloatArray,
    half: int,
) -> None:  # fmt: skip
    """Add Gaussians that reach at most `half` pixels from their centres, in place."""
    pixels = np.rint(centre).astype(int)[:, None] + np.arange(-half, half + 1)
    distance = ((pixels - centre[:, None]) / sigma[:, None]).astype(np.float32)
    profile = peak[:, None].astype(np.float32) * np.exp(-0.5 * distance**2)
    inside = pixels.clip(0, flux.shape[1] - 1)
    profile *= (np.abs(distance) < _REACH) & (pixels == inside)
    flat = rows[:, None] * flux.shape[1] + inside
    np.add.at(flux.reshape(-1), flat.reshape(-1), profile.reshape(-1))


def _single(values: Any) -> Any:  # noqa: ANN401 - an array or one of its values
    return values.astype(np.float32)


def _set_continuum(flux: FloatArray, light: Light, grid: WaveGrid) -> None:
    """Set spectra to the light of their stars and gas, dimmed by their dust."""
    old_basis, fresh_basis = _transforms()
    fresh = np.concatenate([light.young, light.nebular], axis=1)
    old_light = row_product(light.old, old_basis).view(np.complex64)
    fresh_light = row_product(fresh, fresh_basis).view(np.complex64)
    sigma = light.galaxies.vdisp / _PIXEL_KMS
    both = np.empty((_ROWS, 2, N_FFT // 2 + 1), dtype=np.complex64)
    for start in range(0, len(flux), _ROWS):
        rows = range(start, min(start + _ROWS, len(flux)))
        for row, transforms in zip(rows, both, strict=False):
            factor = _smooth_and_shift(sigma[row], _start_pixel(light.z[row], grid)[1])
            np.multiply(old_light[row], factor, out=transforms[0])
            np.multiply(fresh_light[row], factor, out=transforms[1])
        stars = np.asarray(fft.irfft(both[: len(rows)], n=N_FFT))
        for row, parts in zip(rows, stars, strict=True):
            _dim(flux[row], parts, light, row, grid)


def _dim(flux: FloatArray, stars: FloatArray, light: Light, row: int, grid: WaveGrid) -> None:
    """Set a spectrum to old and young stars (2, N_FFT) behind the dust of galaxy `row`."""
    diffuse, cloud = _dust_curves()
    if grid.scale == "log":
        first, shift = _start_pixel(light.z[row], grid)
        stars = stars[:, first : first + grid.n_pixel]
        first += shift > 0.5
        dust = slice(first, first + grid.n_pixel)
    else:
        position = _template_pixels(grid) - np.log10(1 + light.z[row]) / GRID.step
        dust = np.rint(position).astype(int)
        stars = _cubic(stars, position)
    np.multiply(
        stars[1], np.exp(-_single(light.galaxies.gas.a_v_cloud[row]) * cloud[dust]), out=flux
    )
    flux += stars[0]
    flux *= np.exp(-_single(light.galaxies.gas.a_v[row]) * diffuse[dust])


def _start_pixel(z: float, grid: WaveGrid) -> tuple[int, float]:
    """Return the template pixel at which a spectrum begins: whole pixels and fraction."""
    if grid.scale != "log":
        return 0, 0.0
    start = (grid.start - GRID.start - np.log10(1 + z)) / GRID.step
    return int(start // 1), float(start % 1)


def _smooth_and_shift(sigma: float, shift: float) -> NDArray[Any]:
    """Return what multiplies a transform to smooth and shift left a spectrum (pixels)."""
    frequency, gauss = _frequencies()
    smoothing = np.exp(np.float32(sigma**2) * gauss)
    if not shift:
        return smoothing
    phase = np.float32(shift) * frequency
    factor = np.empty(len(frequency), dtype=np.complex64)
    np.multiply(smoothing, np.cos(phase), out=factor.real)
    np.multiply(smoothing, np.sin(phase), out=factor.imag)
    return factor


def _cubic(values: FloatArray, position: FloatArray) -> FloatArray:
    """Interpolate rows by Catmull-Rom cubics at fractional pixels, float32."""
    index = np.floor(position).astype(int)
    t = (position - index).astype(np.float32)
    weights = (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
    result = np.zeros((len(values), len(position)), dtype=np.float32)
    for row, interpolated in zip(values, result, strict=True):
        for offset, weight in enumerate(weights):
            interpolated += weight * row[offset:].take(index - 1)
    return result


def _add_nucleus(flux: FloatArray, light: Light, grid: WaveGrid) -> None:
    """Add power law and broad lines of active nuclei, in place."""
    for row in np.flatnonzero(light.power > 0):
        rest = grid.wave / (1 + light.z[row])
        spectrum = light.power[row] * (rest / 5575.0) ** light.power_slope[row]
        for centre, strength in zip(BROAD_WAVE, light.broad[row], strict=True):
            sigma = light.broad_vdisp[row] / SPEED_OF_LIGHT * centre
            peak = strength / (np.sqrt(2 * np.pi) * sigma)
            spectrum += peak * np.exp(-0.5 * ((rest - centre) / sigma) ** 2)
        flux[row] += spectrum.astype(np.float32)


@cache
def _template_pixels(grid: WaveGrid) -> FloatArray:
    return GRID.pixel(grid.wave)


@cache
def _transforms() -> tuple[FloatArray, FloatArray]:
    """Return the transforms of the bases: old stars; young stars and their nebulae."""
    templates = load_templates()
    fresh = [templates.young.transform(), templates.nebular.transform()]
    return templates.old.transform(), np.concatenate(fresh)


@cache
def _frequencies() -> tuple[FloatArray, FloatArray]:
    """Return the frequencies of the transforms, radians a pixel, and -1/2 their squares."""
    frequency = (2 * np.pi / N_FFT * np.arange(N_FFT // 2 + 1)).astype(np.float32)
    return frequency, -0.5 * frequency**2


@cache
def _dust_curves() -> tuple[FloatArray, FloatArray]:
    """Return both curves on the template grid, in nepers per V magnitude, float32."""
    return (
        _LN_MAGNITUDE * calzetti(GRID.wave).astype(np.float32),
        _LN_MAGNITUDE * power_law(GRID.wave).astype(np.float32),
    )
