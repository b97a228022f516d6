import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from model.atlas.embedding import choose_settings, embed_pca, embed_tsne, embed_umap
from model.atlas.neighbours import find_neighbours


def blobs(rng, n_galaxy, n_latent=5):
    centres = rng.normal(size=(3, n_latent)) * 6
    return (centres[np.arange(n_galaxy) % 3] + rng.normal(size=(n_galaxy, n_latent))).astype(
        np.float32
    )


def maps(latents, seed=0):
    settings, _ = choose_settings(len(latents), seed=seed)
    graph = find_neighbours(latents, k=min(len(latents) - 1, settings.k))
    return embed_umap(latents, graph, settings), embed_tsne(latents, graph, settings, jobs=1)


@pytest.mark.parametrize("n_galaxy", [50, 400])
def test_maps_keep_neighbours_together(rng, n_galaxy):
    latents = blobs(rng, n_galaxy)
    for place in maps(latents):
        assert place.shape == (n_galaxy, 2)
        assert place.dtype == np.float32
        assert np.isfinite(place).all()
        assert trustworthiness(latents, place, n_neighbors=10) > 0.85


def test_same_seed_same_maps(rng):
    latents = blobs(rng, 60)
    first, again, other = maps(latents), maps(latents), maps(latents, seed=1)
    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, three)


def test_copies_do_not_break_the_maps(rng):
    latents = blobs(rng, 90)
    latents[:40] = latents[0]
    for place in maps(latents):
        assert np.isfinite(place).all()


@pytest.mark.parametrize("n_galaxy", [20, 50, 120, 359, 360, 10_000, 300_000, 2_000_000])
def test_settings_fit_the_number_of_objects(n_galaxy):
    settings, notes = choose_settings(n_galaxy, seed=0)
    assert settings.k <= n_galaxy - 1
    assert 3 * settings.tsne_perplexity <= n_galaxy - 1
    assert bool(notes) == (n_galaxy < 360 or n_galaxy > 200_000), "what is unusual must be said"
    if notes:
        assert f"{settings.tsne_perplexity:.3g}" in notes[0]


def test_too_few_objects_are_an_error():
    with pytest.raises(ValueError, match="at least 20 objects, got 19"):
        choose_settings(19, seed=0)


def test_pca_plane_holds_the_most_variance_and_a_fixed_sign(rng):
    latents = rng.normal(size=(500, 4)) * np.array([1.0, 5.0, 3.0, 0.1])
    place = embed_pca(latents)
    assert place.std(axis=0) == pytest.approx([5, 3], rel=0.1)
    assert np.corrcoef(place[:, 0], latents[:, 1])[0, 1] > 0.99
    assert np.corrcoef(place[:, 1], latents[:, 2])[0, 1] > 0.99
    assert (embed_pca(latents[:, :1])[:, 1] == 0).all()
