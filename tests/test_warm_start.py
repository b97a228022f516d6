"""A decoder that starts from the data decodes the mean spectrum before any training."""

import numpy as np
import pandas as pd
import pytest
import torch

from data.grid import WaveGrid, linear_grid
from data.survey import Survey, SurveyWriter
from model.linear import PCAConfig
from model.spender import Spender, SpenderConfig
from model.warm_start import start_from_data

GRID = WaveGrid(scale="log", start=3.6, step=4e-4, n_pixel=500)
REST = linear_grid(3000.0, 6500.0, 700)


@pytest.fixture
def survey(tmp_path, rng) -> Survey:
    n_galaxy = 60
    z = rng.uniform(0.0, 0.2, n_galaxy)
    tilt = rng.normal(size=n_galaxy)
    wave_rest = GRID.wave / (1 + z[:, None])
    flux = 1 + 0.3 * np.sin(wave_rest / 300) + 0.1 * tilt[:, None] * (wave_rest / 5000 - 1)
    flux += rng.normal(scale=0.02, size=flux.shape)
    rows = pd.DataFrame({"object_id": [f"g{i}" for i in range(n_galaxy)], "z": z})
    with SurveyWriter(tmp_path / "survey", grid=GRID, info={}) as writer:
        writer.append(rows, flux.astype("f4"), np.full(flux.shape, 2500.0, "f4"))
    return Survey(tmp_path / "survey")


def _spender(activation: str) -> Spender:
    torch.manual_seed(3)
    config = SpenderConfig(
        n_latent=3, rest_grid=REST, grids={"survey": GRID}, hidden=(16, 32), activation=activation
    )
    return Spender(config)


@pytest.mark.parametrize("activation", ["leaky_relu", "speculator"])
def test_decoder_starts_at_the_mean_spectrum(survey, activation):
    model = _spender(activation)
    spectra = survey.read(list(range(len(survey))))

    def chi2() -> float:
        flux, valid = model.reconstruct(model.encode(spectra), spectra.z, GRID)
        return float((spectra.ivar * valid * (spectra.flux - flux) ** 2).sum() / valid.sum())

    before = chi2()
    rows, config = np.arange(len(survey)), PCAConfig(n_latent=5, rest_grid=REST)
    start_from_data(model.decoder, survey, rows, config=config, seed=0)
    assert before > 100
    assert chi2() < before / 20  # what is left is mostly the tilt, which no constant reproduces


def test_start_is_the_same_for_the_same_seed_and_skipped_for_a_handful(survey):
    config = PCAConfig(n_latent=5, rest_grid=REST)
    weights = []
    for n_row in (60, 60, 10):
        model = _spender("leaky_relu")
        start_from_data(model.decoder, survey, np.arange(n_row), config=config, seed=1)
        weights.append(model.decoder.mlp[-2].weight.detach().clone())
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[2], _spender("leaky_relu").decoder.mlp[-2].weight)
