"""Groups of spectra: quantiles, and the error of a difference."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.atlas.atlas import Atlas
from model.tracks.population import (
    Population,
    difference,
    median_difference,
    quantiles,
    read_populations,
    window_median,
)
from model.tracks.stack import rest_frame, stack_rest


def test_quantiles_leave_out_what_was_not_observed(rng: np.random.Generator) -> None:
    flux = rng.normal(0, 1, (50, 3)).astype(np.float32)
    weight = np.ones_like(flux)
    weight[:20, 1] = 0
    weight[:, 2] = 0
    flux[:20, 1] = 99
    result = quantiles(torch.tensor(flux), torch.tensor(weight))
    np.testing.assert_allclose(result[:, 0], np.quantile(flux[:, 0], [0.16, 0.5, 0.84]), rtol=1e-5)
    np.testing.assert_allclose(
        result[:, 1], np.quantile(flux[20:, 1], [0.16, 0.5, 0.84]), rtol=1e-5
    )
    assert np.isnan(result[:, 2]).all()


def test_error_of_a_difference_is_its_scatter(rng: np.random.Generator) -> None:
    n_pixel, n_first, n_second = 4000, 40, 25
    wave = np.linspace(4000, 5000, n_pixel)
    stacks = [
        stack_rest(
            torch.tensor(rng.normal(mean, sigma, (n, n_pixel))), torch.ones(n, n_pixel), wave=wave
        )
        for mean, sigma, n in ((1.5, 0.3, n_first), (1.0, 0.6, n_second))
    ]
    gap, error = difference(*stacks)
    expected = np.hypot(0.3 / np.sqrt(n_first), 0.6 / np.sqrt(n_second))
    # Mean and scatter of 4000 independent pixels are known to 1 / sqrt(4000) and 1 / sqrt(8000).
    assert abs(gap.mean() - 0.5) < 5 * expected / np.sqrt(n_pixel)
    assert abs(gap.std() / expected - 1) < 5 / np.sqrt(2 * n_pixel)
    pull = (gap - 0.5) / error
    assert abs(pull.std() - 1) < 0.1  # of 25 objects each error scatters by 14 %


def test_groups_are_read_once_and_each_is_its_own(tiny_atlas_path: Path) -> None:
    atlas = Atlas(tiny_atlas_path)
    rows = {"a": np.arange(20), "b": np.arange(10, 60)}
    made = read_populations(atlas.source, atlas.model, rows, most=30)
    alone = read_populations(atlas.source, atlas.model, {"b": rows["b"]}, most=50)["b"]
    assert (made["a"].n_object, made["b"].n_object) == (20, 50)
    assert (made["a"].stack.n_object, made["b"].stack.n_object) == (20, 30)
    seen = made["a"].stack.count == 20
    low, middle, high = made["a"].quantiles[:, seen]
    assert (low <= middle).all()
    assert (middle <= high).all()
    again = read_populations(atlas.source, atlas.model, {"b": rows["b"]}, most=50)["b"]
    np.testing.assert_array_equal(alone.stack.flux, again.stack.flux)
    with pytest.raises(ValueError, match="c holds no object"):
        read_populations(atlas.source, atlas.model, {"c": np.arange(0)})


def test_error_of_a_median_is_its_scatter(rng: np.random.Generator) -> None:
    n_pixel, n = 4000, 41
    flux = torch.tensor(rng.normal(1.0, 0.3, (2 * n, n_pixel)), dtype=torch.float32)
    groups = [
        Population(
            stack=stack_rest(part, torch.ones(n, n_pixel), wave=np.arange(n_pixel)),
            quantiles=quantiles(part, torch.ones(n, n_pixel)),
            n_object=n,
        )
        for part in flux.split(n)
    ]
    gap, error = median_difference(*groups)
    # The error is that of many normal values; of 41 the median scatters by 1 % less.
    assert abs(gap.std() / np.sqrt((error**2).mean()) - 1) < 5 / np.sqrt(2 * n_pixel) + 0.02


def test_spectra_are_scaled_by_their_median_in_a_window(tiny_atlas_path: Path) -> None:
    atlas = Atlas(tiny_atlas_path)
    wave, norms = atlas.model.rest_grid.wave, atlas.catalog["norm"].to_numpy()
    rows, window = {"a": np.arange(30)}, (4400.0, 4600.0)
    stored, scaled, physical = (
        read_populations(atlas.source, atlas.model, rows, **options)["a"]
        for options in ({}, {"window": window}, {"norms": norms})
    )
    inside = (wave > window[0]) & (wave < window[1])
    assert np.median(scaled.stack.flux[inside]) == pytest.approx(1, abs=0.03)
    assert np.median(stored.stack.flux[inside]) != pytest.approx(1, abs=0.03)
    ratio = np.nanmedian(physical.quantiles[1] / stored.quantiles[1])
    assert norms[:30].min() < ratio < norms[:30].max()
    with pytest.raises(ValueError, match="no object of 'a'"):
        read_populations(atlas.source, atlas.model, rows, window=(9200.0, 9300.0))


def test_mean_of_physical_flux_is_not_that_of_the_faintest(tiny_atlas_path: Path) -> None:
    atlas = Atlas(tiny_atlas_path)
    norms, rows = np.geomspace(1, 1000, len(atlas)), np.arange(60)
    stack = read_populations(atlas.source, atlas.model, {"a": rows}, norms=norms)["a"].stack
    flux, weight = rest_frame(atlas.source.read(rows), rest_grid=atlas.model.rest_grid)
    with np.errstate(invalid="ignore"):
        expected = (weight.numpy() * flux.numpy() * norms[:60, None]).sum(0) / weight.numpy().sum(0)
    np.testing.assert_allclose(stack.flux, expected, rtol=1e-4)
    assert np.nanmedian(stack.flux) == pytest.approx(norms[:60].mean(), rel=0.2)
    for scale in ({}, {"norms": norms}):
        one = read_populations(atlas.source, atlas.model, {"a": rows[50:51]}, **scale)["a"]
        spectra = atlas.source.read(rows[50:51])
        noise = np.median(1 / np.sqrt(spectra.ivar[spectra.ivar > 0]))
        noise *= norms[50] if scale else 1
        assert np.nanmedian(one.stack.error) == pytest.approx(noise, rel=0.1)
        np.testing.assert_array_equal(one.median_error, one.stack.error)


@pytest.mark.parametrize("n", [2, 3, 5, 9])
def test_error_of_the_median_of_few_is_not_too_small(rng: np.random.Generator, n: int) -> None:
    flux, weight = torch.tensor(rng.normal(1, 0.3, (n, 4000))).float(), torch.ones(n, 4000)
    stack = stack_rest(flux, weight, wave=np.arange(4000))
    item = Population(stack=stack, quantiles=quantiles(flux, weight), n_object=n)
    error = np.sqrt((item.median_error**2).mean())
    assert 0.95 < error / item.quantiles[1].std() < 1.35


@pytest.mark.parametrize("n_pixel", [6, 7, 40])
def test_median_of_a_window_is_the_usual_one(rng: np.random.Generator, n_pixel: int) -> None:
    flux, weight = rng.normal(1, 0.3, (20, 50)), np.ones((20, 50))
    weight[::2, 3] = 0
    wave = np.arange(50.0)
    found = window_median(
        torch.tensor(flux), torch.tensor(weight), wave, (wave[0], wave[n_pixel - 1])
    )
    seen = np.where(weight > 0, flux, np.nan)[:, :n_pixel]
    np.testing.assert_allclose(found, np.nanmedian(seen, axis=1), rtol=1e-12)


def test_a_window_needs_enough_pixels() -> None:
    flux, weight = torch.ones(2, 10), torch.ones(2, 10)
    weight[1, 3:] = 0
    found = window_median(flux, weight, np.arange(10), (0, 9))
    assert found[0] == 1
    assert torch.isnan(found[1])
