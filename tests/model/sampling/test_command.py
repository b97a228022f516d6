import numpy as np
import pytest

from data.survey import Survey
from model.__main__ import main
from model.atlas.atlas import Atlas


@pytest.fixture(scope="module")
def drawn(tiny_atlas_path, tmp_path_factory):
    out = tmp_path_factory.mktemp("drawn") / "survey"
    assert main(["sample", str(tiny_atlas_path), "--n", "40", "--out", str(out)]) == 0
    return Survey(out), Atlas(tiny_atlas_path)


def test_a_survey_is_drawn_from_the_flow(drawn):
    survey, atlas = drawn
    assert len(survey) == 40
    names = [f"drawn_latent_{index}" for index in range(atlas.model.n_latent)]
    latents = survey.catalog[names].to_numpy(np.float32)
    np.testing.assert_array_equal(latents, atlas.flow.sample(40, seed=1))
    assert survey.catalog["z"].isin(atlas.catalog["z"]).all()


def test_spectra_are_the_decoded_ones_within_the_noise(drawn):
    survey, atlas = drawn
    spectra = survey.read(slice(0, 40))
    latents = survey.catalog.filter(regex="drawn_latent").to_numpy(np.float32)
    flux, covered = atlas.model.reconstruct(latents, spectra.z, survey.grid)
    used = spectra.ivar > 0
    assert used.mean() > 0.7
    assert not (used & ~covered).any()
    pull = ((spectra.flux - flux) * np.sqrt(spectra.ivar))[used]
    # besides the noise: calibration errors of a few per cent, cosmic rays
    assert 0.95 < 1.4826 * np.median(np.abs(pull)) < 2
    assert abs(np.median(pull)) < 0.3


def test_redshift_instrument_and_noise_can_be_chosen(tiny_atlas_path, tmp_path, drawn):
    out = tmp_path / "survey"
    options = ["--n", "9", "--z", "0.1", "0.2", "--instrument", "desi", "--noise", "0"]
    assert main(["sample", str(tiny_atlas_path), *options, "--out", str(out)]) == 0
    survey = Survey(out)
    z = survey.catalog["z"]
    assert z.between(0.1, 0.2).all()
    assert z.nunique() == 9
    assert survey.grid.n_pixel == 7781
    spectra = survey.read(slice(0, 9))
    latents = survey.catalog.filter(regex="drawn_latent").to_numpy(np.float32)
    flux, covered = drawn[1].model.reconstruct(latents, spectra.z, survey.grid)
    np.testing.assert_allclose(spectra.flux, flux * covered, atol=1e-5)


def test_the_same_seed_draws_the_same(drawn, tmp_path):
    survey, atlas = drawn
    out = tmp_path / "again"
    assert main(["sample", str(atlas.path), "--n", "40", "--out", str(out)]) == 0
    ours, theirs = survey.read([3, 30]), Survey(out).read([3, 30])
    np.testing.assert_array_equal(ours.flux, theirs.flux)
    np.testing.assert_array_equal(ours.ivar, theirs.ivar)


@pytest.mark.parametrize(("options", "says"), [
    (["--n", "0"], "n must be at least 1"),
    (["--z", "0.3", "0.1"], "one or two redshifts"),
    (["--noise", "-1"], "noise must be 0 or more"),
])  # fmt: skip
def test_mistakes_end_with_status_2(tiny_atlas_path, tmp_path, capsys, options, says):
    command = ["sample", str(tiny_atlas_path), "--out", str(tmp_path / "x"), *options]
    assert main(command) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
