"""What an atlas measures of each object, beside the truth of mocks."""

import numpy as np
import pandas as pd
import pytest

from data.columns import COLUMNS, column
from data.lines.classes import BROAD_AGN, CLASSES, EMISSION_LINE, QUIESCENT
from data.lines.indices import measure
from data.mock.survey import MockSurvey
from model.atlas.line_columns import line_columns
from model.store.storage import load_model
from tests.fixtures.paths import ROOT


@pytest.fixture(scope="module")
def measured() -> pd.DataFrame:
    """Mocks with their truth, measured with the demo's model."""
    source = MockSurvey(n=200, seed=5, outliers=0)
    model = load_model(ROOT / "data" / "demo" / "model")
    spectra = source.read(slice(0, len(source)))
    rest = model.decode(model.encode(spectra))
    flux, covered = model.observe(rest, spectra.z, spectra.grid)
    found = line_columns(spectra, rest, model.wave_rest, source.catalog, flux=flux, covered=covered)
    return pd.concat([source.catalog, pd.DataFrame(found)], axis=1)


@pytest.mark.parametrize("name", ["halpha", "nii", "oiii", "oii"])
def test_widths_of_lines_are_those_of_the_mocks(measured: pd.DataFrame, name: str) -> None:
    narrow = measured[measured["nucleus"] != "broad-line"]
    strong = narrow[narrow[f"ew_{name}"] > 10 * narrow[f"ew_{name}_data_err"]]
    ratio = strong[f"ew_{name}_data"] / strong[f"ew_{name}"]
    assert len(ratio) > 10
    assert ratio.median() == pytest.approx(1, abs=0.1)


def test_the_break_of_data_and_model_is_that_of_the_mocks(measured: pd.DataFrame) -> None:
    for where in ("data", "model"):
        error = measured[f"d4000_{where}"] - measured["d4000"]
        assert error.abs().median() < 0.06


def test_error_of_hdelta_has_that_of_the_emission_taken_out(measured: pd.DataFrame) -> None:
    rows = np.flatnonzero(measured["ew_hbeta_data"] > 10)
    spectra = MockSurvey(n=200, seed=5, outliers=0).read(rows)
    raw = measure(spectra.wave / (1 + spectra.z)[:, None], spectra.flux, spectra.ivar)
    ratio = measured["hdelta_a_data_err"].to_numpy()[rows] / raw["hdelta_a_err"]
    assert np.isfinite(ratio).sum() > 5
    assert (ratio[np.isfinite(ratio)] > 1.001).all()  # the catalogue has four digits


def test_classes_are_those_of_the_mocks(measured: pd.DataFrame) -> None:
    for where in ("data", "model"):
        found = measured[f"line_class_{where}"]
        assert set(found) <= {*CLASSES, ""}
        forming = measured[(measured["bpt_class"] == "star-forming") & (found != "")]
        strong = forming[forming["ew_halpha"] > 15][f"line_class_{where}"]
        assert (strong == EMISSION_LINE).mean() > 0.8
        bare = measured[(measured["ew_halpha"] < 0.5) & (found != "")]
        assert (bare[f"line_class_{where}"] == QUIESCENT).all()


def test_height_of_halpha_follows_its_width(measured: pd.DataFrame) -> None:
    both = measured[["l_halpha_data", "l_halpha_model", "ew_halpha_model"]].dropna()
    assert len(both) > 20
    assert both.corr("spearman").to_numpy().min() > 0.8
    near = (measured["l_halpha_data"] - measured["l_halpha_model"]).abs()
    assert (near / measured["l_halpha_data_err"]).median() < 3


def test_every_column_is_described_and_pipeline_quasars_are_broad(measured: pd.DataFrame) -> None:
    source = MockSurvey(n=8, seed=5, outliers=0)
    spectra = source.read(slice(0, 8))
    model = load_model(ROOT / "data" / "demo" / "model")
    rest = model.decode(np.zeros((8, model.n_latent), np.float32))
    flux, covered = model.observe(rest, spectra.z, spectra.grid)
    catalog = pd.DataFrame({"class": ["QSO", *["GALAXY"] * 7]})
    found = line_columns(spectra, rest, model.wave_rest, catalog, flux=flux, covered=covered)
    assert found["line_class_data"][0] == BROAD_AGN
    assert not any(name.startswith("flux_") for name in found)  # without norm there is no flux
    titles = [column(name).title for name in measured if name.endswith(("_data", "_model", "_err"))]
    assert len(set(titles)) == len(titles)
    for name in found:
        assert column(name).description, name
        assert name not in COLUMNS
