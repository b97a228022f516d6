"""Masked parts of lines are taken from a model, and count as uncertain."""

import numpy as np

from data.lines.indices import measure

WAVE = np.linspace(6400.0, 6820.0, 421)


def spectrum(height: float, sigma: float = 3.0) -> np.ndarray:
    """Return H-alpha on a flat continuum of 1, shape (1, n_pixel)."""
    return 1 + height * np.exp(-0.5 * ((WAVE - 6564.6) / sigma) ** 2)[None]


def test_a_masked_peak_is_filled_in_with_its_error() -> None:
    flux = spectrum(4.0)
    masked = np.abs(WAVE - 6564.6) < 2.5
    ivar = np.where(masked, 0.0, 1e6)[None]
    whole = measure(WAVE, flux, np.full_like(flux, 1e6))
    bare = measure(WAVE, flux, ivar)
    filled = measure(WAVE, np.where(masked, 0.0, flux), ivar, fill=flux)
    assert np.isnan(bare["ew_halpha"][0])
    np.testing.assert_allclose(filled["ew_halpha"], whole["ew_halpha"], rtol=1e-12)
    share = spectrum(4.0)[0][masked].sum() - masked.sum()
    np.testing.assert_allclose(filled["flux_halpha_err"], 0.3 * share, rtol=0.05)


def test_what_is_hardly_observed_is_not_filled_in() -> None:
    flux = spectrum(4.0)
    ivar = np.where(np.abs(WAVE - 6564.6) < 6.0, 0.0, 1e6)[None]
    assert np.isnan(measure(WAVE, flux, ivar, fill=flux)["ew_halpha"][0])


def test_filling_changes_nothing_where_all_is_observed() -> None:
    flux, ivar = spectrum(4.0), np.full((1, len(WAVE)), 25.0)
    for name, values in measure(WAVE, flux, ivar, fill=0 * flux).items():
        np.testing.assert_array_equal(values, measure(WAVE, flux, ivar)[name])
