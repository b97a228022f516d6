"""Which galaxies a mock survey sees: redshifts of a magnitude-limited sample, and a deeper one."""

import numpy as np
import pytest

from data.mock import cosmology
from data.mock.survey import MockSurvey
from data.source import open_source


@pytest.fixture(scope="module")
def deep():
    return MockSurvey(n=4000, seed=3, instrument="desi", population="deep", outliers=0.0)


def test_redshifts_are_those_of_the_sdss_main_sample():
    """Median 0.104 (Strauss+2002, sec. 1), most below 0.25."""
    z = MockSurvey(n=8000, seed=1, outliers=0.0).catalog["z"]
    assert 0.09 < z.median() < 0.115
    assert (z < 0.25).mean() > 0.97


def test_deep_reaches_further_with_red_galaxies_of_constant_density(deep):
    rows = deep.catalog
    red = rows["target"] == "LRG"
    assert 0.37 < red.mean() < 0.43
    assert rows.loc[~red, "r_mag"].max() < 20.3
    z = rows.loc[red, "z_true"]
    assert z.between(0.4, 0.8).all()
    volume = cosmology.comoving_distance(z.to_numpy()) ** 3
    share = np.sort((volume - volume.min()) / np.ptp(volume))
    assert np.abs(share - np.linspace(0, 1, len(share))).max() < 1.63 / np.sqrt(len(share))
    assert rows.loc[red, "d4000"].median() > 1.7


def test_deep_spectra_are_complete_at_the_highest_redshifts(deep):
    far = np.flatnonzero(deep.catalog["z_true"] > 0.75)[:20]
    spectra = deep.read(far)
    assert len(far) == 20
    assert np.isfinite(spectra.flux).all()
    assert (np.median(spectra.flux[:, 5000:6000], axis=1) > 0.2).all()


@pytest.fixture(scope="module")
def training():
    return MockSurvey(n=4000, seed=3, population="training", outliers=0.0)


def test_one_in_five_to_train_on_is_young_with_lines_of_any_strength(training):
    rows = training.catalog
    young = rows[rows["population"] == "young"]
    assert len(young) / len(rows) == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / len(rows)))
    low, median, high = np.percentile(young["ew_halpha"], [10, 50, 90])
    assert low < 120 < 400 < median < 1000 < high < 3000
    share = np.sort(np.log(young["z_true"] / 0.002) / np.log(0.35 / 0.002))
    assert np.abs(share - np.linspace(0, 1, len(share))).max() < 1.63 / np.sqrt(len(share))
    assert young["gas_metallicity"].between(-1.2, 0.2).all()
    assert young["gas_vdisp"].median() < 50
    assert 5 < young["snr"].median() < 40


def test_the_others_to_train_on_are_those_of_main(training):
    main = MockSurvey(n=4000, seed=3, outliers=0.0)
    others = np.flatnonzero(training.catalog["population"] != "young")[:40]
    assert np.array_equal(training.read(others).flux, main.read(others).flux)
    young = np.flatnonzero(training.catalog["population"] == "young")[:40]
    assert np.isfinite(training.read(young).flux).all()


@pytest.mark.parametrize("instrument", ["sdss", "boss"])
def test_every_norm_is_seen(instrument):
    survey = MockSurvey(n=600, seed=4, instrument=instrument, population="deep", outliers=0.5)
    assert survey.catalog["norm"].notna().all()
    assert np.isfinite(survey.read(np.arange(50)).flux).all()


def test_population_is_remembered_and_checked(deep):
    again = open_source(deep.reference())
    assert np.array_equal(again.read([7]).flux, deep.read([7]).flux)
    with pytest.raises(ValueError, match="population must be one of"):
        MockSurvey(n=3, seed=1, population="wide")
