"""Width of a broad H-alpha, narrow lines beside it fitted apart."""

from __future__ import annotations

import numpy as np

from data.arrays import FloatArray
from data.constants import SPEED_OF_LIGHT
from data.lines.emission import find_line

WINDOW = (6300.0, 6850.0)
"""Rest-frame wavelengths that are fitted, Angstrom."""
NARROW = np.array([70.0, 120.0, 200.0, 330.0])
BROAD = np.geomspace(450.0, 4500.0, 31)
"""Velocity dispersions that are tried, km/s."""
_FWHM = 2.3548
_HALPHA = find_line("Hα").wave
_NARROW_LINES = (
    (_HALPHA, 1.0), (find_line("[N II] 6583").wave, 2.96), (find_line("[N II] 6548").wave, 1.0),
    (find_line("[S II] 6716").wave, 1.0), (find_line("[S II] 6731").wave, 1.0),
)  # fmt: skip
_GROUPS = ((0,), (1, 2), (3,), (4,))
"""Narrow lines of one height each; [N II] at the ratio of its transitions."""


def broad_halpha_width(
    wave: FloatArray, flux: FloatArray, weight: FloatArray
) -> tuple[float, float]:
    """Fit a broad Gaussian beneath the narrow lines around H-alpha.

    A straight continuum, H-alpha, [N II] and [S II] of one narrow width, and a broad H-alpha:
    heights by least squares for each pair of widths tried; a parabola refines the broad one.

    Args:
        wave: Rest-frame wavelengths, Angstrom, shape (n_pixel,).
        flux: Shape (n_pixel,).
        weight: Inverse variance, 0 where masked, same shape.

    Returns:
        Full width at half maximum, km/s, and equivalent width, Angstrom, of the broad line; both
        NaN where there is none in emission, or less than half the window is seen.
    """
    use = (wave > WINDOW[0]) & (wave < WINDOW[1]) & (weight > 0)
    spacing = np.gradient(wave)[use].sum() if use.sum() > 1 else 0.0
    if use.sum() < 30 or spacing < 0.5 * (WINDOW[1] - WINDOW[0]):
        return np.nan, np.nan
    x, values, root = wave[use], flux[use].astype(float), np.sqrt(weight[use].astype(float))
    left = np.empty((len(NARROW), len(BROAD)))
    heights = np.empty((*left.shape, 7))
    for i, narrow in enumerate(NARROW):
        lines = _narrow_lines(x, narrow)
        for j, broad in enumerate(BROAD):
            design = np.column_stack([_gaussian(x, _HALPHA, broad), lines, _continuum(x)])
            heights[i, j] = np.linalg.lstsq(design * root[:, None], values * root)[0]
            left[i, j] = ((root * (values - design @ heights[i, j])) ** 2).sum()
    i, j = np.unravel_index(left.argmin(), left.shape)
    height, continuum = heights[i, j, 0], heights[i, j, 5]
    if not (height > 0 and continuum > 0 and 0 < j < len(BROAD) - 1):
        return np.nan, np.nan
    before, here, after = left[i, j - 1 : j + 2]
    bend = before - 2 * here + after
    shift = 0.5 * (before - after) / bend if bend > 0 else 0.0
    sigma = BROAD[j] * (BROAD[1] / BROAD[0]) ** np.clip(shift, -1, 1)
    area = np.sqrt(2 * np.pi) * sigma / SPEED_OF_LIGHT * _HALPHA * height
    return float(_FWHM * sigma), float(area / continuum)


def _narrow_lines(wave: FloatArray, sigma: float) -> FloatArray:
    shapes = [_gaussian(wave, centre, sigma) * share for centre, share in _NARROW_LINES]
    return np.column_stack([sum(shapes[item] for item in group) for group in _GROUPS])


def _continuum(wave: FloatArray) -> FloatArray:
    middle = (WINDOW[0] + WINDOW[1]) / 2
    return np.column_stack([np.ones_like(wave), (wave - middle) / (WINDOW[1] - WINDOW[0])])


def _gaussian(wave: FloatArray, centre: float, sigma: float) -> FloatArray:
    return np.exp(-0.5 * ((wave / centre - 1) * SPEED_OF_LIGHT / sigma) ** 2)
