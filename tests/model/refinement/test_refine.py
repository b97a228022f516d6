"""Refined latents: against the exact solution, never worse than the start, inside the support."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from data.grid import INSTRUMENTS, linear_grid
from data.mock.survey import MockSurvey
from data.spectra import Spectra
from model.linear.pca import PCA, PCAConfig
from model.networks.config import SpenderConfig
from model.networks.spender import Spender
from model.refinement.refine import refine
from model.refinement.support import Support

GRID = INSTRUMENTS["sdss"]


def test_of_a_linear_model_is_weighted_least_squares():
    torch.manual_seed(0)
    model = PCA(PCAConfig(n_latent=3))
    model.mean = torch.ones_like(model.mean)
    smooth = torch.cos(torch.linspace(0, 9, len(model.mean)) * torch.arange(1, 4)[:, None])
    model.components = smooth
    spectra = MockSurvey(n=8, seed=1).read(slice(0, 8))
    start = np.random.default_rng(0).normal(size=(8, 3))
    found, chi2, _ = refine(model, spectra, start, Support.of(start), prior=False)
    for row in range(8):
        unit = np.vstack([np.zeros(3), np.eye(3)]).astype(np.float32)
        flux, covered = model.reconstruct(unit, np.full(4, spectra.z[row]), GRID)
        root = np.sqrt(spectra.ivar[row] * covered[0]).astype(float)
        design, target = (flux[1:] - flux[0]) * root, (spectra.flux[row] - flux[0]) * root
        exact, residual, *_ = np.linalg.lstsq(design.T.astype(float), target, rcond=None)
        np.testing.assert_allclose(found[row], exact, atol=2e-3)
        assert chi2[row] == pytest.approx(residual[0], rel=1e-4)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    config = SpenderConfig(
        n_latent=4,
        rest_grid=linear_grid(2359.0, 9332.0, 700),
        grids={"sdss": GRID},
        hidden=(32, 64),
    )
    return Spender(config).eval()


def test_finds_what_a_network_made(network):
    rng = np.random.default_rng(2)
    true = (3 * rng.normal(size=(6, 4))).astype(np.float32)
    z = rng.uniform(0, 0.3, 6)
    flux, covered = network.reconstruct(true, z, GRID)
    spectra = Spectra(grid=GRID, flux=flux, ivar=np.float32(1e6) * covered, z=z)
    start = true + rng.normal(size=true.shape).astype(np.float32)
    support = Support.of(start)
    before = refine(network, spectra, start, support, n_step=0).chi2
    found, after, _ = refine(network, spectra, start, support, n_step=12, prior=False)
    assert (after < 1e-3 * before).all()
    np.testing.assert_allclose(found, true, atol=0.05)


def test_masked_spectra_and_idle_latents_do_no_harm(network):
    spectra = MockSurvey(n=4, seed=3).read(slice(0, 4))
    ivar = spectra.ivar.copy()
    ivar[1] = 0
    blind = replace(spectra, ivar=ivar)
    start = network.encode(blind)
    support = Support.of(start)
    before = refine(network, blind, start, support, n_step=0)
    np.testing.assert_array_equal(before.latents, start)
    found, chi2, shift = refine(network, blind, start, support)
    assert np.isfinite(found).all()
    assert shift[1] == 0
    np.testing.assert_array_equal(found[1], start[1])
    assert chi2[1] == 0
    assert (chi2 <= before.chi2).all()


def _made(network, *, ivar):
    """Return spectra without noise, the latents that made them, and a start beside those."""
    rng = np.random.default_rng(5)
    true = (3 * rng.normal(size=(12, 4))).astype(np.float32)
    z = rng.uniform(0, 0.3, 12)
    flux, covered = network.reconstruct(true, z, GRID)
    spectra = Spectra(grid=GRID, flux=flux, ivar=np.float32(ivar) * covered, z=z)
    return spectra, true, true + rng.normal(size=true.shape).astype(np.float32)


def test_data_that_say_nothing_leave_latents_where_they_are(network):
    spectra, _, start = _made(network, ivar=1e-9)
    refined = refine(network, spectra, start, Support.of(start))
    assert refined.shift.max() < 1e-3
    free = refine(network, spectra, start, Support.of(start), prior=False)
    assert (refined.shift <= free.shift).all()


def test_shift_is_in_spreads_of_the_survey(network):
    spectra, true, start = _made(network, ivar=1e6)
    support = Support.of(np.random.default_rng(1).normal(0, 7, (4000, 4)))
    refined = refine(network, spectra, start, support, n_step=12, prior=False)
    away = np.linalg.norm(refined.latents - start, axis=1)
    np.testing.assert_allclose(refined.shift, away / 7, rtol=0.1)
    np.testing.assert_allclose(refined.shift, np.linalg.norm(true - start, axis=1) / 7, rtol=0.15)


def test_latents_stay_inside_the_support(network):
    spectra, true, start = _made(network, ivar=1e6)
    support = Support.of(np.vstack([start, start * 0.9]))
    beyond = spectra.take(np.arange(12))
    flux, _ = network.reconstruct(4 * true, spectra.z, GRID)
    refined = refine(network, replace(beyond, flux=flux), start, support)
    along = support.coordinates(refined.latents)
    assert (along >= support.lowest - 1e-4).all()
    assert (along <= support.highest + 1e-4).all()


def test_a_support_is_written_and_read():
    support = Support.of(np.random.default_rng(1).normal(size=(40, 3)))
    again = Support.from_dict(json.loads(json.dumps(support.to_dict())))
    for name in ("centre", "axes", "lowest", "highest"):
        np.testing.assert_array_equal(getattr(again, name), getattr(support, name))


def test_a_model_without_derivatives_is_refused():
    model = SimpleNamespace(kind="table")
    with pytest.raises(ValueError, match="of kind table can not be refined"):
        refine(model, None, np.zeros((1, 2)), None)
