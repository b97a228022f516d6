"""Smoothing: what is averaged with what, and how noisy the mean is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from explorer.spectrum.inspection import Inspection, inspect
from explorer.spectrum.smoothing import line_keeping_weight, smooth, smoothed, smoothed_noise
from tests.fixtures.explorer import open_tiny


def observed(item: Inspection, rng: np.random.Generator, *, noise: float) -> Inspection:
    """Return an object that is its reconstruction and `noise` times its noise."""
    sigma = np.nan_to_num(item.noise)
    flux = np.nan_to_num(item.model) + noise * sigma * rng.normal(size=sigma.shape)
    spectra = replace(item.spectra, flux=flux[None].astype(np.float32))
    return replace(item, spectra=spectra)


@pytest.fixture(scope="module")
def item(tiny_atlas_path: Path) -> Inspection:
    return inspect(open_tiny(tiny_atlas_path), 5)


def test_weights_are_inverse_variances_and_masked_pixels_stay_gaps(
    rng: np.random.Generator,
) -> None:
    flux, ivar = np.ones(300), np.full(300, 4.0)
    flux[100], ivar[100] = 1e6, 0.0
    flux[150], ivar[150] = 1e3, 1e-9
    result = smooth(flux, ivar, 5)
    np.testing.assert_array_equal(np.isnan(result), ivar == 0)
    np.testing.assert_allclose(result[ivar > 0], 1.0, rtol=1e-5)
    assert np.isnan(smooth(flux, np.zeros(300), 3)).all()
    np.testing.assert_array_equal(smooth(flux, ivar, 0)[ivar > 0], flux[ivar > 0])
    assert len(smooth(rng.normal(size=40), np.ones(40), 25)) == 40  # a kernel longer than the data


@pytest.mark.parametrize("other", [False, True])
def test_noise_of_a_smoothed_spectrum_is_that_of_its_mean(
    rng: np.random.Generator, *, other: bool
) -> None:
    ivar = rng.uniform(0.2, 5.0, 200)
    ivar[rng.random(200) < 0.2] = 0
    sigma = 1 / np.sqrt(np.where(ivar > 0, ivar, np.inf))
    n_draw = 4000
    weight = np.where(ivar > 0, rng.uniform(0.5, 2.0, 200) if other else ivar, 0.0)
    draws = np.array([smooth(sigma * rng.normal(size=200), weight, 3) for _ in range(n_draw)])
    used = ivar > 0
    ratio = draws[:, used].std(axis=0) / smoothed_noise(ivar, 3, weight)[used]
    assert np.abs(ratio - 1).max() < 5 / np.sqrt(2 * n_draw)  # 5 sigma of a standard deviation
    assert np.isnan(smoothed_noise(ivar, 3)[~used]).all()


@pytest.mark.parametrize("width", [1, 6, 12])
def test_a_line_keeps_its_flux(rng: np.random.Generator, width: int) -> None:
    pixel = np.arange(600)
    line = 300 * np.exp(-0.5 * ((pixel - 300) / 2.5) ** 2)
    variance = 0.01 * (1 + line)  # of the light itself
    variance[200:206] = 100  # a line of the sky
    flux = 1 + line + np.sqrt(variance) * rng.normal(size=600)
    weight = line_keeping_weight(flux, 1 / variance)
    drawn = smooth(flux, weight, width)
    assert np.sum(drawn[210:390] - 1) == pytest.approx(np.sum(line), rel=0.05)
    assert abs(drawn[203] - 1) < 1  # the sky's line still counts for nothing


@pytest.mark.parametrize("width", [0, 1, 6, 25])
def test_a_perfect_fit_stays_one(item: Inspection, rng: np.random.Generator, width: int) -> None:
    drawn = smoothed(observed(item, rng, noise=0), width)
    used = np.isfinite(drawn.residual)
    assert used.sum() == (np.isfinite(item.model) & ~item.masked).sum()
    assert np.abs(drawn.residual[used]).max() < 1e-3  # float32
    np.testing.assert_allclose(drawn.flux[used], drawn.model[used], rtol=1e-4)


@pytest.mark.parametrize("width", [0, 1, 6, 25])
def test_a_second_model_is_smoothed_as_the_first(item: Inspection, width: int) -> None:
    drawn = smoothed(replace(item, second=item.model), width)
    np.testing.assert_array_equal(drawn.second, drawn.model)


@pytest.mark.parametrize("width", [1, 6])
def test_residuals_of_noise_scatter_by_one_sigma(
    item: Inspection, rng: np.random.Generator, width: int
) -> None:
    values = np.concatenate(
        [smoothed(observed(item, rng, noise=1), width).residual for _ in range(30)]
    )
    values = values[np.isfinite(values)]
    n_independent = len(values) / (2 * np.sqrt(np.pi) * width)
    assert abs(values.std() - 1) < 5 / np.sqrt(2 * n_independent)


def test_decoded_and_reconstruction_agree_at_every_width(item: Inspection) -> None:
    for width in (3, 12):
        drawn = smoothed(item, width)
        decoded = np.interp(item.wave, item.wave_rest * (1 + item.z), drawn.decoded)
        inner = slice(5 * width, -5 * width)
        used = np.isfinite(drawn.model[inner]) & item.masked[inner]
        np.testing.assert_allclose(drawn.model[inner][used], decoded[inner][used], atol=0.1)
        # A stretch of lines smoothed alike: the reconstruction is no sharper than the data.
        assert np.nanstd(np.diff(drawn.model)) < 0.6 * np.nanstd(np.diff(item.model))
