import numpy as np
import pytest
from scipy.spatial import KDTree

from model.atlas.atlas import Atlas
from model.atlas.encoding import rest_range
from model.atlas.latent_scores import local_outlier_factor, outlier_factor_of_new
from model.atlas.neighbours import find_neighbours
from model.atlas.strangeness import Strangeness, fit_strangeness, fit_usual_range
from model.residuals.windows import Windows, measure_windows

N, N_WINDOW = 900, 60


@pytest.fixture(scope="module")
def survey():
    """Residuals of a model that misses one pattern and is 5 % off in window 7."""
    rng = np.random.default_rng(11)
    snr = rng.lognormal(2.5, 0.5, N)
    model = snr[:, None] * rng.uniform(2, 4, (1, N_WINDOW))
    pattern = np.sin(np.arange(N_WINDOW) / 5)
    residual = rng.normal(size=(N, N_WINDOW)) + 0.02 * rng.normal(size=(N, 1)) * pattern * model
    residual[:, 7] += 0.05 * model[:, 7] * rng.normal(size=N)
    residual[::17, 40:] = np.nan
    residual[5, 20:26] += 0.6 * model[5, 20:26]
    return Windows(residual.astype(np.float32), model.astype(np.float32)), snr


def test_only_what_is_unusual_counts(survey):
    windows, snr = survey
    lof = np.ones(N)
    usual = fit_strangeness(windows, lof=lof, snr=snr, rest_range=(3000.0, 9000.0))
    score = usual.score(windows, lof=lof, double_peaks=np.zeros(N), snr=snr)
    assert score.argmax() == 5
    assert usual.patterns.tolerance[7] == pytest.approx(0.05, rel=0.3)
    assert abs(np.corrcoef(score, np.log(snr))[0, 1]) < 5 / np.sqrt(N)
    z = usual.patterns.standardise(windows)
    whole, pattern = np.isfinite(z).all(axis=1), np.sin(np.arange(N_WINDOW) / 5)
    before, after = z[whole] @ pattern, usual.patterns.left_over(z)[whole] @ pattern
    assert after.var() < 0.5 * before.var()


def test_each_term_raises_the_score(survey):
    windows, snr = survey
    usual = fit_strangeness(windows, lof=np.ones(N), snr=snr, rest_range=(3000.0, 9000.0))
    one = windows.take(slice(0, 1))
    plain = {"lof": np.ones(1), "double_peaks": np.zeros(1), "snr": snr[:1]}
    base = usual.score(one, **plain)[0]
    assert usual.score(one, **plain | {"lof": np.array([3.0])})[0] > base
    assert usual.score(one, **plain | {"double_peaks": np.array([9.0])})[0] > base


def test_strangeness_read_equals_strangeness_written(survey, tmp_path):
    windows, snr = survey
    usual = fit_strangeness(windows, lof=np.ones(N), snr=snr, rest_range=(3000.0, 9000.0))
    usual.save(tmp_path / "strangeness.safetensors")
    again = Strangeness.load(tmp_path / "strangeness.safetensors")
    arguments = {"lof": np.ones(N), "double_peaks": np.zeros(N), "snr": snr}
    np.testing.assert_array_equal(
        usual.score(windows, **arguments), again.score(windows, **arguments)
    )
    assert again.rest_range == (3000.0, 9000.0)
    (tmp_path / "strangeness.safetensors").write_bytes(b"\x00" * 9)
    with pytest.raises(ValueError, match="not a readable strangeness"):
        Strangeness.load(tmp_path / "strangeness.safetensors")


def test_usual_range_follows_snr(rng):
    snr = rng.lognormal(2.5, 0.8, 6000)
    values = np.log10(snr) + 0.1 * rng.normal(size=6000)
    excess = fit_usual_range(values, snr).excess(values, snr)
    assert abs(np.median(excess)) < 0.1
    assert np.quantile(excess, 0.84) == pytest.approx(1, abs=0.1)
    inner = np.abs(np.log(snr) - 2.5) < 2 * 0.8  # beyond, what is usual of the last bin is taken
    assert abs(np.corrcoef(excess[inner], np.log(snr[inner]))[0, 1]) < 5 / np.sqrt(6000)


def test_windows_are_those_of_the_definition(tiny_atlas_path):
    atlas = Atlas(tiny_atlas_path)
    spectra = atlas.source.read(slice(0, 3))
    flux, covered = atlas.model.reconstruct(atlas.latents[:3], spectra.z, spectra.grid)
    found = measure_windows(spectra, flux, covered, rest_range(atlas.model))
    first = np.log10(rest_range(atlas.model)[0])
    window = 200
    for row in range(3):
        rest = np.log10(spectra.wave / (1 + spectra.z[row]))
        inside = np.floor((rest - first) / 16e-4) == window
        weight = np.where(inside & covered[row], spectra.ivar[row], 0).astype(float)
        residual = np.where(weight > 0, spectra.flux[row] - flux[row], 0)
        expected = np.sum(weight * residual) / np.sqrt(np.sum(weight))
        assert found.residual[row, window] == pytest.approx(expected, rel=1e-4)


def test_new_objects_get_the_factor_of_old_ones(rng):
    latents = rng.normal(size=(400, 3)).astype(np.float32)
    with_one = np.concatenate([latents, [[3.0, 3.0, 3.0]]]).astype(np.float32)
    expected = local_outlier_factor(with_one, find_neighbours(with_one, k=20))[-1]
    graph = find_neighbours(latents, k=20)
    new = outlier_factor_of_new(with_one[-1:], latents, graph, KDTree(latents))
    assert new[0] == pytest.approx(expected, rel=0.05)
    many = outlier_factor_of_new(
        np.concatenate([with_one[-1:], latents[:5] + 0.01]), latents, graph
    )
    assert many[0] == new[0]
