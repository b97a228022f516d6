"""Spectra in the rest frame: flux conserved, errors right, gaps filled within the noise."""

import numpy as np
import pytest

from data.grid import INSTRUMENTS, WaveGrid, linear_grid, log_grid_of
from data.rest_frame.infill import CONVERGED, fit_infill
from data.rest_frame.preparation import PREPARATIONS, prepare
from data.rest_frame.rebin import overlaps, rebin
from data.spectra import Spectra

RNG = np.random.default_rng(3)


def observed(n: int, grid: WaveGrid, z: float = 0.1) -> Spectra:
    flux = 1 + 0.1 * RNG.standard_normal((n, grid.n_pixel)).cumsum(axis=1) / 30
    return Spectra(
        grid=grid,
        flux=flux.astype(np.float32),
        ivar=np.full((n, grid.n_pixel), 400, np.float32),
        z=np.full(n, z),
    )


@pytest.mark.parametrize("instrument", ["sdss", "desi"])
@pytest.mark.parametrize("name", list(PREPARATIONS))
def test_flux_is_conserved(instrument: str, name: str) -> None:
    grid, rest_grid = INSTRUMENTS[instrument], PREPARATIONS[name].rest_grid
    spectra = observed(3, grid)
    over = overlaps(spectra.z, grid=grid, rest_grid=rest_grid)
    flux, _, seen = rebin(spectra.flux, spectra.ivar, over)
    edges = rest_grid.edges * 1.1
    for row in range(3):
        steps = np.append(0, np.cumsum(spectra.flux[row] * np.diff(grid.edges)))
        low = int(np.argmax(seen[row]))
        high = int(len(seen[row]) - np.argmax(seen[row][::-1])) - 1
        expected = np.diff(np.interp(edges[[low + 1, high]], grid.edges, steps))[0]
        total = (flux[row] * np.diff(edges))[low + 1 : high].sum()
        assert total == pytest.approx(expected, rel=2e-6)


