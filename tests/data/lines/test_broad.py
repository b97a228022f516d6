"""The width of a broad H-alpha, from lines of known width."""

import numpy as np
import pytest

from data.constants import SPEED_OF_LIGHT
from data.grid import INSTRUMENTS
from data.lines.broad import broad_halpha_width

WAVE = INSTRUMENTS["sdss"].wave


def _spectrum(fwhm: float, *, narrow: float = 110.0, broad: float = 1.0) -> np.ndarray:
    def line(centre: float, sigma: float) -> np.ndarray:
        return np.exp(-0.5 * ((WAVE / centre - 1) * SPEED_OF_LIGHT / sigma) ** 2)

    lines = (6564.61, 2.0), (6585.27, 1.5), (6549.86, 0.5), (6718.29, 0.4), (6732.67, 0.3)
    flux = 1 - 1e-4 * (WAVE - 6500) + sum(height * line(at, narrow) for at, height in lines)
    return flux + broad * line(6564.61, fwhm / 2.3548)


@pytest.mark.parametrize("fwhm", [1600.0, 2600.0, 5200.0])
def test_known_widths_come_back_with_and_without_noise(
    fwhm: float, rng: np.random.Generator
) -> None:
    flux, error = _spectrum(fwhm), 0.05
    width, strength = broad_halpha_width(WAVE, flux, np.ones_like(flux))
    assert width == pytest.approx(fwhm, rel=0.02)
    assert strength == pytest.approx(1.0645 * fwhm / SPEED_OF_LIGHT * 6564.61 / 0.994, rel=0.05)
    noisy = flux + rng.normal(0, error, flux.shape)
    weight = np.full(flux.shape, error**-2)
    weight[::17] = 0  # masked
    assert broad_halpha_width(WAVE, noisy, weight)[0] == pytest.approx(fwhm, rel=0.1)


def test_nothing_broad_or_nothing_seen_has_no_width() -> None:
    absorbed = _spectrum(3000.0, broad=-0.3)
    assert np.isnan(broad_halpha_width(WAVE, absorbed, np.ones_like(absorbed))).all()
    flux = _spectrum(3000.0)
    assert np.isnan(broad_halpha_width(WAVE, flux, np.where(WAVE < 6500, 1.0, 0.0))).all()
