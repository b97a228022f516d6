"""Places of objects that a map was made without."""

import numpy as np

from model.atlas.maps.positions import among_neighbours, place_all


def test_objects_come_to_lie_where_their_like_is(rng):
    latents = rng.uniform(-1, 1, size=(3000, 2)).astype(np.float32)
    turned = (latents @ np.array([[0, -1], [1, 0]])).astype(np.float32) * 5
    sample = np.sort(rng.permutation(3000)[:1000])
    places = place_all(turned[sample], sample, latents)
    np.testing.assert_array_equal(places[sample], turned[sample])
    assert places.dtype == np.float32
    others = np.setdiff1d(np.arange(3000), sample)
    away = np.linalg.norm(places[others] - turned[others], axis=1)
    assert np.median(away) < 0.2  # a thirtieth of the map's width is 0.3, neighbours lie 0.15 apart


def test_a_place_does_not_depend_on_what_is_placed_beside_it(rng):
    places, distances = rng.normal(size=(50, 12, 2)), np.sort(rng.uniform(1, 2, (50, 12)), axis=1)
    together = among_neighbours(places, distances)
    for row in (0, 20, 49):
        alone = among_neighbours(places[[row]], distances[[row]])
        np.testing.assert_array_equal(alone[0], together[row])
