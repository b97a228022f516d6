"""Mock galaxies beside real ones of SDSS; `python -m benchmarks realism` says more."""

import numpy as np
import pytest

from benchmarks.realism.report import component_chi2, measured, real_rows
from benchmarks.realism.samples import mock_sample, real_sample


@pytest.fixture(scope="module")
def real(real_spectra):
    return measured(real_sample(real_spectra / "sdss"))


@pytest.fixture(scope="module")
def mock():
    return measured(mock_sample(900, seed=17))


@pytest.mark.slow
def test_distributions_overlap_with_those_of_real_galaxies(real, mock):
    """Common area with mocks as strong in H-alpha, as old and of the same S/N; noise of so few
    real galaxies takes `at best` below 1."""
    rows = real_rows(real, mock)
    assert (rows["n"] >= 25).all()
    short = rows.set_index("quantity").eval("`at best` - alike")
    assert short.median() < 0.1
    assert short.max() < 0.3


@pytest.mark.slow
def test_mock_galaxies_keep_to_the_star_forming_ridge(real, mock):
    """Median [O III]/H-beta in bins of [N II]/H-alpha, within 0.3 dex of the real one."""
    for low, high in ((-1.3, -0.8), (-0.8, -0.5), (-0.5, -0.3)):
        medians = [
            one.table.loc[one.table["n2"].between(low, high), "o3"].median() for one in (real, mock)
        ]
        assert abs(medians[0] - medians[1]) < 0.3


@pytest.mark.slow
def test_mocks_to_train_on_reach_the_lines_of_real_starbursts(real):
    """The strongest real H-alpha lies among the young mocks; ratios there are within 0.2 dex."""
    sample = mock_sample(1500, seed=17, population="training")
    young = measured(sample.take(np.flatnonzero(sample.catalog["population"] == "young"))).table
    assert real.table["log_ew"].max() < np.percentile(young["log_ew"].dropna(), 99)
    medians = [
        one.loc[
            (one["log_ew"] > 2) & one["n2"].between(-1.4, -0.8), ["o3", "s2", "o2", "ne3"]
        ].median()
        for one in (real.table, young)
    ]
    assert (medians[0] - medians[1]).abs().max() < 0.2


@pytest.mark.slow
def test_components_of_mocks_rebuild_real_galaxies_as_those_of_real_ones_do(real, mock):
    by_mock, by_real = component_chi2(real.sample, mock.sample)
    assert np.median(by_mock) < 1.1 * np.median(by_real)
