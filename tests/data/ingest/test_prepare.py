"""Laws of the preparation: normalised to 1, signal to noise kept, masked means weight 0."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.grid import INSTRUMENTS, NORM_RANGE
from data.ingest.prepare import pixel_shift, prepare
from data.lines import sky as sky_lines

GRID = INSTRUMENTS["sdss"]


def spectrum(seed: int = 1, n_pixel: int = GRID.n_pixel):
    rng = np.random.default_rng(seed)
    flux = rng.normal(10, 1, n_pixel)
    return np.arange(n_pixel), flux, rng.uniform(0.5, 2, n_pixel), np.zeros(n_pixel, bool)


@given(seed=st.integers(0, 2**32 - 1), z=st.floats(0.001, 0.4), scale=st.floats(1e-3, 500))
def test_norm_is_the_median_and_signal_to_noise_stays(seed, z, scale):
    pixel, flux, ivar, masked = spectrum(seed)
    ready = prepare(GRID, pixel=pixel, flux=flux * scale, ivar=ivar / scale**2, masked=masked, z=z)
    rest = GRID.wave / (1 + z)
    window = (rest > NORM_RANGE[0]) & (rest < NORM_RANGE[1]) & (ready.ivar > 0)
    assert np.median(ready.flux[window]) == pytest.approx(1, abs=1e-3)
    good = ready.ivar > 0
    np.testing.assert_allclose(
        (ready.flux * np.sqrt(ready.ivar))[good], (flux * np.sqrt(ivar))[good], rtol=1e-5
    )
    assert ready.norm == pytest.approx(10 * scale, rel=0.1)
    assert ready.snr == pytest.approx(np.median(flux * np.sqrt(ivar)), rel=1e-9)
    assert ready.mask_fraction == pytest.approx(1 - good.mean())


@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 0.8))
def test_whatever_the_pixels_hold_the_result_is_finite_and_masked(seed, share):
    pixel, flux, ivar, masked = spectrum(seed)
    rng = np.random.default_rng(seed)
    bad = rng.uniform(size=len(flux)) < share
    kinds = np.array([np.nan, np.inf, -np.inf, 1e38])
    flux[bad] = rng.choice(kinds, bad.sum())
    ivar[bad & (np.abs(flux) == 1e38)] = 0
    ivar[~bad & (rng.uniform(size=len(flux)) < 0.1)] = rng.choice([np.nan, np.inf, -1.0, 1e-7])
    ready = prepare(GRID, pixel=pixel, flux=flux, ivar=ivar, masked=masked, z=0.1)
    assert np.isfinite(ready.flux).all()
    assert np.isfinite(ready.ivar).all()
    assert (ready.ivar >= 0).all()
    unusable = bad | ~np.isfinite(ivar) | (ivar <= 1e-6) | sky_lines.mask(GRID)
    np.testing.assert_array_equal(ready.ivar == 0, unusable)


def test_masked_flux_is_left_unchanged():
    pixel, flux, ivar, masked = spectrum()
    masked[1000:1200] = True
    ready = prepare(GRID, pixel=pixel, flux=flux, ivar=ivar, masked=masked, z=0.1)
    np.testing.assert_allclose(ready.flux[1000:1200], flux[1000:1200] / ready.norm, rtol=1e-6)
    assert not ready.ivar[1000:1200].any()


def test_masks_do_not_change_the_signal_to_noise():
    pixel, flux, ivar, masked = spectrum()
    whole = prepare(GRID, pixel=pixel, flux=flux, ivar=ivar, masked=masked, z=0.1)
    masked[flux < 10] = True
    part = prepare(GRID, pixel=pixel, flux=flux, ivar=ivar, masked=masked, z=0.1)
    assert part.snr == whole.snr
    assert part.mask_fraction > 0.5


def test_pixels_go_where_they_belong_and_those_outside_are_dropped():
    pixel, flux, ivar, masked = spectrum()
    ready = prepare(GRID, pixel=pixel - 100, flux=flux, ivar=ivar, masked=masked, z=0.1)
    np.testing.assert_allclose(ready.flux[:-100] * ready.norm, flux[100:], rtol=1e-6)
    assert not ready.ivar[-100:].any()
    assert not ready.flux[-100:].any()


def test_boss_and_sdss_pixels_differ_by_whole_steps():
    assert pixel_shift(INSTRUMENTS["sdss"], INSTRUMENTS["boss"]) == 290
    assert pixel_shift(INSTRUMENTS["boss"], INSTRUMENTS["sdss"]) == -290
    assert pixel_shift(INSTRUMENTS["desi"], INSTRUMENTS["sdss"]) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, f, i, m: (p, f, i[:-1], m), "bad shape"),
        (lambda p, f, i, m: (p, f, 0 * i, m), "all pixels masked"),
        (lambda p, f, i, m: (p, f, i, ~m), "all pixels masked"),
        (lambda p, f, i, m: (p, f * np.nan, i, m), "all pixels masked"),
        (lambda p, f, i, m: (p, -f, i, m), "norm not positive"),
        (lambda p, f, i, m: (p, 0 * f, i, m), "norm not positive"),
        (lambda p, f, i, m: (p + 10**5, f, i, m), "outside coverage"),
        (lambda p, f, i, m: (p[:500], f[:500], i[:500], m[:500]), "norm range not covered"),
    ],
)
def test_what_can_not_be_normalised_is_told(change, message):
    pixel, flux, ivar, masked = change(*spectrum())
    with pytest.raises(ValueError, match=message):
        prepare(GRID, pixel=pixel, flux=flux, ivar=ivar, masked=masked, z=0.1)


def test_norm_range_beyond_the_spectrum_is_told():
    pixel, flux, ivar, masked = spectrum()
    with pytest.raises(ValueError, match="norm range not covered: rest 5300-5850 A falls on 10600"):
        prepare(GRID, pixel=pixel, flux=flux, ivar=ivar, masked=masked, z=1.0)
