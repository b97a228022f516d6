import numpy as np
import pytest
from sklearn.ensemble import IsolationForest as Reference

from model.isolation import IsolationForest, fit_forest


@pytest.fixture(scope="module")
def latents():
    rng = np.random.default_rng(4)
    tails = rng.standard_t(2.5, size=(700, 3))
    return np.concatenate([tails, tails[:5]]).astype(np.float32)  # copies share their leaves


def test_scores_are_those_of_scikit_learn(latents):
    ours = fit_forest(latents, seed=3, n_tree=40)
    reference = Reference(n_estimators=40, random_state=3).fit(latents)
    np.testing.assert_allclose(ours.score(latents), -reference.score_samples(latents), atol=2e-3)
    error = ours.score(latents) + reference.score_samples(latents)
    assert np.mean(np.abs(error) < 1e-6) > 0.98  # but where a threshold is rounded across an object


def test_saved_forest_gives_the_same_bits_alone_and_together(latents, tmp_path):
    forest = fit_forest(latents, seed=3, n_tree=20)
    forest.save(tmp_path / "isolation.npz")
    loaded = IsolationForest.load(tmp_path / "isolation.npz")
    together = forest.score(latents)
    for row in (0, 17, 699):
        assert loaded.score(latents[row : row + 1])[0] == together[row]


def test_a_damaged_file_is_refused(latents, tmp_path):
    path = tmp_path / "isolation.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a readable isolation forest"):
        IsolationForest.load(path)
    forest = fit_forest(latents, seed=3, n_tree=5)
    forest.children[0, 0] = 0  # a root that leads to itself
    forest.save(path)
    with pytest.raises(ValueError, match="is damaged"):
        IsolationForest.load(path)
