"""NMF: exact steps, nothing negative, components recovered, gaps and noise told apart."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from data.grid import linear_grid
from data.survey import Survey
from model.__main__ import main
from model.linear.fit import fit_pca
from model.linear.nmf import NMF, fit_nmf, solve_nonnegative
from model.linear.pca import PCAConfig
from model.misfit import misfit
from model.store.storage import load_model
from tests.fixtures.atlas import write_survey

pytestmark = pytest.mark.usefixtures("one_thread")
CONFIG = PCAConfig(n_latent=4, rest_grid=linear_grid(3700, 7000, 250))


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    return Survey(write_survey(tmp_path_factory.mktemp("nmf") / "survey"))


@pytest.fixture(scope="module")
def model(survey: Survey) -> NMF:
    return fit_nmf(survey, np.arange(100), config=CONFIG, seed=0)


def test_steps_are_those_of_scipy_on_the_whole_problem() -> None:
    rng = np.random.default_rng(0)
    design, data = rng.random((3, 40, 5)), rng.normal(size=(3, 40))
    normal = torch.as_tensor(design.transpose(0, 2, 1) @ design)
    right = torch.as_tensor((design.transpose(0, 2, 1) @ data[:, :, None])[:, :, 0])
    expected = [nnls(matrix, values)[0] for matrix, values in zip(design, data, strict=True)]
    np.testing.assert_allclose(solve_nonnegative(normal, right), expected, atol=1e-9)


def test_nothing_is_negative(model: NMF, survey: Survey) -> None:
    latents = model.encode(survey.read(slice(0, 120)))
    assert latents.min() >= 0
    assert (latents == 0).any()
    assert float(model.components.min()) >= 0


def test_it_fits_nearly_as_well_as_a_pca_of_one_number_less(model: NMF, survey: Survey) -> None:
    """The components must hold the mean, which a PCA has for nothing."""
    pca = fit_pca(
        survey, np.arange(100), config=PCAConfig(n_latent=3, rest_grid=CONFIG.rest_grid), seed=0
    )
    new = survey.read(slice(100, 120))
    own, other = (
        np.median(misfit(new, *item.reconstruct(item.encode(new), new.z, new.grid)).reduced)
        for item in (model, pca)
    )
    assert own < 1.3 * other


def test_gradients_are_those_of_the_coefficients_in_use(model: NMF, survey: Survey) -> None:
    spectra = survey.read([3])
    flux, rest = model.trace(spectra)
    (slope,) = torch.autograd.grad(rest[0, 120], flux)
    pixel = int(slope.abs().argmax())
    step = 1e-3 * abs(float(spectra.flux[0, pixel]))
    ends = []
    for sign in (-1, 1):
        flux_moved = spectra.flux.copy()
        flux_moved[0, pixel] += sign * step
        moved = type(spectra)(grid=spectra.grid, flux=flux_moved, ivar=spectra.ivar, z=spectra.z)
        ends.append(float(model.decode(model.encode(moved))[0, 120]))
    assert (ends[1] - ends[0]) / (2 * step) == pytest.approx(float(slope[0, pixel]), rel=0.2)


def test_it_is_reached_through_the_command_and_opens_again(survey: Survey, tmp_path: Path) -> None:
    command = ["train", str(survey.path), "--model", "nmf", "--latents", "3"]
    command += ["--rest-pixels", "200", "--rest-first", "3700", "--rest-last", "7000"]
    assert main([*command, "--out", str(tmp_path / "model")]) == 0
    opened = load_model(tmp_path / "model")
    assert isinstance(opened, NMF)
    assert opened.encode(survey.read([0, 1])).shape == (2, 3)
