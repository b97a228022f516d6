"""The latents that fit best: against the exact solution, and never worse than where they start."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from data.grid import INSTRUMENTS, linear_grid
from data.mock.survey import MockSurvey
from data.spectra import Spectra
from model.evaluation.best_latents import best_latents
from model.linear.pca import PCA, PCAConfig
from model.networks.config import SpenderConfig
from model.networks.spender import Spender

GRID = INSTRUMENTS["sdss"]


def test_of_a_linear_model_is_weighted_least_squares():
    torch.manual_seed(0)
    model = PCA(PCAConfig(n_latent=3))
    model.mean = torch.ones_like(model.mean)
    smooth = torch.cos(torch.linspace(0, 9, len(model.mean)) * torch.arange(1, 4)[:, None])
    model.components = smooth
    spectra = MockSurvey(n=8, seed=1).read(slice(0, 8))
    found, chi2 = best_latents(model, spectra, np.random.default_rng(0).normal(size=(8, 3)))
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
    _, before = best_latents(network, spectra, start, n_iteration=0)
    found, after = best_latents(network, spectra, start)
    assert (after < 1e-3 * before).all()
    np.testing.assert_allclose(found, true, atol=0.05)


def test_masked_spectra_and_idle_latents_do_no_harm(network):
    spectra = MockSurvey(n=4, seed=3).read(slice(0, 4))
    ivar = spectra.ivar.copy()
    ivar[1] = 0
    blind = replace(spectra, ivar=ivar)
    start = network.encode(blind)
    found, chi2 = best_latents(network, blind, start)
    _, before = best_latents(network, blind, start, n_iteration=0)
    assert np.isfinite(found).all()
    assert chi2[1] == 0
    assert (chi2 <= before).all()
