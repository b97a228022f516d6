import numpy as np
import pytest
import torch

from data.grid import log_grid
from data.rest_frame.limited_ivar import limited_ivar
from data.rest_frame.preparation import Preparation, prepare
from data.rest_frame.rebin import overlaps, rebin
from data.spectra import Spectra
from model.linear.pca import PCA, PCAConfig

FLUX = np.array([0.0, 1.0, 10.0, 100.0, -100.0, 5.0, 1e30], np.float32)
IVAR = np.array([4.0, 25.0, 25.0, 25.0, 25.0, 0.0, 0.0], np.float32)
LIMITED = np.array([4.0, 25.0, 25.0, 0.25, 0.25, 0.0, 0.0], np.float32)
"""At S/N 50 the third pixel has its own weight still."""


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_no_pixel_weighs_more_than_its_limited_signal_to_noise_and_no_other_less(kind):
    flux, ivar = kind(FLUX), kind(IVAR)
    np.testing.assert_allclose(np.asarray(limited_ivar(flux, ivar, 50.0)), LIMITED, rtol=1e-6)
    assert limited_ivar(flux, ivar, 0.0) is ivar


def test_whatever_limits_the_signal_to_noise_leaves_pixels_below_it_alone(rng):
    grid = log_grid(3800.0, 9000.0)
    flux = rng.uniform(1, 60, (2, grid.n_pixel)).astype(np.float32)
    spectra = Spectra(grid=grid, flux=flux, ivar=np.full_like(flux, 4.0), z=np.zeros(2))
    # S/N 2 to 120
    expected = np.minimum(4.0, (50.0 / flux.astype(float)) ** 2)
    model = PCA(PCAConfig(n_latent=1, rest_grid=grid))
    weight = model.rest_frame(*model.tensors(spectra), grid=grid)[1]
    np.testing.assert_allclose(weight, expected, rtol=1e-4)
    preparation = Preparation(rest_grid=log_grid(4000.0, 8000.0))
    prepared = prepare(spectra, preparation)
    over = overlaps(spectra.z, grid=grid, rest_grid=preparation.rest_grid)
    rebinned, ivar, _ = rebin(spectra.flux, spectra.ivar, over)
    expected = np.minimum(ivar, (50.0 / rebinned.astype(float)) ** 2)
    np.testing.assert_allclose(prepared.ivar / prepared.scale[:, None] ** 2, expected, rtol=1e-4)
