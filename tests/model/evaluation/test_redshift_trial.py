"""A spectrum is drawn best at its own redshift, whatever it was divided by."""

from pathlib import Path

import numpy as np
import pytest

from data.spectra import Spectra
from model.atlas.atlas import Atlas
from model.evaluation.redshift_trial import try_redshifts
from model.misfit import misfit


def test_own_redshift_gives_the_atlas_and_fits_best(tiny_atlas_path: Path) -> None:
    atlas = Atlas(tiny_atlas_path)
    row = int(atlas.catalog["activity"].argmax())  # strong lines
    spectrum = atlas.source.read([row])
    z = float(spectrum.z[0])
    made = try_redshifts(atlas.model, spectrum, [z, z - 0.01, z + 0.01])
    flux, covered = atlas.model.reconstruct(made.latents[:1], spectrum.z, spectrum.grid)
    own = misfit(spectrum, flux * made.scale[0].astype(np.float32), covered).reduced
    assert made.chi2_red[0] == pytest.approx(own[0], rel=1e-4)
    assert made.chi2_red[0] == pytest.approx(atlas.catalog["chi2_red"][row], rel=0.05)
    assert made.chi2_red[0] < 0.8 * made.chi2_red[1:].min()


def test_a_spectrum_is_divided_by_its_norm_at_each_redshift(tiny_atlas_path: Path) -> None:
    atlas = Atlas(tiny_atlas_path)
    spectrum = atlas.source.read([3])
    slope = (spectrum.wave / np.median(spectrum.wave)).astype(np.float32)
    tilted = Spectra(
        grid=spectrum.grid, flux=slope[None] / slope[spectrum.grid.n_pixel // 2],
        ivar=spectrum.ivar, z=np.array([0.0]),
    )  # fmt: skip
    own = float(np.median(tilted.flux[0][(tilted.wave > 5300) & (tilted.wave < 5850)]))
    tilted = Spectra(grid=tilted.grid, flux=tilted.flux / own, ivar=tilted.ivar, z=tilted.z)
    made = try_redshifts(atlas.model, tilted, [0.0, 0.2, 2.0])
    assert made.scale[:2] == pytest.approx([1.0, 1.2], rel=0.01)
    assert made.scale[2] == 1.0  # the range of the norm is not observed there
    in_counts = Spectra(grid=tilted.grid, flux=50 * tilted.flux, ivar=tilted.ivar, z=tilted.z)
    assert try_redshifts(atlas.model, in_counts, [0.2]).scale == 1.0
