"""Corrupted spectra: each fault has the size asked for, and comes alone if the others are off."""

import numpy as np
import pytest
import torch

from data.grid import INSTRUMENTS
from model.augment import augment
from model.corruption import JOINTS, Corruption, corrupt

GRID = INSTRUMENTS["sdss"]
NONE = {"warp": 0.0, "arm_step": 0.0, "gap": 0.0, "sky_residual": 0.0, "fainter": 1.0}
N = 400


def corrupted(flux=None, ivar=None, **given):
    flux = torch.full((N, 500), 2.0) if flux is None else flux
    ivar = torch.full(flux.shape, 100.0) if ivar is None else ivar
    generator = torch.Generator().manual_seed(4)
    return corrupt(flux, ivar, generator, Corruption(**NONE | given))


def test_nothing_asked_for_changes_nothing():
    flux, ivar = corrupted()
    assert (flux == 2).all()
    assert (ivar == 100).all()


def test_calibration_is_off_smoothly_by_the_size_asked_for():
    flux, ivar = corrupted(warp=0.03)
    response = flux / 2
    # 3 numbers a spectrum: 1200 in all, the r.m.s. is known to 1/sqrt(2400), 2 %
    assert response.log().square().mean().sqrt() == pytest.approx(0.03, rel=0.1)
    assert response.diff(dim=1).abs().max() < 0.005
    np.testing.assert_allclose(ivar, 100 / response**2, rtol=1e-5)


def test_a_step_is_where_arms_meet():
    flux, _ = corrupted(arm_step=0.02)
    jump = (flux / 2).log().diff(dim=1)
    assert ((jump != 0).sum(dim=1) == 1).all()
    at = jump.abs().argmax(dim=1) / 500
    assert (at > JOINTS[0] - 0.01).all()
    assert (at < JOINTS[1] + 0.01).all()
    assert jump.sum(dim=1).std() == pytest.approx(0.02, rel=0.15)  # 4 sigma of 400 numbers


def test_a_share_has_a_gap_without_flux_and_weight():
    flux, ivar = corrupted(gap=0.25)
    gone = ivar == 0
    assert (flux[gone] == 0).all()
    hit = gone.any(dim=1)
    assert 0.16 < hit.float().mean() < 0.34  # 4 sigma
    assert ((gone.int().diff(dim=1) == 1).sum(dim=1) <= 1).all()
    assert gone.sum(dim=1).max() <= 0.15 * 500


def test_sky_is_left_where_the_noise_shows_its_lines():
    ivar = torch.full((N, 500), 100.0)
    ivar[:, 200:203] = 4.0
    ivar[:, 300] = 0
    flux, same = corrupted(ivar=ivar, sky_residual=0.8)
    left = (flux - 2) / 0.5
    assert left[:, 201].std() == pytest.approx(0.8 * 0.8, rel=0.2)  # a fifth is there everywhere
    assert (left[:, 200] == left[:, 202]).all()
    assert left[:, 300].abs().max() == 0
    assert left[:, :100].abs().max() < 1e-6
    assert torch.equal(same, ivar)


def test_fainter_spectra_know_their_noise():
    flux, ivar = corrupted(fainter=4.0)
    assert 6.2 < float(ivar.min()) < float(ivar.max()) <= 100
    added = (flux - 2).square().mean(dim=1)
    np.testing.assert_allclose(added, 1 / ivar[:, 0] - 0.01, rtol=0.35, atol=1e-6)


def test_augmentation_corrupts_only_with_the_switch_on(rng):
    flux = torch.tensor(1 + 0.1 * rng.normal(size=(4, GRID.n_pixel)), dtype=torch.float32)
    args = flux, torch.full_like(flux, 100.0), torch.full((4,), 0.1), GRID

    def moved(**given):
        return augment(*args, torch.Generator().manual_seed(1), corruption=Corruption(**given))

    plain = augment(*args, torch.Generator().manual_seed(1))
    for one, other in zip(plain, moved(), strict=True):
        assert torch.equal(one, other)
    changed = moved(corrupt=True)
    assert not torch.equal(plain[0], changed[0])
    assert torch.equal(plain[2], changed[2])
    assert torch.isfinite(changed[0]).all()
    assert (changed[1] >= 0).all()
    again = moved(corrupt=True)
    assert all(torch.equal(one, other) for one, other in zip(changed, again, strict=True))


@pytest.mark.parametrize(("given", "says"), [
    ({"warp": -0.1}, "warp must lie in 0..1"),
    ({"gap": 2.0}, "gap must lie in 0..1"),
    ({"sky_residual": float("nan")}, "sky_residual must"),
    ({"fainter": 0.5}, "fainter must be at least 1"),
])  # fmt: skip
def test_sizes_that_make_no_sense_are_refused(given, says):
    with pytest.raises(ValueError, match=says):
        Corruption(**given)
