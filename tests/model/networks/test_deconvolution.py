"""A model of super-resolution starts from spectra before the instrument blurred them."""

import numpy as np
import pandas as pd
import pytest
import torch

from data.grid import WaveGrid, linear_grid
from data.survey import Survey
from data.survey_writer import SurveyWriter
from model.losses import fidelity_each
from model.networks.config import SpenderConfig
from model.networks.deconvolution import blurring, deconvolved
from model.networks.spender import Spender
from model.training.guide_fit import fit_guide
from model.training.settings import LossSettings

GRID = WaveGrid(scale="log", start=3.6, step=4e-4, n_pixel=300)
REST = linear_grid(3300.0, 5250.0, 1000)  # 2.3 pixels to one of the instrument at the line
LINE = 4500.0
PIXEL = LINE * np.log(10) * GRID.step  # Angstrom, rest frame
INSTRUMENT, OWN = 1.0, 0.7  # pixels, standard deviation
KERNEL = np.exp(-0.5 * (np.arange(5) - 2.0) ** 2)


@pytest.fixture
def survey(tmp_path, rng: np.random.Generator) -> Survey:  # noqa: ANN001
    """Galaxies with a line of many strengths, narrower than the instrument that blurred it."""
    n_galaxy = 100
    z, strength = rng.uniform(0.0, 0.15, n_galaxy), rng.uniform(0.5, 3.0, n_galaxy)
    wave = GRID.wave / (1 + z[:, None])
    sigma = np.hypot(OWN, INSTRUMENT)
    flux = 1 + strength[:, None] * np.exp(-0.5 * ((wave - LINE) / (sigma * PIXEL)) ** 2)
    flux += rng.normal(scale=0.05, size=flux.shape)
    rows = pd.DataFrame({"object_id": [f"g{i}" for i in range(n_galaxy)], "z": z})
    with SurveyWriter(tmp_path / "survey", grid=GRID, info={}) as writer:
        writer.append(rows, flux.astype("f4"), np.full_like(flux, 400.0, dtype="f4"))
    return Survey(tmp_path / "survey")


def _width(rest: np.ndarray) -> float:
    """Standard deviation of a Gaussian fitted to the line, in pixels of the instrument."""
    near = np.abs(REST.wave - LINE) < 6 * PIXEL
    sigmas = np.linspace(0.3, 2.0, 171)
    left = []
    for sigma in sigmas:
        line = np.exp(-0.5 * ((REST.wave[near] - LINE) / (sigma * PIXEL)) ** 2)
        design = np.column_stack([line, np.ones_like(line)])
        left.append(np.linalg.lstsq(design, rest[near])[1][0])
    return float(sigmas[np.argmin(left)])


def test_blurring_keeps_flux_and_is_undone() -> None:
    blur = blurring(REST, grid=GRID, z=0.1, kernel=KERNEL)
    np.testing.assert_allclose(blur.sum(axis=1), 1, rtol=1e-9)
    sharp = 1 + np.exp(-0.5 * ((REST.wave - LINE) / (OWN * PIXEL)) ** 2)
    seen = blur @ sharp
    assert _width(seen) > 1.1 * INSTRUMENT
    found, tilt = deconvolved(np.vstack([seen, REST.wave / 4000]), blur)
    assert _width(found) < 0.95 * INSTRUMENT
    assert np.abs(blur @ found - seen).max() < 0.02
    np.testing.assert_allclose(tilt[20:-20], REST.wave[20:-20] / 4000, atol=1e-5)


def test_blurring_is_that_of_the_network_to_its_ends(rng: np.random.Generator) -> None:
    step = 2.0**-11  # so that pixels of the rest frame are pixels of the grid to the last bit
    grid = WaveGrid(scale="log", start=3.5, step=step, n_pixel=300)
    rest_grid = WaveGrid(scale="log", start=3.5 + 100 * step, step=step, n_pixel=150)
    model = Spender(
        SpenderConfig(n_latent=1, rest_grid=rest_grid, grids={"survey": grid}, hidden=(8,),
                      lsf_size=5)
    )  # fmt: skip
    rest = rng.uniform(1, 2, (1, 150))
    seen, valid = model.observe_tensor(torch.tensor(rest), torch.zeros(1), grid)
    blur = blurring(rest_grid, grid=grid, z=0.0, kernel=KERNEL)
    np.testing.assert_allclose(seen[valid].detach(), blur @ rest[0], rtol=1e-5)


def test_start_has_lines_narrower_than_the_instrument(survey: Survey) -> None:
    torch.manual_seed(3)
    model = Spender(
        SpenderConfig(
            n_latent=1, rest_grid=REST, grids={"survey": GRID}, hidden=(8, 16), lsf_size=5
        )
    )
    guide = fit_guide(model, survey, np.arange(len(survey)), losses=LossSettings(), seed=0)
    assert guide is not None
    spectra = survey.read(slice(0, len(survey)))
    flux, ivar, z = (torch.tensor(item) for item in (spectra.flux, spectra.ivar, spectra.z))
    with torch.no_grad():
        rest = model.decode_tensor(guide(flux, ivar, z, grid=GRID))
        seen, valid = model.observe_tensor(rest, z, GRID)
        misfit = float(fidelity_each(flux, ivar, seen, valid).median())
    assert _width(rest.mean(dim=0).double().numpy()) < 0.95 * INSTRUMENT
    assert misfit < 0.55  # noise alone: 0.49