def test_a_pixel_of_whole_pixels_is_their_mean_with_the_error_of_a_mean() -> None:
    grid, rest_grid = linear_grid(4000.5, 4011.5, 12), linear_grid(4002, 4010, 3)
    spectra = observed(1, grid, z=0)
    flux, ivar, seen = rebin(
        spectra.flux, spectra.ivar, overlaps(spectra.z, grid=grid, rest_grid=rest_grid)
    )
    assert seen.all()
    np.testing.assert_allclose(flux[0], spectra.flux[0].reshape(3, 4).mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(ivar, 4 * 400, rtol=1e-6)


def test_masked_pixels_count_for_nothing_and_hide_a_pixel_they_rule() -> None:
    grid, rest_grid = linear_grid(4000.5, 4007.5, 8), linear_grid(4002, 4006, 2)
    spectra = observed(1, grid, z=0)
    spectra.flux[0, [0, 4, 5, 6]] = [np.nan, 1e30, -1e30, np.inf]
    spectra.ivar[0, [0, 4, 5, 6]] = 0
    flux, ivar, seen = rebin(
        spectra.flux, spectra.ivar, overlaps(spectra.z, grid=grid, rest_grid=rest_grid)
    )
    assert seen.tolist() == [[True, False]]
    assert flux[0, 0] == pytest.approx(spectra.flux[0, 1:4].mean(), rel=1e-6)
    assert ivar[0].tolist() == pytest.approx([1200, 0], rel=1e-6)
    assert flux[0, 1] == 0


def test_scatter_of_rebinned_noise_is_what_the_errors_say() -> None:
    grid, rest_grid = INSTRUMENTS["sdss"], PREPARATIONS["portillo2020"].rest_grid
    n = 200
    flux = RNG.normal(0, 0.05, (n, grid.n_pixel)).astype(np.float32)
    ivar = np.full(flux.shape, 400, np.float32)
    rebinned, inverse, seen = rebin(
        flux, ivar, overlaps(np.full(n, 0.07), grid=grid, rest_grid=rest_grid)
    )
    pull = (rebinned * np.sqrt(inverse))[seen]
    assert pull.std() == pytest.approx(1, abs=5 / np.sqrt(pull.size / 2))


def two_vectors(n: int, n_rest: int) -> np.ndarray:
    wave = np.linspace(0, 3, n_rest)
    vectors = np.stack([2 + np.sin(wave), np.cos(2 * wave), np.sin(5 * wave)])
    return RNG.normal([5, 1, 1], [1, 0.5, 0.5], (n, 3)) @ vectors


@pytest.mark.parametrize("n_component", [3, 4])
def test_gaps_are_filled_within_the_noise(n_component: int) -> None:
    truth, noise = two_vectors(300, 120), 0.02
    flux = truth + RNG.normal(0, noise, truth.shape)
    seen = RNG.random(truth.shape) > 0.1
    seen[:40, 50:70] = False
    infill = fit_infill(flux[:200], seen[:200], n_component=n_component)
    assert infill.changes[-1] < CONVERGED
    for rows in (slice(0, 40), slice(200, 300)):  # learnt from, and never seen
        filled = infill.fill(np.where(seen, flux, 1e9), seen)[rows]
        np.testing.assert_array_equal(filled[seen[rows]], flux[rows][seen[rows]].astype("f4"))
        error = (filled - truth[rows])[~seen[rows]]
        assert np.sqrt((error**2).mean()) < noise


def family_of_two_vectors() -> tuple[np.ndarray, np.ndarray]:
    """Return spectra of rank 2 without noise, and what is seen of them."""
    rng, wave = np.random.default_rng(0), np.linspace(0, 1, 200)
    truth = 1 + rng.normal(0, 0.3, (400, 1)) * (np.sin(7 * wave) + 0.5)
    seen = np.ones(truth.shape, bool)
    for row, start in enumerate(rng.integers(0, 170, 400)):
        seen[row, start : start + 30] = False
    return truth, seen


@pytest.mark.parametrize("n_component", [2, 3, 5, 11])
def test_gaps_of_two_vectors_of_any_scale_are_filled_with_any_components(n_component: int) -> None:
    truth, seen = family_of_two_vectors()
    truth *= np.linspace(0.5, 2, 400)[:, None]
    infill = fit_infill(truth, seen, n_component=n_component)
    assert infill.changes[-1] < CONVERGED
    error = (infill.fill(truth, seen) - truth)[~seen]
    assert np.sqrt((error**2).mean()) < 5 * CONVERGED * np.sqrt((truth**2).mean())


def test_filling_converges_where_spectra_differ_by_their_shape_alone() -> None:
    truth, seen = family_of_two_vectors()
    infill = fit_infill(truth, seen, n_component=2, n_iteration=200)
    np.testing.assert_allclose(infill.fill(truth, seen), truth, atol=0.01)


def test_filling_does_not_depend_on_scale_or_company() -> None:
    flux, seen = two_vectors(60, 80), RNG.random((60, 80)) > 0.2
    infill = fit_infill(flux, seen, n_component=2)
    np.testing.assert_allclose(infill.fill(7 * flux, seen), 7 * infill.fill(flux, seen), rtol=1e-5)
    np.testing.assert_array_equal(infill.fill(flux[5:6], seen[5:6]), infill.fill(flux, seen)[5:6])


def test_a_pixel_that_nothing_shows_is_refused() -> None:
    flux, seen = two_vectors(30, 40), np.ones((30, 40), bool)
    seen[:, 7] = False
    with pytest.raises(ValueError, match="1 pixels of the rest frame are observed in no spectrum"):
        fit_infill(flux, seen)


@pytest.mark.parametrize("name", list(PREPARATIONS))
def test_prepared_spectra_have_the_norm_of_the_paper(name: str) -> None:
    preparation = PREPARATIONS[name]
    spectra = observed(40, INSTRUMENTS["sdss"])
    spectra.z[:] = np.linspace(0.05, 0.2, 40)
    spectra.ivar[3, 1000:1300] = 0
    first = prepare(spectra, preparation)
    infill = fit_infill(first.flux, first.observed)
    prepared = prepare(spectra, preparation, infill)
    moment = prepared.flux if name == "portillo2020" else prepared.flux.astype(float) ** 2
    np.testing.assert_allclose(moment.mean(axis=1), 1, rtol=1e-5)
    assert (prepared.ivar == 0).tolist() == (~prepared.observed).tolist()
    snr = prepared.flux * np.sqrt(prepared.ivar)
    if preparation.max_snr:
        assert snr.max() <= preparation.max_snr * (1 + 1e-5)
    alone = prepare(spectra.take(slice(3, 4)), preparation, infill)
    np.testing.assert_array_equal(alone.flux[0], prepared.flux[3])
    assert alone.missing[0] > 0.05


def test_the_papers_grids() -> None:
    portillo, nicolaou = (PREPARATIONS[name].rest_grid for name in PREPARATIONS)
    assert portillo.n_pixel == nicolaou.n_pixel == 1000
    np.testing.assert_allclose(portillo.wave[[0, -1]], [3388, 8318])
    np.testing.assert_allclose(nicolaou.wave[[0, -1]], [3600, 7556])
    assert log_grid_of(4000, 5000, 11).wave[-1] == pytest.approx(5000)
