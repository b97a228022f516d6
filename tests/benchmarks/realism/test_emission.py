"""Lines measured on mock spectra are those the spectra were made with."""

import numpy as np
import pytest

from benchmarks.realism.emission import measure_lines
from benchmarks.realism.samples import mock_sample
from data.mock.variety import VARIETY


@pytest.fixture(scope="module")
def bright():
    """Bright star-forming mocks, what is measured on them."""
    sample = mock_sample(250, seed=5, without=tuple(VARIETY))
    rows = sample.catalog
    good = (rows["ew_halpha"] > 20) & (rows["snr"] > 12) & (rows["nucleus"] == "")
    sample = sample.take(np.flatnonzero(good & (rows["z"] < 0.2)))
    return sample, measure_lines(sample)


def test_fluxes_come_back(bright):
    """But for Galactic dust, 10 % at H-alpha."""
    sample, lines = bright
    assert len(sample) >= 10
    for name in ("halpha", "nii", "hbeta"):
        ratio = lines[f"flux_{name}"] * sample.catalog["norm"] / sample.catalog[f"flux_{name}"]
        assert 0.8 < ratio.median() < 1.0, name
        assert ratio.std() < 0.25, name


def test_absorption_by_stars_does_not_bias_the_decrement(bright):
    sample, lines = bright
    true = sample.catalog["flux_halpha"] / sample.catalog["flux_hbeta"]
    ratio = lines["flux_halpha"] / lines["flux_hbeta"] / true
    assert np.log10(ratio).median() == pytest.approx(0.015, abs=0.03)  # Galactic dust reddens


def test_width_comes_back(bright):
    sample, lines = bright
    wide = sample.catalog["gas_vdisp"] > 60
    assert (lines["sigma"] / sample.catalog["gas_vdisp"])[wide].median() == pytest.approx(
        1, abs=0.2
    )
