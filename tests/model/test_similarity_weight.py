"""The weight of rest-frame pixels in the similarity loss: the authors', and the paper's."""

from pathlib import Path

import numpy as np
import pytest
import torch

from data.survey import Survey
from model.__main__ import main
from model.losses import rest_weight
from model.networks.config import SpenderConfig
from model.networks.spender import Spender
from model.similarity_weight import rest_inverse_variance, similarity_weight
from model.store.storage import read_model_info
from model.training.objective import Objective
from model.training.settings import LossSettings, NetworkSettings
from tests.fixtures.atlas import COARSE, write_survey

REST = NetworkSettings(rest_pixels=300).rest_grid(COARSE)


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_survey(tmp_path_factory.mktemp("weight") / "survey", n_object=60)


def test_the_gaussian_is_that_of_the_authors(survey: Path) -> None:
    found = similarity_weight("gaussian", REST, Survey(survey), np.arange(60))
    torch.testing.assert_close(found, rest_weight(torch.tensor(REST.wave, dtype=torch.float32)))


def test_the_paper_s_is_the_mean_inverse_variance_of_what_is_seen(survey: Path) -> None:
    source = Survey(survey)
    found = rest_inverse_variance(REST, source, np.arange(60)).numpy()
    spectra = source.read(slice(0, 60))
    rest = [
        np.interp(REST.wave, spectra.wave / (1 + z), ivar, left=0, right=0)
        for z, ivar in zip(spectra.z, spectra.ivar, strict=True)
    ]
    expected = np.mean(rest, axis=0)
    assert (found[REST.wave < COARSE.wave[0] / (1 + spectra.z.max()) - 5] == 0).all()
    inside = (REST.wave > 4200) & (REST.wave < 6500)
    np.testing.assert_allclose(found[inside], expected[inside], rtol=1e-3)


def test_the_loss_takes_the_weight_it_is_given() -> None:
    config = SpenderConfig(
        n_latent=2, grids={"test": COARSE}, rest_grid=REST, hidden=(16,), channels=(4, 8, 16)
    )
    model, weight = Spender(config), torch.linspace(0, 1, REST.n_pixel)
    objective = Objective(model, COARSE, LossSettings(augmented=0.0), weight_rest=weight)
    torch.testing.assert_close(objective.weight_rest, weight)


def test_a_training_with_it_says_so(survey: Path, tmp_path: Path) -> None:
    options = [
        "--similarity", "1", "--similarity-weight", "ivar", "--channels", "4", "8", "16",
        "--hidden", "16", "--rest-pixels", "300", "--latents", "2", "--epochs", "1", "--device",
        "cpu", "--precision", "fp32", "--no-warm-start",
    ]  # fmt: skip
    assert main(["train", str(survey), "--out", str(tmp_path / "model"), *options]) == 0
    told = read_model_info(tmp_path / "model")["training"]["config"]
    assert told["similarity_weight"] == "ivar"
