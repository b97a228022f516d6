import numpy as np
import pytest
from sklearn.neighbors import LocalOutlierFactor

from data.spectra import Spectra
from model.atlas.latent_scores import local_outlier_factor
from model.atlas.neighbours import find_neighbours
from model.atlas.scores import SCORES, spectrum_scores


def noise_spectra(rng, n_galaxy=200, n_pixel=600):
    ivar = rng.uniform(4, 25, (n_galaxy, n_pixel)).astype(np.float32)
    ivar[rng.random(ivar.shape) < 0.2] = 0
    truth = np.ones_like(ivar)
    sigma = 1 / np.sqrt(np.where(ivar > 0, ivar, 1))
    flux = (truth + sigma * rng.normal(size=ivar.shape)).astype(np.float32)
    spectra = Spectra(wave=np.linspace(4000, 9000, n_pixel), flux=flux, ivar=ivar,
                      z=np.zeros(n_galaxy))  # fmt: skip
    return spectra, truth, np.ones(ivar.shape, dtype=bool)


def test_reduced_chi2_of_the_truth_is_one(rng):
    columns = spectrum_scores(*noise_spectra(rng))
    n_good = 200 * 600 * 0.8
    assert columns["chi2_red"].mean() == pytest.approx(1, abs=5 * np.sqrt(2 / n_good))
    assert columns["mask_fraction"].mean() == pytest.approx(0.2, abs=0.01)
    assert (columns["chi2_worst"] >= columns["chi2_red"]).all()


def test_reduced_chi2_equals_its_definition(rng):
    spectra, truth, covered = noise_spectra(rng, n_galaxy=3)
    covered[:, 500:] = False
    columns = spectrum_scores(spectra, truth, covered)
    for row in range(3):
        use = (spectra.ivar[row] > 0) & covered[row]
        residual = spectra.flux[row, use] - truth[row, use]
        expected = np.sum(spectra.ivar[row, use] * residual**2) / use.sum()
        assert columns["chi2_red"][row] == pytest.approx(expected, rel=1e-5)
        assert columns["peak_flux"][row] == spectra.flux[row, use].max()
        snr = np.median(spectra.flux[row, use] * np.sqrt(spectra.ivar[row, use]))
        assert columns["snr"][row] == pytest.approx(snr, rel=1e-5)


def test_worst_window_finds_a_wrong_line(rng):
    spectra, truth, covered = noise_spectra(rng, n_galaxy=5)
    spectra.flux[2, 300:306] += 20
    columns = spectrum_scores(spectra, truth, covered)
    assert columns["chi2_worst"].argmax() == 2
    assert abs(columns["chi2_worst_wave"][2] - spectra.wave[303]) < 30 * 5000 / 600


def test_spectrum_without_a_good_pixel_scores_nan(rng):
    spectra, truth, covered = noise_spectra(rng, n_galaxy=3)
    spectra.ivar[1] = 0
    columns = spectrum_scores(spectra, truth, covered)
    for name in ("chi2_red", "chi2_worst", "chi2_worst_wave", "peak_flux", "snr"):
        assert np.isnan(columns[name][1]), name
        assert np.isfinite(columns[name][[0, 2]]).all(), name
    assert columns["mask_fraction"][1] == 1


def test_local_outlier_factor_agrees_with_scikit_learn(rng):
    latents = rng.normal(size=(500, 5)).astype(np.float32)
    latents[0] += 9
    factor = local_outlier_factor(latents, find_neighbours(latents, k=20))
    expected = -LocalOutlierFactor(n_neighbors=20).fit(latents).negative_outlier_factor_
    np.testing.assert_allclose(factor, expected, rtol=1e-4)
    assert factor.argmax() == 0


def test_copies_of_one_spectrum_are_no_outliers_and_make_none(rng):
    latents = rng.normal(size=(300, 3)).astype(np.float32)
    single = local_outlier_factor(latents, find_neighbours(latents, k=20))
    many = np.concatenate([latents, np.repeat(latents[:1], 60, axis=0)])
    factor = local_outlier_factor(many, find_neighbours(many, k=20))
    np.testing.assert_allclose(factor[:300], single, rtol=1e-5)
    assert np.unique(factor[300:]).tolist() == [factor[0]]
    same = np.zeros((60, 3), dtype=np.float32)
    assert (local_outlier_factor(same, find_neighbours(same, k=20)) == 1).all()


def test_every_score_explains_itself():
    assert len({score.column for score in SCORES}) == len(SCORES)
    for score in SCORES:
        assert score.label
        assert score.explanation.endswith(".")
        assert "\n" not in score.explanation
