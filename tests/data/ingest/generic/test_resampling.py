"""Laws of resampling: flux conserved, variances propagated, bad pixels kept apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.grid import INSTRUMENTS, linear_grid
from data.ingest.generic.resampling import holes, pixel_edges, rebin, resampled
from data.ingest.raw_spectrum import OTHER, RawSpectrum

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(2, 60)


def uneven_edges(rng: np.random.Generator, n: int, first: float, last: float) -> np.ndarray:
    """Edges of `n` pixels of unequal width between two wavelengths."""
    steps = np.cumsum(rng.uniform(0.2, 3.0, n))
    return first + (last - first) * np.concatenate([[0.0], steps / steps[-1]])


@given(seed=SEEDS, n_old=SIZES, n_new=SIZES)
def test_flux_is_conserved(seed, n_old, n_new):
    rng = np.random.default_rng(seed)
    edges, new = (uneven_edges(rng, n, 4000.0, 4100.0) for n in (n_old, n_new))
    flux = rng.normal(1, 3, n_old)
    mean, _, full = rebin(edges, flux, np.ones(n_old), np.ones(n_old, bool), new)
    assert full.all()
    np.testing.assert_allclose(mean @ np.diff(new), flux @ np.diff(edges), rtol=1e-9, atol=1e-9)


@given(seed=SEEDS, n_old=SIZES, n_new=SIZES)
def test_each_pixel_is_the_overlap_weighted_mean(seed, n_old, n_new):
    rng = np.random.default_rng(seed)
    edges, new = (uneven_edges(rng, n, 4000.0, 4100.0) for n in (n_old, n_new))
    flux, variance = rng.normal(1, 3, n_old), rng.uniform(0.5, 2, n_old)
    mean, spread, _ = rebin(edges, flux, variance, np.ones(n_old, bool), new)
    low = np.maximum(new[:-1, None], edges[None, :-1])
    high = np.minimum(new[1:, None], edges[None, 1:])
    weight = np.clip(high - low, 0, None) / np.diff(new)[:, None]
    np.testing.assert_allclose(mean, weight @ flux, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(spread, weight**2 @ variance, rtol=1e-7, atol=1e-7)


def test_variance_is_that_of_many_noisy_spectra(rng):
    edges, new = np.linspace(4000, 4100, 41), np.linspace(4000, 4100, 18)
    variance = rng.uniform(0.5, 2, 40)
    good = np.ones(40, bool)
    noise = rng.normal(0, np.sqrt(variance), (4000, 40))
    means = np.array([rebin(edges, row, variance, good, new)[0] for row in noise])
    expected = rebin(edges, noise[0], variance, good, new)[1]
    scatter = np.sqrt(2 / 4000)  # of a sample variance, relative
    assert np.abs(means.var(axis=0) / expected - 1).max() < 5 * scatter


@given(seed=SEEDS, n_old=st.integers(5, 60), n_new=SIZES, value=st.sampled_from([np.nan, 1e30]))
def test_bad_pixels_never_leak(seed, n_old, n_new, value):
    rng = np.random.default_rng(seed)
    edges, new = (uneven_edges(rng, n, 4000.0, 4100.0) for n in (n_old, n_new))
    flux, good = rng.normal(1, 3, n_old), rng.uniform(size=n_old) > 0.2
    flux[~good] = value
    mean, spread, full = rebin(edges, flux, np.where(good, 1.0, value), good, new)
    assert np.isfinite(mean).all()
    assert np.isfinite(spread).all()
    assert np.abs(mean).max() < 1e3
    touched = np.array([
        bool(((edges[:-1] < high - 1e-3) & (edges[1:] > low + 1e-3) & ~good).any())
        for low, high in zip(new[:-1], new[1:], strict=True)
    ])  # fmt: skip
    assert not (full & touched).any()


def test_pixels_beyond_the_old_ones_are_bad():
    edges, new = np.linspace(4000, 4010, 11), np.linspace(3990, 4020, 31)
    mean, _, full = rebin(edges, np.ones(10), np.ones(10), np.ones(10, bool), new)
    np.testing.assert_array_equal(np.flatnonzero(full), np.arange(10, 20))
    np.testing.assert_allclose(mean[full], 1)


def test_the_same_grid_gives_the_same_spectrum(rng):
    centres = np.cumsum(rng.uniform(0.9, 1.1, 50)) + 4000
    edges = pixel_edges(centres)
    flux = rng.normal(1, 1, 50)
    mean, spread, full = rebin(edges, flux, np.full(50, 2.0), np.ones(50, bool), edges)
    np.testing.assert_allclose(mean, flux)
    np.testing.assert_allclose(spread, 2.0)
    assert full.all()


def spectrum(wave: np.ndarray, flux: np.ndarray) -> RawSpectrum:
    return RawSpectrum(
        instrument=OTHER, pixel=np.zeros(0, int), wave=wave, flux=flux,
        ivar=np.full(len(wave), 4.0), masked=np.zeros(len(wave), bool), facts={},
    )  # fmt: skip


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_a_smooth_spectrum_keeps_its_shape_on_every_grid(name):
    grid = INSTRUMENTS[name]
    wave = np.arange(4500.0, 8000.0, 0.5)
    raw = resampled(spectrum(wave, 1e-3 * wave), grid)
    used = ~raw.masked
    assert used.sum() > 1000
    np.testing.assert_allclose(raw.flux[used], 1e-3 * grid.wave[used], rtol=1e-4)
    assert (grid.wave[used].min(), grid.wave[used].max()) == pytest.approx((4500, 8000), abs=3)
    np.testing.assert_array_equal(raw.ivar[~used], 0)


def test_a_coarse_spectrum_is_told():
    wave = np.arange(4500.0, 8000.0, 5.0)
    raw = resampled(spectrum(wave, np.ones(len(wave))), INSTRUMENTS["desi"])
    assert raw.remarks == ("coarser than the grid: neighbouring pixels are alike",)
    fine = resampled(spectrum(wave, np.ones(len(wave))), linear_grid(5000, 7000, 401))
    assert fine.remarks == ()


def test_a_spectrum_beside_the_grid_is_told():
    wave = np.arange(12000.0, 13000.0)
    with pytest.raises(ValueError, match="outside coverage: 12000-12999 A"):
        resampled(spectrum(wave, np.ones(1000)), INSTRUMENTS["boss"])


def test_pixels_that_are_lacking_stay_empty():
    wave = np.arange(4000.0, 4400.0, 2.0)
    kept = ~((wave >= 4100) & (wave < 4200)) & (wave != 4300)
    raw = RawSpectrum(
        instrument=OTHER, pixel=np.zeros(0, np.int64), wave=wave[kept], flux=wave[kept],
        ivar=np.ones(kept.sum()), masked=np.zeros(kept.sum(), bool), facts={},
    )  # fmt: skip
    grid = linear_grid(4000.0, 4398.0, 399)
    put = resampled(raw, grid)
    empty = ((grid.wave > 4099) & (grid.wave < 4199)) | (np.abs(grid.wave - 4300) < 0.9)
    assert (put.ivar[empty] == 0).all()
    assert (put.ivar[(grid.wave > 4001) & (grid.wave < 4098)] > 0).all()
    assert (put.ivar[(grid.wave > 4201) & (grid.wave < 4298)] > 0).all()
    assert any("lacking" in line for line in put.remarks)


@pytest.mark.parametrize(
    "wave",
    [
        np.concatenate([np.arange(4000.0, 4500.0, 1.0), np.arange(4501.0, 6000.0, 3.0)]),
        np.round(np.arange(4000.0, 4500.0, 0.15), 1),
        np.round(10 ** np.arange(3.6, 3.9, 1e-4)),
        np.geomspace(1000.0, 10000.0, 50),
    ],
    ids=["two steps", "tenths", "whole numbers", "coarse"],
)
def test_unequal_steps_are_no_holes(wave):
    assert holes(np.unique(wave)).size == 0
