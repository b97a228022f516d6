"""New spectra in an old atlas."""

import numpy as np
import pytest

from model.atlas.atlas import Atlas
from model.atlas.maps.positions import among_neighbours
from model.placement.placer import Placer, place_all


@pytest.fixture(scope="module", params=["pca", "spender"])
def placer(request):
    name = {"pca": "tiny_atlas_path", "spender": "tiny_spender_atlas_path"}[request.param]
    return Placer(Atlas(request.getfixturevalue(name)))


@pytest.fixture(scope="module")
def spectra(placer):
    return [placer.atlas.source.read([row]) for row in range(0, 120, 10)]


@pytest.fixture(scope="module")
def norms(placer):
    return placer.atlas.catalog["norm"].to_numpy()[::10]


@pytest.fixture(scope="module")
def placed(placer, spectra, norms):
    return place_all(placer, spectra, norms)


def test_objects_of_the_atlas_find_their_own_place(placer, placed):
    table, about = placed
    own = placer.atlas.catalog.iloc[::10].reset_index(drop=True)
    for name in ("chi2_red", "chi2_worst", "peak_flux", "mask_fraction", "neg_log_p", "pca_x"):
        np.testing.assert_allclose(table[name], own[name], rtol=2e-3, atol=2e-3, err_msg=name)
    for row, item in enumerate(about):
        assert item.neighbours[0] == 10 * row
        assert item.distances[0] < 1e-3 * item.distances[-1]
        np.testing.assert_allclose(item.latents, placer.atlas.latents[10 * row], atol=1e-3)
        nearest = item.neighbours[1:11]
        for embedding in placer.atlas.embeddings[:2]:
            axes = [embedding.x, embedding.y]
            around = placer.atlas.catalog[axes].to_numpy()[nearest]
            place = table[axes].iloc[row].to_numpy(float)
            assert (place >= around.min(axis=0) - 1.5).all()
            assert (place <= around.max(axis=0) + 1.5).all()


def test_every_score_of_the_atlas_is_told(placer, placed):
    for score in placer.atlas.scores:
        assert np.isfinite(placed[0][score.column]).all(), score.column


def test_what_else_is_placed_changes_no_bit(placer, spectra, norms, placed):
    table, _ = placed
    again = Placer(Atlas(placer.atlas.path))
    for row in (7, 2, 7):
        alone = again.place(spectra[row], norm=norms[row]).row
        np.testing.assert_equal(alone, {name: table[name].iloc[row] for name in table})


def test_refined_spectra_fit_better_and_change_no_bit_either(placer, spectra, placed):
    if placer.atlas.model.kind == "pca":
        pytest.skip("the coefficients of a PCA are the best already")
    refining = Placer(placer.atlas, refined=True)
    together = [refining.place(spectrum).row for spectrum in spectra[:4]]
    for row in (3, 0):
        alone = Placer(placer.atlas, refined=True).place(spectra[row]).row
        np.testing.assert_equal(alone, together[row])
        assert alone["refinement_shift"] > 0
        assert alone["chi2_red"] < placed[0]["chi2_red"].iloc[row]


def test_lof_of_a_new_object_is_that_of_a_graph_with_it(placer):
    from sklearn.neighbors import LocalOutlierFactor

    from model.placement.new_scores import NewScores

    latents = placer.atlas.latents.astype(float)
    new = latents.mean(axis=0, keepdims=True) + 3 * latents.std(axis=0)
    theirs = LocalOutlierFactor(n_neighbors=20, novelty=True).fit(latents)
    ours = NewScores(placer.atlas, placer.tree).of_latents(new.astype(np.float32))["lof"]
    assert ours == pytest.approx(-theirs.score_samples(new)[0], rel=1e-3)


def test_the_geometric_median_takes_no_place_between_two_groups():
    places = np.array([[0, 0], [0.1, 0], [0, 0.1], [0.1, 0.1], [9, 9], [9, 9.1]])
    (place,) = among_neighbours(places[None], np.arange(1.0, 7.0)[None])
    assert np.hypot(*(place - 0.05)) < 0.1


def test_several_spectra_at_once_are_refused(placer):
    with pytest.raises(ValueError, match="one by one, got 2"):
        placer.place(placer.atlas.source.read([0, 1]))
