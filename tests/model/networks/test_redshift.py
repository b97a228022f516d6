"""Laws of the redshift transform, checked against np.interp."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from data.grid import INSTRUMENTS, REST_RANGE, WaveGrid, linear_grid, log_grid
from model.networks.redshift import redshift

REST = {
    "linear": linear_grid(*REST_RANGE, 7000),
    "coarse": linear_grid(3784 / 1.5, 9332, 5881),
    "fine": linear_grid(3784 / 1.5, 9332, 11762),
    "log": log_grid(*REST_RANGE),
    "log, other step": log_grid(*REST_RANGE, step=7e-5),
}


def _interpolated(spectrum, z, source, target):
    """Independent second opinion: move the grid, search, interpolate in wavelength."""
    return np.stack(
        [
            np.interp(target.wave, source.wave * (1 + one), row, left=0, right=0)
            for row, one in zip(spectrum, z, strict=True)
        ]
    )


def _smooth(rng, grid, n):
    phase = rng.uniform(0, 2 * np.pi, (n, 1))
    return 1 + 0.3 * np.sin(grid.wave / 40 + phase) + 0.2 * np.sin(grid.wave / 9 - phase)


@pytest.mark.parametrize("instrument", ["sdss", "boss", "desi"])
@pytest.mark.parametrize("rest", REST)
def test_redshift_agrees_with_interp(rng, rest, instrument):
    source, target = REST[rest], INSTRUMENTS[instrument]
    z = rng.uniform(0, 0.5, 8)
    spectrum = _smooth(rng, source, 8)
    ours, valid = redshift(
        torch.tensor(spectrum, dtype=torch.float32), torch.tensor(z), source=source, target=target
    )
    inside = valid.numpy()
    expected = _interpolated(spectrum, z, source, target)
    np.testing.assert_allclose(ours.numpy()[inside], expected[inside], atol=3e-5)
    assert not ours.numpy()[~inside].any()
    wave = target.wave / (1 + z[:, None])
    reached = (wave >= source.wave[0]) & (wave <= source.wave[-1])
    assert (inside != reached).sum() <= len(z)  # a pixel at the very edge may round either way


@settings(max_examples=60, deadline=None)
@given(
    z=st.floats(-0.4, 3.0),
    start=st.floats(3.3, 3.7),
    n_source=st.integers(2, 300),
    n_target=st.integers(2, 300),
    scale=st.sampled_from(["linear", "log"]),
)
def test_redshift_agrees_with_interp_on_any_grid(z, start, n_source, n_target, scale):
    step, first = (1e-4, start) if scale == "log" else (0.7, 10**start)
    source = WaveGrid(scale=scale, start=first, step=step, n_pixel=n_source)
    target = WaveGrid(scale="log", start=3.5, step=1e-4, n_pixel=n_target)
    spectrum = np.random.default_rng(n_source).uniform(0.5, 1.5, (1, n_source))
    ours, valid = redshift(torch.tensor(spectrum), torch.tensor([z]), source=source, target=target)
    expected = _interpolated(spectrum, [z], source, target)
    inside = valid.numpy()
    assert np.abs(ours.numpy() - expected)[inside].max(initial=0) < 1e-4
    assert not ours.numpy()[~inside].any()


@pytest.mark.parametrize("rest", REST)
def test_same_grid_at_redshift_zero_gives_the_same_spectrum(rng, rest):
    grid = REST[rest]
    spectrum = torch.tensor(rng.normal(size=(3, grid.n_pixel)))
    ours, valid = redshift(spectrum, torch.zeros(3), source=grid, target=grid)
    inside = valid.numpy()
    assert inside[:, 1:-1].all()  # rounding may place the end pixels a hair outside
    np.testing.assert_allclose(ours.numpy()[inside], spectrum.numpy()[inside], atol=1e-8)


@pytest.mark.parametrize("rest", ["linear", "log"])
def test_a_constant_stays_constant(rest):
    flux, valid = redshift(
        torch.full((4, REST[rest].n_pixel), 2.5),
        torch.tensor([0.0, 0.1, 0.3, 0.5]),
        source=REST[rest],
        target=INSTRUMENTS["sdss"],
    )
    np.testing.assert_allclose(flux[valid], 2.5, rtol=1e-6)


@pytest.mark.parametrize("rest", ["linear", "log"])
def test_gradient_is_that_of_the_linear_map(rng, rest):
    source = linear_grid(3700, 3740, 60) if rest == "linear" else log_grid(3700, 3725, step=1e-4)
    target = WaveGrid(scale="log", start=np.log10(3760), step=1e-4, n_pixel=30)
    spectrum = torch.tensor(rng.normal(size=(3, source.n_pixel)), requires_grad=True)
    z = torch.tensor([0.012, 0.015, 0.02])
    assert torch.autograd.gradcheck(
        lambda x: redshift(x, z, source=source, target=target)[0], spectrum
    )


def test_moving_there_and_back_keeps_a_smooth_spectrum(rng):
    grid = INSTRUMENTS["sdss"]
    spectrum = torch.tensor(1 + 0.3 * np.sin(grid.wave / 60))[None]
    there, there_valid = redshift(spectrum, torch.tensor([0.1234]), source=grid, target=grid)
    back, back_valid = redshift(
        there, torch.tensor([1 / 1.1234 - 1], dtype=torch.float64), source=grid, target=grid
    )
    inside = back_valid & (
        redshift(there_valid.double(), torch.tensor([1 / 1.1234 - 1]), source=grid, target=grid)[0]
        == 1
    )
    assert inside.float().mean() > 0.8
    np.testing.assert_allclose(back[inside], spectrum[inside], atol=2e-4)


def test_a_redshift_beyond_the_rest_range_gives_nothing():
    for source in (REST["linear"], REST["log"]):
        flux, valid = redshift(
            torch.ones(2, source.n_pixel),
            torch.tensor([9.0, -0.9]),
            source=source,
            target=INSTRUMENTS["sdss"],
        )
        assert not valid.any()
        assert not flux.any()


def test_wrong_shapes_are_refused():
    grid = INSTRUMENTS["sdss"]
    with pytest.raises(ValueError, match=r"spectrum must have shape \(n_galaxy, 3921\)"):
        redshift(torch.ones(2, 10), torch.zeros(2), source=grid, target=grid)
    with pytest.raises(ValueError, match=r"z must have shape \(2,\)"):
        redshift(torch.ones(2, 3921), torch.zeros(3), source=grid, target=grid)
