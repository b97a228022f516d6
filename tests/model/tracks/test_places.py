import numpy as np

from model.tracks import places
from model.tracks.places import Places


def test_the_nearest_are_those_by_measuring_all(rng):
    points = rng.normal(size=(300, 3))
    known = rng.random(300) < 0.5
    wanted = rng.normal(size=(7, 3))
    distance = np.linalg.norm(points - wanted[:, None], axis=2)
    distance[:, ~known] = np.inf
    found = Places.of(points, known=known).nearest(wanted, 5)
    np.testing.assert_array_equal(found, np.argsort(distance, axis=1)[:, :5])


def test_fewer_places_than_asked_for_are_all_given():
    assert sorted(Places.of(np.eye(3)).nearest(np.zeros((1, 3)), 100)[0]) == [0, 1, 2]


def test_of_many_an_even_sample_is_indexed(monkeypatch):
    monkeypatch.setattr(places, "MOST_PLACES", 100)
    for n in (99, 100, 101, 250, 1000):
        found = Places.of(np.arange(float(n))[:, None])
        assert len(found.rows) <= 100
        assert len(found.rows) > min(n, 50) - 1
        assert found.rows[-1] >= n - n // 50 - 1
        assert found.nearest(np.array([[found.rows[7]]]), 1)[0, 0] == found.rows[7]
