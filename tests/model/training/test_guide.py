"""A training starts with a decoder that fits the data, and a guide that knows the latents."""

import numpy as np
import pandas as pd
import pytest
import torch

from data.grid import WaveGrid, linear_grid
from data.survey import Survey
from data.survey_writer import SurveyWriter
from model.linear.fit import fit_pca
from model.linear.pca import PCAConfig
from model.losses import fidelity_each, squared_distances
from model.networks.config import SpenderConfig
from model.networks.redshift import redshift
from model.networks.spender import Spender
from model.training.component_likelihood import ComponentLikelihood
from model.training.guide import Guide
from model.training.guide_fit import fit_guide
from model.training.settings import LossSettings

GRID = WaveGrid(scale="log", start=3.6, step=4e-4, n_pixel=500)
REST = linear_grid(3000.0, 6500.0, 700)
LOSSES = LossSettings()
GPU = torch.device("cuda")
NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")


@pytest.fixture
def survey(tmp_path, rng) -> Survey:
    """Galaxies that differ in a tilt and, not linearly, in the place of a line; some masked."""
    n_galaxy = 150
    z, tilt, place = rng.uniform(0.0, 0.2, n_galaxy), *rng.normal(size=(2, n_galaxy))
    wave_rest = GRID.wave / (1 + z[:, None])
    flux = 1 + 0.3 * np.sin(wave_rest / 300) + 0.1 * tilt[:, None] * (wave_rest / 5000 - 1)
    flux += 0.5 * np.exp(-(((wave_rest - 4800 - 15 * place[:, None]) / 20) ** 2))
    flux += rng.normal(scale=0.02, size=flux.shape)
    ivar = np.where(rng.random(flux.shape) < 0.05, 0.0, 2500.0)
    rows = pd.DataFrame({"object_id": [f"g{i}" for i in range(n_galaxy)], "z": z})
    with SurveyWriter(tmp_path / "survey", grid=GRID, info={}) as writer:
        writer.append(rows, flux.astype("f4"), ivar.astype("f4"))
    return Survey(tmp_path / "survey")


def _spender(activation: str = "leaky_relu") -> Spender:
    torch.manual_seed(3)
    return Spender(
        SpenderConfig(
            n_latent=2,
            rest_grid=REST,
            grids={"survey": GRID},
            hidden=(16, 32),
            activation=activation,
        )
    )


def _tensors(survey, rows):
    spectra = survey.read(rows.tolist())
    return tuple(torch.tensor(item) for item in (spectra.flux, spectra.ivar, spectra.z))


def test_parabola_is_the_fidelity_pixel_by_pixel(survey, rng):
    pca = fit_pca(survey, np.arange(100), config=PCAConfig(n_latent=5, rest_grid=REST), seed=0)
    rows = np.array([3, 70, 71, 149])
    likelihood = ComponentLikelihood(pca, survey, rows)
    coefficients = torch.tensor(rng.normal(size=(4, 5)), dtype=torch.float32)
    rest = pca.decode_tensor(coefficients * pca.variance.sqrt())
    flux, ivar, z = _tensors(survey, rows)
    model, valid = redshift(rest, z, source=REST, target=GRID)
    expected = fidelity_each(flux, ivar, model, valid)
    found = likelihood.fidelity(coefficients, torch.arange(4))
    np.testing.assert_allclose(found, expected, rtol=2e-4)


@pytest.mark.parametrize("device", [torch.device("cpu"), pytest.param(GPU, marks=NEEDS_GPU)])
@pytest.mark.parametrize("activation", ["leaky_relu", "speculator"])
def test_decoder_reproduces_spectra_from_the_guides_latents(survey, activation, device):
    model, rows = _spender(activation), np.arange(len(survey))
    guide = fit_guide(model, survey, rows, losses=LOSSES, seed=0, device=device)
    assert guide.spread.device.type == model.device.type == device.type
    flux, ivar, z = (item.to(device) for item in _tensors(survey, rows))
    latents = guide(flux, ivar, z, grid=GRID)
    assert latents.shape == (150, 2)
    seen, valid = model.observe_tensor(model.decode_tensor(latents), z, GRID)
    chi2 = 2 * fidelity_each(flux, ivar, seen, valid) / (ivar > 0).float().mean(dim=1)
    mean = flux.mean(dim=0)
    plain = 2 * fidelity_each(flux, ivar, mean.expand_as(flux), valid)
    assert chi2.median() < 2.0
    assert chi2.median() < plain.median() / 3


def test_similarity_gives_latents_the_scale_of_the_spectra(survey):
    """Distances differ by less than k0 / k1, where the loss of a pair has fallen by half."""
    k0, k1, typical = 2.5, 5.0, []
    flux, ivar, z = _tensors(survey, np.arange(150))
    for similarity in (0.0, 1.0):
        losses = LossSettings(similarity=similarity, k0=k0, k1=k1)
        model = _spender()
        guide = fit_guide(model, survey, np.arange(150), losses=losses, seed=0)
        latents = guide(flux, ivar, z, grid=GRID)
        rest = model.decode_tensor(latents).detach() / REST.n_pixel**0.5
        distances = [squared_distances(latents) / 2, squared_distances(rest)]
        typical.append(float((distances[0] - distances[1]).abs().median()))
        centred = latents - latents.mean(dim=0)
        assert float(guide.spread) == pytest.approx(float(centred.norm(dim=1).mean()), rel=1e-4)
    assert typical[1] < k0 / k1 < typical[0]


def test_guide_is_the_same_for_the_same_seed_and_comes_back_from_disk(survey, tmp_path):
    weights, guides = [], []
    for _ in range(2):
        model = _spender()
        guides.append(fit_guide(model, survey, np.arange(120), losses=LOSSES, seed=1))
        weights.append(model.decoder.mlp[-2].weight.detach().clone())
    assert torch.equal(weights[0], weights[1])
    guides[0].seconds = 7.5
    guides[0].save(tmp_path / "guide.safetensors")
    loaded = Guide.load(tmp_path / "guide.safetensors")
    batch = _tensors(survey, np.arange(9))
    assert torch.equal(loaded(*batch, grid=GRID), guides[1](*batch, grid=GRID))
    assert loaded.seconds == 7.5
    assert not any(item.requires_grad for item in loaded.parameters())


def test_a_handful_of_spectra_leaves_the_model_as_it_was(survey):
    model = _spender()
    assert fit_guide(model, survey, np.arange(10), losses=LOSSES, seed=1) is None
    assert torch.equal(model.decoder.mlp[-2].weight, _spender().decoder.mlp[-2].weight)


def test_a_damaged_guide_is_refused(tmp_path):
    (tmp_path / "guide.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="can not be read"):
        Guide.load(tmp_path / "guide.safetensors")
