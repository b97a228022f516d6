import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from model.atlas.neighbours import Neighbours, find_neighbours


@pytest.fixture
def latents(rng):
    return rng.normal(size=(400, 4)).astype(np.float32)


def test_neighbours_agree_with_brute_force(latents):
    found = find_neighbours(latents, k=7)
    brute = NearestNeighbors(n_neighbors=7, algorithm="brute").fit(latents.astype(float))
    distances, indices = brute.kneighbors()  # without X: each point itself is left out
    np.testing.assert_allclose(found.distances, distances, rtol=1e-5)
    np.testing.assert_array_equal(found.indices, indices)


def test_latents_along_one_line_and_far_from_zero(rng):
    """Real latents are correlated to 0.99; distances come from the latents themselves."""
    line = rng.normal(size=(3000, 1)) * [3.0, -2.0, 1.0] + 0.02 * rng.normal(size=(3000, 3))
    latents = (line + 1000).astype(np.float32)
    found = find_neighbours(latents, k=12, workers=2)
    brute = NearestNeighbors(n_neighbors=12, algorithm="brute").fit(latents.astype(float))
    distances = brute.kneighbors()[0]
    np.testing.assert_allclose(found.distances, distances, rtol=1e-5)
    apart = latents[found.indices].astype(float) - latents[:, None].astype(float)
    np.testing.assert_allclose(np.linalg.norm(apart, axis=2), found.distances, rtol=1e-6)


def test_no_object_is_its_own_neighbour_even_among_many_copies(latents):
    latents[:50] = latents[0]
    found = find_neighbours(latents, k=10)
    assert not (found.indices == np.arange(400)[:, None]).any()
    assert (found.distances[:50] == 0).all()
    assert (found.indices[:50] < 50).all()
    for row in found.indices:
        assert len(set(row)) == 10


def test_first_and_with_self_keep_the_order(latents):
    graph = find_neighbours(latents, k=8)
    indices, distances = graph.first(3).with_self()
    np.testing.assert_array_equal(indices[:, 0], np.arange(400))
    np.testing.assert_array_equal(indices[:, 1:], graph.indices[:, :3])
    assert (distances[:, 0] == 0).all()
    with pytest.raises(ValueError, match=r"k must lie in 1\.\.8, got 9"):
        graph.first(9)


def test_graph_read_equals_graph_written(latents, tmp_path):
    graph = find_neighbours(latents, k=5)
    graph.save(tmp_path / "neighbours.npz")
    again = Neighbours.load(tmp_path / "neighbours.npz")
    np.testing.assert_array_equal(again.indices, graph.indices)
    np.testing.assert_array_equal(again.distances, graph.distances)
    assert (again.indices.dtype, again.distances.dtype) == (np.int32, np.float32)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 half"])
def test_damaged_graph_is_an_error(tmp_path, content):
    (tmp_path / "neighbours.npz").write_bytes(content)
    with pytest.raises(ValueError, match="not a readable neighbour graph"):
        Neighbours.load(tmp_path / "neighbours.npz")


def test_wrong_input_is_an_error(latents):
    with pytest.raises(ValueError, match=r"k must lie in 1\.\.n_galaxy - 1 = 399"):
        find_neighbours(latents, k=400)
    latents[7, 1] = np.nan
    with pytest.raises(ValueError, match=r"rows \[7\] are not"):
        find_neighbours(latents, k=3)
    with pytest.raises(ValueError, match="one shape"):
        Neighbours(np.zeros((3, 2), np.int32), np.zeros((3, 3), np.float32))
