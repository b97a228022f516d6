"""Errors on the rest-frame pixels of a paper, and widths of broad lines."""

import numpy as np
import pytest
import torch

from data.arrays import FloatArray
from data.grid import linear_grid, log_grid_of
from data.mock.survey import MockSurvey
from data.rest_frame.preparation import PREPARATIONS, Preparation, prepare
from data.spectra import Spectra
from model.comparison.broad_lines import measure_broad_lines
from model.comparison.rest_pixels import on_grid, rest_errors
from model.comparison.sample import Sample
from model.linear.pca import PCA, PCAConfig

PAPER = PREPARATIONS["portillo2020"]


class _Copy(PCA):
    """Reconstructs spectra as they are, at any width: latents number them."""

    def __init__(self, spectra: Spectra, *, wider: float = 1.0) -> None:
        super().__init__(PCAConfig(n_latent=1, rest_grid=PAPER.rest_grid))
        self.rest = 3.0 * prepare(spectra, PAPER).flux  # in any norm
        self.observed, self.wider = spectra.flux, wider

    def encode(self, spectra: Spectra) -> FloatArray:
        return np.arange(len(spectra), dtype=np.float32)[:, None]

    def decode(self, latents: FloatArray) -> FloatArray:
        return self.rest[latents[:, 0].astype(int)]


def test_what_is_left_of_a_perfect_model_is_nothing_in_any_norm() -> None:
    spectra = MockSurvey(n=6, seed=1).read(slice(0, 6))
    model = _Copy(spectra)
    latents = model.encode(spectra)
    options = {"preparation": PAPER, "rest_range": (3600.0, 7500.0)}
    np.testing.assert_allclose(rest_errors(model, spectra, latents, **options), 0, atol=1e-6)
    model.rest[1:2, ::2] *= 1.1  # an error of a tenth in every other pixel
    found = rest_errors(model, spectra, latents, **options)
    assert found[1] > 0.1
    assert found[0] < 1e-6


def test_noise_alone_leaves_one(rng: np.random.Generator) -> None:
    """The truth as the model: errors are the noise's, whose variance rebinning keeps."""
    seen = MockSurvey(n=8, seed=3, outliers=0.0)
    spectra = seen.read(slice(0, 8))
    smooth = Spectra(
        grid=spectra.grid, flux=np.ones_like(spectra.flux), ivar=spectra.ivar, z=spectra.z
    )
    error = np.where(spectra.ivar > 0, spectra.ivar, 1.0) ** -0.5
    noisy = Spectra(
        grid=spectra.grid,
        flux=(1 + np.where(spectra.ivar > 0, rng.normal(0, error), 0)).astype(np.float32),
        ivar=spectra.ivar,
        z=spectra.z,
    )
    free = Preparation(rest_grid=PAPER.rest_grid, max_snr=0.0)
    model = _Copy(smooth)
    model.rest = np.ones((8, PAPER.rest_grid.n_pixel), np.float32)
    found = rest_errors(
        model, noisy, model.encode(noisy), preparation=free, rest_range=(3600.0, 7500.0)
    )
    n_pixel = 8 * 800
    assert abs(found.mean() - 1) < 4 * (2 / n_pixel) ** 0.5


def test_finer_pixels_are_averaged_and_the_same_ones_kept() -> None:
    fine, wide = linear_grid(3000, 9000, 6001), log_grid_of(3388.0, 8318.0, 1000)
    rest = np.vstack([fine.wave / 5000, np.full(6001, 2.0)]).astype(np.float32)
    moved, known = on_grid(rest, fine, wide)
    assert known.all()
    np.testing.assert_allclose(moved[0], wide.wave / 5000, rtol=1e-4)
    np.testing.assert_allclose(moved[1], 2.0, rtol=1e-5)
    assert on_grid(moved, wide, wide)[0] is moved
    beyond = on_grid(rest[:, :3000], linear_grid(3000, 5999, 3000), wide)[1]
    assert beyond[0, 0]
    assert not beyond[0, -1]


def test_a_model_that_shows_lines_as_they_are_has_their_width() -> None:
    class Same(_Copy):
        def reconstruct(self, latents, z, grid):  # noqa: ANN001, ANN202, ARG002
            return self.observed, np.ones(self.observed.shape, dtype=bool)

    survey = MockSurvey(n=3000, seed=5, outliers=0.0)
    rows = np.flatnonzero((survey.catalog["nucleus"] == "broad-line").to_numpy())[:12]
    spectra = survey.read(rows)
    sample = Sample(
        source=survey, rows=rows, classes=np.full(len(rows), "broad-line AGN", dtype=object),
        snr=np.ones(len(rows)), rest_range=(3600.0, 7500.0), examples={},
    )  # fmt: skip
    with torch.no_grad():
        found = measure_broad_lines(Same(spectra), sample)
    assert found["n"] >= 6
    assert found["median"] == pytest.approx(1.0)
    assert found["without"] == 0
    assert found["known"]["n"] == found["n"]
    assert found["known"]["median"] == found["known"]["spectra"] == pytest.approx(1.0, abs=0.1)
