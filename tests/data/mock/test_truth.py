"""The truth in the catalogue of a mock survey agrees with what its spectra show."""

import numpy as np
import pytest

from data.lines.broad import broad_halpha_width
from data.lines.indices import measure
from data.mock.survey import MockSurvey
from data.mock.truth import BPT_CLASSES
from data.mock.variety import VARIETY

N = 400


@pytest.fixture(scope="module")
def catalog_and_measured():
    """Galaxies without the variety of real spectra, and what is measured on them."""
    survey = MockSurvey(n=N, seed=3, outliers=0.0, without=tuple(VARIETY))
    spectra = survey.read(slice(None))
    wave = spectra.wave / (1 + spectra.z[:, None])
    return survey.catalog, measure(wave, spectra.flux, spectra.ivar)


def test_break_is_that_of_the_spectrum(catalog_and_measured):
    catalog, measured = catalog_and_measured
    quiet = (catalog["ew_halpha"] < 20) & (catalog["snr"] > 12)  # lines fill the bands otherwise
    ratio = (measured["d4000"] / catalog["d4000"])[quiet]
    assert quiet.sum() > 100
    assert ratio.median() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("line", ["oiii", "halpha"])
def test_line_fluxes_are_those_of_the_spectrum(catalog_and_measured, line):
    """But for Galactic dust and what lies outside the bands, some per cent each."""
    catalog, measured = catalog_and_measured
    strong = (catalog["ew_oiii"] > 15) & (catalog["nucleus"] != "broad-line")
    ratio = (measured[f"flux_{line}"] * catalog["norm"] / catalog[f"flux_{line}"])[strong]
    assert ratio.median() == pytest.approx(0.9, abs=0.08)


def test_classes_are_those_of_the_ratios(catalog_and_measured):
    catalog, _ = catalog_and_measured
    assert set(catalog["bpt_class"]) <= set(BPT_CLASSES)
    seyfert = catalog[(catalog["nucleus"] == "Seyfert")]
    assert (seyfert["bpt_class"].isin(["Seyfert", "composite", "LINER"])).mean() > 0.8
    n2 = np.log10(catalog["flux_nii"] / catalog["flux_halpha"])
    assert (n2[catalog["bpt_class"] == "star-forming"] < 0.05).all()


def test_broad_lines_are_as_wide_as_the_truth_says(catalog_and_measured):
    catalog, _ = catalog_and_measured
    assert (catalog["fwhm_broad"].notna() == (catalog["nucleus"] == "broad-line")).all()
    survey = MockSurvey(n=3000, seed=5, outliers=0.0)
    truth = survey.catalog["fwhm_broad"]
    rows = np.flatnonzero(truth.notna() & (survey.catalog["ew_halpha"] > 60))
    spectra = survey.read(rows)
    wave = spectra.wave / (1 + spectra.z[:, None])
    found = [
        broad_halpha_width(*one)[0] for one in zip(wave, spectra.flux, spectra.ivar, strict=True)
    ]
    assert len(rows) > 10
    assert np.nanmedian(found / truth.iloc[rows]) == pytest.approx(1.0, abs=0.05)


def test_stars_have_no_truth_of_a_galaxy():
    catalog = MockSurvey(n=300, seed=4, outliers=1.0).catalog
    star = catalog["outlier_kind"] == "star"
    assert catalog.loc[star, ["d4000", "flux_halpha", "ew_oii"]].isna().all(axis=None)
    assert (catalog.loc[star, "bpt_class"] == "").all()
    assert catalog.loc[~star, "flux_halpha"].notna().all()
