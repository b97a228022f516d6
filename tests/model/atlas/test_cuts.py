import numpy as np
import pandas as pd

from model.atlas.cuts import good_chi2, is_good, paper_cuts


def test_bright_objects_are_compared_with_bright_ones(rng):
    snr = rng.lognormal(2.5, 0.6, 6000)
    chi2 = (1 + (snr / 40) ** 2) * (1 + 0.1 * np.abs(rng.normal(size=6000)))
    good = is_good(chi2, snr)
    for some in (snr < 8, (snr > 12) & (snr < 20), snr > 30):
        assert abs(good[some].mean() - 0.9) < 5 * np.sqrt(0.09 / some.sum()) + 0.03
    one_limit = is_good(chi2, None)
    assert one_limit[snr > 30].mean() < 0.6


def test_a_small_survey_compares_like_with_like_too(rng):
    snr = rng.lognormal(2.5, 0.6, 150)
    chi2 = (1 + (snr / 40) ** 2) * (1 + 0.1 * np.abs(rng.normal(size=150)))
    good = is_good(chi2, snr)
    fainter = snr < np.median(snr)
    assert abs(good[fainter].mean() - good[~fainter].mean()) < 0.15
    assert 0.8 < good.mean() < 0.97


def test_without_chi2_nothing_is_good():
    chi2 = np.array([1.0, np.nan, 1.1])
    assert is_good(chi2, None).tolist() == [True, False, False]
    assert np.isinf(good_chi2(np.full(3, np.nan), None)).all()


def test_cuts_use_the_columns_there_are():
    catalog = pd.DataFrame({"peak_flux": [2.0, 150.0, 3.0]})
    assert paper_cuts(catalog).tolist() == [True, False, True]
    assert paper_cuts(catalog.assign(line_peak=[2.0, 30.0, 101.0])).tolist() == [True, True, False]
    badly_drawn = catalog.assign(chi2_red=[1.0, 1.0, 90.0], snr=10.0)
    assert paper_cuts(badly_drawn).tolist() == [True, False, True]
    assert paper_cuts(catalog[[]]).all()
