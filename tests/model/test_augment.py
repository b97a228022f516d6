"""Augmentation: what moves, what is masked, what is noise."""

import numpy as np
import pytest
import torch

from data.grid import INSTRUMENTS, REST_RANGE, log_grid
from model.augment import augment, move
from model.networks.redshift import redshift

GRID = INSTRUMENTS["sdss"]


def _generator(seed=1):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def batch(rng):
    flux = torch.tensor(1 + 0.1 * rng.normal(size=(6, GRID.n_pixel)), dtype=torch.float32)
    ivar = torch.full_like(flux, 100.0)
    ivar[:, 1000:1010] = 0
    flux[:, 1000:1010] = 50.0  # a cosmic ray under the mask
    return flux, ivar, torch.tensor(rng.uniform(0, 0.5, 6))


@pytest.mark.parametrize("instrument", ["sdss", "desi"])
def test_a_moved_model_is_the_model_at_the_new_redshift(instrument):
    grid, rest = INSTRUMENTS[instrument], log_grid(*REST_RANGE)
    spectrum = torch.tensor(1 + 0.3 * np.sin(rest.wave / 50), dtype=torch.float32)[None].repeat(
        3, 1
    )
    z, z_new = torch.tensor([0.0, 0.2, 0.4]), torch.tensor([0.3, 0.1, 0.45])
    old, _ = redshift(spectrum, z, source=rest, target=grid)
    new, reached = redshift(spectrum, z_new, source=rest, target=grid)
    moved, ivar = move(old, torch.ones_like(old), (1 + z_new) / (1 + z) - 1, grid)
    use = (ivar > 0) & reached & (moved != 0)
    assert use.float().mean() > 0.4
    np.testing.assert_allclose(moved[use], new[use], atol=3e-3)


def test_flux_and_weight_are_zero_outside_the_overlap(batch):
    flux, ivar, z = batch
    new_flux, new_ivar, z_new = augment(flux, ivar, z, GRID, _generator(), noise=0, mask=0)
    place = GRID.wave * ((1 + z) / (1 + z_new)).numpy()[:, None]
    outside = torch.tensor((place < GRID.wave[0] * 0.9999) | (place > GRID.wave[-1] * 1.0001))
    assert outside.any()
    assert not new_flux[outside].any()
    assert not new_ivar[outside].any()
    assert torch.isfinite(new_flux).all()
    assert ((z_new >= 0) & (z_new <= 0.5)).all()


def test_masked_pixels_stay_masked_where_they_move(batch):
    flux, ivar, z = batch
    new_flux, new_ivar, _ = augment(flux, ivar, z, GRID, _generator(), noise=0, mask=0)
    assert (new_flux > 10).any()  # the cosmic ray is still there ...
    assert not new_ivar[new_flux > 2].any()  # ... and has no weight
    assert ((new_ivar == 0) | (new_ivar > 99)).all()


def test_noise_hits_the_share_asked_for_and_lowers_the_weight(rng):
    flux = torch.full((40, GRID.n_pixel), 2.0)
    ivar = torch.full_like(flux, 100.0)
    z = torch.full((40,), 0.1)
    generator = _generator()
    calm, _, z_calm = augment(flux, ivar, z, GRID, _generator(), z_max=0.1, noise=0, mask=0)
    noisy, new_ivar, z_noisy = augment(
        flux, ivar, z, GRID, generator, z_max=0.1, noise=0.05, mask=0
    )
    assert torch.equal(z_calm, z_noisy)
    hit = noisy != calm
    np.testing.assert_allclose(hit[calm > 0].float().mean(), 0.05, atol=0.005)
    np.testing.assert_allclose((noisy - calm)[hit].std(), 0.4, rtol=0.05)
    np.testing.assert_allclose(new_ivar[hit], 1 / (1 / 100 + 0.4**2), rtol=1e-4)


def test_one_block_is_masked_in_each_spectrum_at_a_place_of_its_own():
    flux, ivar = torch.ones(8, GRID.n_pixel), torch.ones(8, GRID.n_pixel)
    new_flux, new_ivar, _ = augment(
        flux, ivar, torch.zeros(8), GRID, _generator(), z_max=0.0, noise=0, mask=0.05
    )
    masked = (new_ivar == 0) & (new_flux == 0)
    width = round(0.05 * GRID.n_pixel)
    counts = masked.sum(1)
    assert ((counts >= width) & (counts <= width + 2)).all()
    starts = masked.float().argmax(1)
    assert len(set(starts.tolist())) > 4


def test_the_same_generator_gives_the_same_augmentation(batch):
    one, other = augment(*batch, GRID, _generator(7)), augment(*batch, GRID, _generator(7))
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one[2], augment(*batch, GRID, _generator(8))[2])
