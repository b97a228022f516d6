"""Uniform grids: arithmetic both ways, and recognised in an array."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.grid import INSTRUMENTS, WaveGrid, linear_grid, log_grid

GRIDS = st.one_of(
    st.builds(
        WaveGrid,
        scale=st.just("linear"),
        start=st.floats(1000, 9000),
        step=st.floats(0.1, 5),
        n_pixel=st.integers(2, 500),
    ),
    st.builds(
        WaveGrid,
        scale=st.just("log"),
        start=st.floats(3.2, 4.0),
        step=st.floats(1e-5, 1e-3),
        n_pixel=st.integers(2, 500),
    ),
)


@given(grid=GRIDS)
def test_pixel_is_the_inverse_of_wave(grid):
    np.testing.assert_allclose(grid.pixel(grid.wave), np.arange(grid.n_pixel), atol=1e-6)


@given(grid=GRIDS)
def test_dictionary_holds_the_whole_grid(grid):
    assert WaveGrid(**grid.to_dict()) == grid


@pytest.mark.parametrize("name", sorted(INSTRUMENTS))
def test_grid_is_recognised_in_its_wavelengths(name):
    grid = INSTRUMENTS[name]
    again = WaveGrid.from_wave(grid.wave)
    assert (again.scale, again.n_pixel) == (grid.scale, grid.n_pixel)
    np.testing.assert_allclose(again.wave, grid.wave, rtol=1e-9)


def test_grids_match_to_a_fiftieth_of_a_pixel():
    grid = INSTRUMENTS["desi"]
    assert grid.matches(replace(grid, start=grid.start + 0.01 * grid.step))
    assert not grid.matches(replace(grid, start=grid.start + 0.03 * grid.step))
    assert not grid.matches(replace(grid, step=grid.step * (1 + 0.03 / grid.n_pixel)))
    assert not grid.matches(replace(grid, n_pixel=grid.n_pixel - 1))
    assert not grid.matches(replace(grid, scale="log"))


def test_instruments_cover_what_the_surveys_say():
    sdss, boss, desi = (INSTRUMENTS[name].wave for name in ("sdss", "boss", "desi"))
    assert (len(sdss), len(boss), len(desi)) == (3921, 4686, 7781)
    np.testing.assert_allclose(sdss[[0, -1]], [3784.4, 9332.5], atol=0.1)
    np.testing.assert_allclose(desi[[0, -1]], [3600, 9824])
    assert boss[0] < 3541
    assert boss[-1] > 10400


def test_ranges_include_both_ends():
    np.testing.assert_allclose(linear_grid(2359, 9332, 7000).wave[[0, -1]], [2359, 9332])
    grid = log_grid(2359, 9332)
    assert grid.wave[0] == pytest.approx(2359)
    assert 9332 <= grid.wave[-1] < 9332 * 10**1e-4


@pytest.mark.parametrize(
    ("wave", "message"),
    [
        (np.array([4000.0, 5000.0, 7000.0]), "uniform in wavelength"),
        (np.array([4000.0, np.nan, 4002.0]), "positive wavelengths"),
        (np.array([4000.0]), "at least 2"),
        (np.array([-1.0, 0.0, 1.0]), "positive wavelengths"),
        (np.linspace(5000, 4000, 50), "uniform in wavelength"),
    ],
)
def test_other_arrays_are_refused(wave, message):
    with pytest.raises(ValueError, match=message):
        WaveGrid.from_wave(wave)


@pytest.mark.parametrize(
    "change", [{"step": 0.0}, {"step": float("nan")}, {"n_pixel": 1}, {"scale": "cubic"}]
)
def test_what_is_no_grid_is_refused(change):
    with pytest.raises(ValueError, match="must be"):
        WaveGrid(**({"scale": "log", "start": 3.5, "step": 1e-4, "n_pixel": 9} | change))


def test_wavelengths_can_not_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        INSTRUMENTS["sdss"].wave[0] = 0
