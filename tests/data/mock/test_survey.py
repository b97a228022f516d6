"""Mock surveys as a source of spectra: same seed and index, same spectrum; truth; round trips."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.__main__ import main
from data.grid import INSTRUMENTS
from data.mock.outliers import OUTLIER_KINDS
from data.mock.survey import MockConfig, MockSurvey, mock
from data.source import open_source
from data.spectra import SpectrumSource
from data.survey import Survey

STRANGE = 600


@pytest.fixture(scope="module")
def strange():
    """A survey of nothing but outliers: the survey, its catalogue, its spectra."""
    survey = MockSurvey(n=STRANGE, seed=4, outliers=1.0)
    return survey, survey.catalog, survey.read(slice(None))


def _of(strange, kind):
    _, catalog, spectra = strange
    rows = np.flatnonzero(catalog["outlier_kind"] == kind)
    assert len(rows) >= 10
    return catalog.iloc[rows], spectra.flux[rows], spectra.ivar[rows], spectra.wave


def test_is_a_spectrum_source_that_opens_again_from_its_reference():
    survey = MockSurvey(n=50, seed=9, instrument="boss", outliers=0.2)
    assert isinstance(survey, SpectrumSource)
    again = open_source(survey.reference())
    assert again.reference() == survey.reference()
    assert again.grid == INSTRUMENTS["boss"]
    assert np.array_equal(again.read([7]).flux, survey.read([7]).flux)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**63 - 1),
    n=st.integers(1, 10**9),
    data=st.data(),
)
def test_spectrum_depends_on_seed_and_index_alone(seed, n, data):
    """Bit for bit the same in any batch and order, repeated, and in a survey of another size."""
    indices = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=9))
    survey = MockSurvey(n=n, seed=seed, outliers=0.3)
    together, rows = survey.read(indices), survey.rows(indices)
    one = data.draw(st.integers(0, len(indices) - 1))
    alone = MockSurvey(n=10**9, seed=seed, outliers=0.3).read([indices[one]])
    assert np.array_equal(alone.flux[0], together.flux[one])
    assert np.array_equal(alone.ivar[0], together.ivar[one])
    assert alone.z[0] == together.z[one] == rows["z"].iloc[one]
    assert np.isfinite(together.flux).all()
    assert np.isfinite(together.ivar).all()
    assert (together.ivar >= 0).all()
    assert (rows["norm"] > 0).all()


@pytest.mark.parametrize(
    ("instrument", "rows", "jobs"), [("sdss", 97, 2), ("desi", 200, 1), ("sdss", 300, 3)]
)
def test_jobs_and_block_size_change_nothing(instrument, rows, jobs):
    survey = MockSurvey(n=300, seed=2, instrument=instrument, outliers=0.05)
    whole = survey.read(slice(None))
    parts = list(survey.blocks(rows, jobs=jobs))
    assert len(parts) == -(-300 // rows)
    assert np.array_equal(np.concatenate([part[1] for part in parts]), whole.flux)
    assert np.array_equal(np.concatenate([part[2] for part in parts]), whole.ivar)
    names = np.concatenate([part[0]["object_id"] for part in parts])
    assert np.array_equal(names, survey.catalog["object_id"])


def test_catalogue_rows_are_those_of_single_objects():
    survey = MockSurvey(n=200, seed=3, outliers=0.1)
    rows = survey.rows([150, 3])
    expected = survey.catalog.iloc[[150, 3]].reset_index(drop=True)
    assert rows.equals(expected)
    for i in range(0, 200, 23):
        assert survey.rows([i]).equals(survey.catalog.iloc[[i]].reset_index(drop=True))
    assert survey.catalog["object_id"].is_unique


def test_ordinary_galaxies_do_not_depend_on_the_part_of_outliers():
    many, none = (MockSurvey(n=100, seed=5, outliers=part) for part in (0.4, 0.0))
    same = np.flatnonzero(many.catalog["outlier_kind"] == "")
    assert 40 < len(same) < 80
    assert np.array_equal(many.read(same).flux, none.read(same).flux)


def test_seeds_differ():
    first, second = MockSurvey(n=5, seed=1), MockSurvey(n=5, seed=2)
    assert not np.array_equal(first.catalog["z"], second.catalog["z"])
    assert not np.array_equal(first.read([0]).flux, second.read([0]).flux)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": 0}, "n must be at least 1"),
        ({"seed": -1}, "seed must be"),
        ({"instrument": "hubble"}, "instrument must be one of"),
        ({"outliers": 1.5}, "outliers must be a part from 0 to 1"),
        ({"outliers": float("nan")}, "outliers must be a part from 0 to 1"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        MockSurvey(**({"n": 5, "seed": 1} | wrong))


def test_rows_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="indices must lie in 0..4"):
        MockSurvey(n=5, seed=1).read([5])
    assert len(MockSurvey(n=5, seed=1).read([])) == 0


def test_written_survey_is_what_is_made_on_demand(tmp_path):
    mock(MockConfig(out=tmp_path / "survey", n=130, seed=8, outliers=0.1, jobs=2))
    stored, made = Survey(tmp_path / "survey"), MockSurvey(n=130, seed=8, outliers=0.1)
    assert np.array_equal(stored.read(slice(None)).flux, made.read(slice(None)).flux)
    assert np.array_equal(stored.read([5, 1]).ivar, made.read([5, 1]).ivar)
    for name in made.catalog:
        assert (stored.catalog[name].isna() == made.catalog[name].isna()).all()
        assert stored.catalog[name].dropna().tolist() == made.catalog[name].dropna().tolist()
    assert stored.info["provenance"]["seed"] == 8
    assert stored.info["instrument"] == "sdss"


def test_command_writes_one_object_and_refuses_none(tmp_path, capsys):
    assert main(["mock", "--n", "1", "--seed", "3", "--out", str(tmp_path / "one")]) == 0
    assert len(Survey(tmp_path / "one")) == 1
    capsys.readouterr()
    assert main(["mock", "--n", "0", "--out", str(tmp_path / "none")]) == 2
    assert "error: n must be at least 1" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_huge_survey_streams_in_constant_memory():
    survey = MockSurvey(n=10**7, seed=1)
    blocks = survey.blocks(256)
    next(blocks)
    tracemalloc.start()
    peaks = []
    for _ in range(5):
        next(blocks)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
    tracemalloc.stop()
    assert peaks[-1] < 1.2 * max(peaks[:2])
    assert peaks[-1] < 100e6


def test_median_flux_of_the_window_is_one(strange):
    survey = MockSurvey(n=200, seed=6, outliers=0.0)
    spectra = survey.read(slice(None))
    rest = spectra.wave / (1 + spectra.z[:, None])
    window = (rest > 5300) & (rest < 5850) & (spectra.ivar > 0)
    medians = [np.median(f[w]) for f, w in zip(spectra.flux, window, strict=True)]
    np.testing.assert_allclose(medians, 1.0, atol=0.1)
    assert np.median(medians) == pytest.approx(1.0, abs=0.02)


def test_every_kind_of_outlier_is_injected_at_the_part_asked_for(strange):
    assert set(strange[1]["outlier_kind"]) == set(OUTLIER_KINDS) - {""}
    catalog = MockSurvey(n=4000, seed=2, outliers=0.05).catalog
    part = (catalog["outlier_kind"] != "").mean()
    assert part == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 4000))


def test_wrong_redshifts_are_wrong_and_others_right(strange):
    catalog = strange[1]
    wrong = catalog["outlier_kind"].isin(["wrong redshift", "star"])
    assert (np.abs(catalog["z"] - catalog["z_true"])[wrong] > 0.002).all()
    pull = (catalog["z"] - catalog["z_true"]) / catalog["z_err"]
    assert (np.abs(pull[~wrong]) < 4.01).all()
    assert catalog.loc[catalog["outlier_kind"] == "star", "log_mass"].isna().all()


def test_arms_are_torn_apart_by_a_step(strange):
    _, flux, ivar, wave = _of(strange, "arm step")
    blue, red = (wave > 5850) & (wave < 6000), (wave > 6000) & (wave < 6150)
    sides = [
        [np.median(f[side & (i > 0)]) for side in (blue, red)]
        for f, i in zip(flux, ivar, strict=True)
    ]
    ratio = np.log(np.divide(*np.array(sides).T))
    assert np.median(np.abs(ratio)) > 0.1


def test_half_is_replaced_by_a_straight_line(strange):
    _, flux, _, wave = _of(strange, "missing half")
    blue, red = (wave > 4000) & (wave < 5900), (wave > 6100) & (wave < 9000)
    bend = [min(np.abs(np.diff(row[half], 2)).max() for half in (blue, red)) for row in flux]
    assert np.max(bend) < 1e-4


def test_low_signal_dusty_lined_and_sky_outliers_are_what_they_say(strange):
    ordinary = MockSurvey(n=300, seed=4, outliers=0.0).catalog
    assert _of(strange, "low S/N")[0]["snr"].median() < 0.2 * ordinary["snr"].median()
    assert _of(strange, "extreme dust")[0]["a_v"].min() > 2
    lined = _of(strange, "extreme lines")[0]["ew_halpha"].median()
    assert lined > 8 * ordinary["ew_halpha"].median()
    survey = strange[0]
    _, flux, ivar, _ = _of(strange, "sky residuals")
    on_sky = survey.instrument.sky_mask & (ivar > 0).any(axis=0)
    assert on_sky.sum() > 200
    assert np.median(flux[:, on_sky].std(axis=1) / flux[:, ~on_sky].std(axis=1)) > 1.2


def test_blends_stars_peaks_and_supernovae_change_the_spectrum(strange):
    survey, catalog, spectra = strange
    plain = MockSurvey(n=STRANGE, seed=4, outliers=0.0)
    for kind in ("star blend", "galaxy blend", "star", "supernova", "double-peaked lines"):
        rows = np.flatnonzero(catalog["outlier_kind"] == kind)
        before = plain.read(rows)
        both = (before.ivar > 0) & (spectra.ivar[rows] > 0)
        chi = (before.flux - spectra.flux[rows]) ** 2 * before.ivar
        worst = np.where(both, chi, 0).max(axis=1)
        assert np.median(worst) > 50, kind
        if kind != "double-peaked lines":
            assert np.median(np.where(both, chi, 0).sum(axis=1) / both.sum(axis=1)) > 2, kind
    assert survey.catalog is catalog
