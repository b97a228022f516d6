"""Kinds of models other than SPENDER and PCA open in the same explorer.

An object is chosen, each tab is made.
"""

from pathlib import Path

import numpy as np
import pytest

from data.survey import Survey
from explorer.session import Session
from explorer.state.dataset import Dataset
from model.__main__ import main
from model.atlas.atlas import Atlas
from model.attribution.grad_fam import attribute
from model.attribution.target import line_target
from tests.fixtures.atlas import build, write_survey

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = ("--latents", "3", "--rest-first", "3700", "--rest-last", "7000", "--rest-pixels", "300")
DENSE = ("--preparation", "free", "--layers", "32", "16", "--epochs", "30", "--device", "cpu")
KINDS = {"infovae": DENSE, "nmf": ()}
"""A dense autoencoder and a linear model; the others share their code."""


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_survey(tmp_path_factory.mktemp("kinds") / "survey", n_object=80)


@pytest.mark.parametrize("kind", KINDS)
def test_it_opens(kind: str, survey: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    command = ["train", str(survey), "--model", kind, "--out", str(model)]
    assert main([*command, *SMALL, *KINDS[kind]]) == 0
    dataset = Dataset(Atlas(build(survey, model, tmp_path / "atlas")))
    session = Session(dataset)
    session.start()
    session.state.selected = 7
    for title in ("Inspect", "Tracks", "Latents", "Outliers", "Inspect"):
        session.state.tab = title
    assert np.isfinite(dataset.atlas.latents).all()
    assert np.isfinite(dataset.atlas.catalog[["neg_log_p", "lof", "chi2_red"]]).all(axis=None)
    spectra = Survey(survey).read([7])
    found = attribute(dataset.atlas.model, spectra, line_target("Hα"))
    assert found.method == "input x gradient"
    peak = found.wave[np.abs(found.projection[0]).argmax()] / (1 + spectra.z[0])
    assert dataset.atlas.model.wave_rest[0] < peak < dataset.atlas.model.wave_rest[-1]
    assert np.isfinite(found.projection).all()
