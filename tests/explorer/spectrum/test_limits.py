"""How high the panels are: by what is known, not by what one bad pixel holds."""

import numpy as np
import pytest

from data.lines.emission import find_line
from explorer.spectrum.cut_marks import cut
from explorer.spectrum.limits import (
    flux_limits,
    is_continuum,
    residual_limit,
    weighted_percentile,
)


def test_weights_count_like_repeats(rng: np.random.Generator) -> None:
    values, weight = rng.normal(size=50), rng.integers(1, 9, 50).astype(float)
    repeated = np.repeat(values, weight.astype(int))
    wanted = [0.0, 3.0, 50.0, 97.0, 100.0]
    expected = np.percentile(repeated, wanted, method="inverted_cdf")
    np.testing.assert_array_equal(weighted_percentile(values, weight, wanted), expected)
    assert np.isnan(weighted_percentile(values, np.zeros(50), wanted)).all()


@pytest.mark.parametrize("value", [69.0, -69.0, 1e30])
@pytest.mark.parametrize("percentiles", [(0.5, 99.7), (0.05, 99.95)])
def test_pixels_without_weight_do_not_stretch(
    rng: np.random.Generator, value: float, percentiles: tuple[float, float]
) -> None:
    flux, noise = rng.normal(0.3, 0.01, 3000), np.full(3000, 0.01)
    model = np.full(3000, 0.3)
    usual = flux_limits(flux, noise, model, percentiles=percentiles)
    flux[-100:], noise[-100:] = value, 1e4
    low, high = flux_limits(flux, noise, model, percentiles=percentiles)
    assert low == pytest.approx(usual[0], abs=0.005)
    assert high == pytest.approx(usual[1], abs=0.005)


def test_a_peak_of_a_line_counts_in_a_window(rng: np.random.Generator) -> None:
    """Noise grows with the root of the light, so a bright peak has a small weight."""
    flux = rng.normal(1.0, 0.02, 60)
    flux[30] = 10.0
    noise = 0.02 * np.sqrt(flux)
    assert flux_limits(flux, noise, np.ones(60), percentiles=(0.05, 99.95))[1] > 10


def test_limits_show_the_model_and_survive_empty_data() -> None:
    flux, noise = np.array([np.nan, 1.0, 2.0, 1.5]), np.array([np.nan, 0.1, 0.1, 0.1])
    low, high = flux_limits(flux, noise, np.array([0.5, 4.0, np.nan, 1.0]))
    assert low < 0.5
    assert high > 4.0
    nothing = np.full(3, np.nan)
    assert flux_limits(nothing, nothing, nothing) == (0.0, 2.0)
    nowhere = np.zeros(4, dtype=bool)
    assert flux_limits(flux, noise, flux, inside=nowhere) == flux_limits(flux, noise, flux)
    assert residual_limit(np.full(3, np.nan)) == 6.0
    assert residual_limit(np.array([1e9, 0.0])) == 50.0


def test_continuum_is_away_from_emission_lines() -> None:
    halpha = find_line("Hα").wave
    np.testing.assert_array_equal(
        is_continuum(np.array([halpha, halpha + 3, 5400.0])), [False, False, True]
    )


def test_each_stretch_cut_off_has_one_mark_at_its_edge() -> None:
    wave = np.arange(4000.0, 4020.0)
    values = np.ones(20)
    values[3:6], values[10], values[15] = 9.0, -9.0, np.nan
    assert cut(wave, values, low=0, high=2) == {"x": [4010.0, 4004.0], "y": [0.015, 0.985]}
