import numpy as np
import pytest
from sklearn.decomposition import PCA as SklearnPCA

from data.grid import WaveGrid
from data.spectra import Part, Spectra
from data.survey import Survey
from model.interface import SpectrumModel
from model.linear.fit import fit_pca
from model.linear.pca import PCA, PCAConfig
from model.store.storage import load_model, save_model
from tests.fixtures.atlas import write_survey

GRID = WaveGrid(scale="log", start=3.6, step=1e-3, n_pixel=300)


class Source:
    """Spectra in memory."""

    def __init__(self, flux, ivar, z, grid=GRID):
        self.grid = grid
        self.parts = (Part("", grid, 0, len(z)),)
        self._spectra = Spectra(
            grid=grid, flux=flux.astype(np.float32), ivar=ivar.astype(np.float32), z=z
        )

    def read(self, rows):
        return self._spectra.take(rows)

    def all(self):
        return self._spectra


def low_rank(rng, n_galaxy=300, n_pixel=300, rank=3):
    axes = np.linalg.qr(rng.normal(size=(n_pixel, rank)))[0].T
    latents = rng.normal(size=(n_galaxy, rank)) * np.array([20.0, 9.0, 4.0])[:rank]
    mean = 1 + 0.2 * np.sin(np.arange(n_pixel) / 20)
    return mean + latents @ axes, axes, latents


def fit(source, n_latent, **settings):
    config = PCAConfig(n_latent=n_latent, rest_grid=source.grid, max_snr=1e9)
    return fit_pca(source, np.arange(len(source.all())), config=config, seed=0, **settings)


def test_without_gaps_it_is_the_pca_of_scikit_learn(rng):
    flux, _, _ = low_rank(rng, rank=3)
    flux = flux + 0.05 * rng.normal(size=flux.shape)
    model = fit(Source(flux, np.full(flux.shape, 400.0), np.zeros(300)), 3, n_iteration=40)
    other = SklearnPCA(3).fit(flux)
    overlap = np.abs(np.sum(model.components.numpy() * other.components_, axis=1))
    np.testing.assert_allclose(overlap, 1, atol=1e-4)
    np.testing.assert_allclose(model.mean.numpy(), other.mean_, atol=0.02)
    np.testing.assert_allclose(model.variance.numpy(), other.explained_variance_, rtol=0.02)


def test_gaps_and_noise_are_seen_through(rng):
    truth, _, _ = low_rank(rng, n_galaxy=600)
    sigma = rng.uniform(0.02, 0.5, truth.shape)
    flux = truth + sigma * rng.normal(size=truth.shape)
    ivar = np.where(rng.random(truth.shape) < 0.4, 0, 1 / sigma**2)
    flux[ivar == 0] = 1e4  # what a mask hides must not matter
    source = Source(flux, ivar, np.zeros(600))
    model = fit(source, 3, n_iteration=40)
    restored = model.decode(model.encode(source.all()))
    assert np.sqrt(np.mean((restored - truth) ** 2)) < 0.05
    assert np.abs(restored - truth)[ivar == 0].max() < 0.6


def test_components_are_orthonormal_ordered_and_latents_centred(rng):
    flux, _, _ = low_rank(rng)
    source = Source(flux, np.full(flux.shape, 1e4), np.zeros(300))
    model = fit(source, 3)
    gram = model.components.numpy() @ model.components.numpy().T
    np.testing.assert_allclose(gram, np.eye(3), atol=1e-4)
    latents = model.encode(source.all())
    np.testing.assert_allclose(latents.mean(axis=0), 0, atol=0.1)
    assert (np.diff(latents.std(axis=0)) < 0).all()


def test_redshift_does_not_move_the_latents(rng, tmp_path):
    survey = Survey(write_survey(tmp_path / "survey", n_object=150))
    first = np.floor(np.log10(2400) / survey.grid.step) * survey.grid.step
    rest = WaveGrid(scale="log", start=first, step=survey.grid.step, n_pixel=1450)
    model = fit_pca(survey, np.arange(150), config=PCAConfig(n_latent=3, rest_grid=rest), seed=0)
    latents = model.encode(survey.read(slice(0, 150)))
    activity = survey.catalog["activity"].to_numpy()
    assert abs(np.corrcoef(latents[:, 0], activity)[0, 1]) > 0.85
    flux, covered = model.reconstruct(latents, survey.catalog["z"].to_numpy(), survey.grid)
    spectra = survey.read(slice(0, 150))
    good = (spectra.ivar > 0) & covered
    chi2 = (spectra.ivar * (spectra.flux - flux) ** 2)[good].mean()
    assert 0.9 < chi2 < 1.15, "three numbers must describe spectra made of two"


def test_reconstruction_is_zero_and_not_covered_outside_the_rest_range(rng):
    flux, _, _ = low_rank(rng)
    model = fit(Source(flux, np.full(flux.shape, 1e4), np.zeros(300)), 2)
    moved, covered = model.reconstruct(np.zeros((1, 2), np.float32), np.array([0.3]), GRID)
    uncovered = GRID.wave / 1.3 < GRID.wave[0] * (1 - 1e-9)
    np.testing.assert_array_equal(covered[0], ~uncovered)
    assert (moved[0, uncovered] == 0).all()
    expected = np.interp(GRID.wave[~uncovered] / 1.3, GRID.wave, model.decode(np.zeros((1, 2)))[0])
    np.testing.assert_allclose(moved[0, ~uncovered], expected, atol=2e-4)
    decoded = model.decode(np.zeros((1, 2), np.float32))
    for one, other in zip(model.observe(decoded, [0.3], GRID), (moved, covered), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_spectrum_without_a_pixel_lies_at_the_mean(rng):
    flux, _, _ = low_rank(rng)
    source = Source(flux, np.full(flux.shape, 1e4), np.zeros(300))
    model = fit(source, 3)
    empty = Spectra(grid=GRID, flux=np.zeros((1, 300), np.float32),
                    ivar=np.zeros((1, 300), np.float32), z=np.zeros(1))  # fmt: skip
    assert (model.encode(empty) == 0).all()


def test_pca_read_equals_pca_written(rng, tmp_path):
    flux, _, _ = low_rank(rng)
    source = Source(flux, np.full(flux.shape, 1e4), np.zeros(300))
    model = fit(source, 3)
    assert isinstance(model, SpectrumModel)
    save_model(model, tmp_path / "pca")
    again = load_model(tmp_path / "pca")
    assert isinstance(again, PCA)
    assert again.config == model.config
    np.testing.assert_array_equal(again.encode(source.all()), model.encode(source.all()))


def test_bad_input_is_an_error(rng):
    flux, _, _ = low_rank(rng)
    source = Source(flux, np.full(flux.shape, 1e4), np.zeros(300))
    config = PCAConfig(n_latent=5, rest_grid=GRID)
    with pytest.raises(ValueError, match="needs more spectra than that, got 5"):
        fit_pca(source, np.arange(5), config=config, seed=0)
    with pytest.raises(ValueError, match="n_latent must be at least 1"):
        PCAConfig(n_latent=0)
    with pytest.raises(ValueError, match="unknown settings of a PCA: colour"):
        PCAConfig.from_dict({"colour": 1})
    model = fit(source, 2)
    with pytest.raises(ValueError, match=r"shape \(n_galaxy, 2\), got \(4, 3\)"):
        model.decode(np.zeros((4, 3)))
    dark = Source(flux, np.zeros(flux.shape), np.zeros(300))
    with pytest.raises(ValueError, match="no spectrum shows any pixel"):
        fit(dark, 2)
