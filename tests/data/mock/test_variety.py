"""What real spectra have and ideal ones lack, and that each kind can be left out."""

import numpy as np
import pytest

from data.mock.distortions import spread_factor
from data.mock.survey import MockSurvey
from data.mock.variety import VARIETY
from data.source import open_source

N = 40


@pytest.fixture(scope="module")
def varied():
    return MockSurvey(n=N, seed=6, outliers=0.0).read(slice(None))


@pytest.mark.parametrize("kind", VARIETY)
def test_each_kind_can_be_left_out(varied, kind):
    less = MockSurvey(n=N, seed=6, outliers=0.0, without=(kind,)).read(slice(None))
    if kind == "redshift-errors":
        assert (less.z != varied.z).all()
    else:
        assert not np.array_equal(less.flux, varied.flux)


def test_reference_tells_what_was_left_out():
    survey = MockSurvey(n=3, seed=1, without=("calibration", "line-spread"))
    again = open_source(survey.reference())
    assert np.array_equal(again.read([2]).flux, survey.read([2]).flux)


def test_unknown_kinds_and_recipes_are_refused():
    with pytest.raises(ValueError, match="variety to leave out must be of .*, got 'wind'"):
        MockSurvey(n=3, seed=1, without=("wind",))
    with pytest.raises(ValueError, match="mocks of recipe 99"):
        open_source(MockSurvey(n=3, seed=1).reference() | {"recipe": 99})


def test_catalogue_redshifts_scatter_as_their_errors_say():
    rows = MockSurvey(n=2000, seed=2, outliers=0.0).catalog
    pull = (rows["z"] - rows["z_true"]) / rows["z_err"]
    assert abs(pull.mean()) < 0.1
    assert 0.93 < pull.std() < 1.07


def test_line_spread_differs_by_a_tenth_from_fibre_to_fibre():
    sizes = np.random.default_rng(0).standard_normal((400, 3))
    factor = spread_factor(sizes, np.tile([4000.0, 5500.0, 8000.0], (400, 1)))
    assert np.all((0.04 < factor.std(axis=0)) & (factor.std(axis=0) < 0.12))
    np.testing.assert_allclose(np.median(factor, axis=0), 1, atol=0.03)


def test_calibration_errs_more_in_the_blue():
    """Ratios of the same spectra with and without errors, nothing else."""
    without = tuple(kind for kind in VARIETY if kind != "calibration")
    exact, off = (
        MockSurvey(n=200, seed=3, outliers=0.0, without=kinds).read(slice(None))
        for kinds in (tuple(VARIETY), without)
    )
    wave = exact.wave
    good = (exact.ivar > 0) & (off.ivar > 0)
    scatter = []
    for low, high in ((3850, 3950), (6500, 6600)):
        band = (wave > low) & (wave < high)
        total = [np.where(good, s.flux, 0)[:, band].sum(axis=1) for s in (off, exact)]
        scatter.append(np.median(np.abs(total[0] / total[1] - 1)))
    assert 0.006 < scatter[1] < scatter[0] < 0.12


def test_weak_cosmic_rays_stay_unmasked():
    clean, hit = (
        MockSurvey(n=300, seed=8, outliers=0.0, without=kinds).read(slice(None))
        for kinds in (("cosmic-rays",), ())
    )
    jump = (hit.flux - clean.flux) * np.sqrt(hit.ivar) > 2.9
    assert 0.25 * 300 < jump.sum() < 0.65 * 300
