from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.atlas.active import expected_improvement, relearn, starting_set

DEMO = Path(__file__).parents[3] / "data" / "demo"


@pytest.fixture
def sample(rng):
    """A crowd, a nearby clump of dull outliers and a far clump of interesting ones."""
    crowd = rng.normal(size=(400, 4))
    dull = rng.normal(scale=0.3, size=(40, 4)) + [7, 0, 0, 0]
    interesting = rng.normal(scale=0.3, size=(40, 4)) + [0, 6, 0, 0]
    latents = np.concatenate([crowd, dull, interesting]).astype(np.float32)
    raw = np.linalg.norm(latents, axis=1)
    return latents, raw, np.arange(400, 440), np.arange(440, 480)


def test_without_labels_the_order_is_that_of_the_raw_score(sample):
    latents, raw, _dull, _interesting = sample
    none = np.empty(0, dtype=int)
    learned = relearn(latents, raw, rows=none, grades=none.astype(float), seed=1)
    np.testing.assert_array_equal(np.argsort(learned), np.argsort(raw))
    assert 0 <= learned.min() < learned.max() == 5


def test_a_few_labels_bring_their_like_to_the_top(sample):
    latents, raw, dull, interesting = sample
    rows = np.concatenate([dull[:4], interesting[:4]])
    grades = np.array([0, 0, 0, 0, 5, 5, 5, 5.0])
    learned = relearn(latents, raw, rows=rows, grades=grades, seed=1)
    before, after = (np.argsort(-score)[:40] for score in (raw, learned))
    assert np.isin(before, dull).sum() > 30
    assert np.isin(after, interesting).sum() > 30
    assert np.isin(after, dull).sum() <= 5


def test_far_from_labels_the_raw_score_stays(sample):
    latents, raw, dull, interesting = sample
    learned = relearn(latents, raw, rows=dull[:5], grades=np.zeros(5), seed=1)
    alone = relearn(latents, raw, rows=dull[:0], grades=np.zeros(0), seed=1)
    np.testing.assert_allclose(learned[interesting], alone[interesting], rtol=0.05)
    assert (learned[dull] < 0.5 * alone[dull]).mean() > 0.9


def test_multiplier_is_the_published_one_at_a_labelled_object(sample):
    latents, raw, dull, _interesting = sample
    for grade, factor in ((0.0, 0.117), (5.0, 0.95)):
        rows = dull[:6]
        learned = relearn(latents, raw, rows=rows, grades=np.full(6, grade), seed=1)
        alone = relearn(latents, raw, rows=rows[:0], grades=np.zeros(0), seed=1)
        np.testing.assert_allclose(learned[rows] / alone[rows], factor, atol=5e-4)


def test_result_depends_on_its_inputs_only(sample):
    latents, raw, dull, _interesting = sample
    options = {"rows": dull[:5], "grades": np.array([1, 2, 3, 4, 5.0]), "seed": 3}
    first = relearn(latents, raw, **options)
    np.testing.assert_array_equal(first, relearn(latents, raw, **options))
    np.testing.assert_allclose(first, relearn(7 * latents, 9 * raw + 1, **options), rtol=1e-4)


@pytest.mark.parametrize(("wanted", "by_rank"), [("galaxy blend", True), ("arm step", False)])
def test_fifty_labels_treble_one_kind_and_lose_no_other(wanted, by_rank):
    """Ten at a time, the first of the list are graded 5 if they are of the kind, else 0."""
    catalog = pd.read_parquet(DEMO / "catalog.parquet")
    latents = catalog[[name for name in catalog if name.startswith("latent_")]].to_numpy("f4")
    raw, kinds = catalog["strangeness"].to_numpy(float), catalog["outlier_kind"].to_numpy(str)
    score, rows = raw, np.empty(0, dtype=int)
    for _ in range(5):
        order = np.argsort(-score, kind="stable")
        rows = np.concatenate([rows, order[~np.isin(order, rows)][:10]])
        grades = np.where(kinds[rows] == wanted, 5.0, 0.0)
        score = relearn(latents, raw, rows=rows, grades=grades, seed=0, by_rank=by_rank)
    before, after = (kinds[np.argsort(-one, kind="stable")] for one in (raw, score))
    assert (after[:50] == wanted).sum() >= 3 * (before[:50] == wanted).sum() > 0
    assert set(before[:500]) <= set(after[:500])


def test_all_labelled_at_one_place_gives_finite_scores():
    latents = np.ones((5, 2), dtype=np.float32)
    learned = relearn(latents, np.arange(5.0), rows=np.arange(5), grades=np.arange(5.0), seed=0)
    assert np.isfinite(learned).all()


def test_objects_without_a_raw_score_have_none(sample):
    latents, raw, dull, _interesting = sample
    raw = raw.copy()
    raw[3] = np.nan
    learned = relearn(latents, raw, rows=dull[:5], grades=np.zeros(5), seed=1)
    assert np.flatnonzero(np.isnan(learned)).tolist() == [3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": np.array([1, 1])}, "each labelled row must be given once"),
        ({"rows": np.array([1, 999])}, "rows must lie in 0..479"),
        ({"grades": np.array([1.0, 6.0])}, "grades must lie in 0..5"),
        ({"grades": np.array([1.0, np.nan])}, "grades must lie in 0..5"),
        ({"grades": np.array([1.0])}, "with one grade"),
    ],
)
def test_labels_that_do_not_fit_are_refused(sample, change, message):
    latents, raw, *_ = sample
    options = {"rows": np.array([1, 2]), "grades": np.array([1.0, 2.0]), "seed": 0} | change
    with pytest.raises(ValueError, match=message):
        relearn(latents, raw, **options)


def test_latents_that_are_not_finite_are_refused(sample):
    latents, raw, *_ = sample
    latents = latents.copy()
    latents[0, 0] = np.inf
    with pytest.raises(ValueError, match="latents must be finite"):
        relearn(latents, raw, rows=np.array([1]), grades=np.array([1.0]), seed=0)


def test_the_magnitude_of_a_score_may_rule(rng):
    latents = rng.normal(size=(300, 2)).astype(np.float32)
    raw = np.concatenate([[100.0], np.linspace(0, 1, 299)])
    by_size = relearn(latents, raw, rows=np.empty(0, int), grades=np.empty(0), seed=0,
                      by_rank=False)  # fmt: skip
    np.testing.assert_allclose(by_size, raw / 20, rtol=1e-5)


def test_objects_like_those_liked_are_expected_to_improve(rng):
    centres = np.array([[0.0, 0.0], [6.0, 0.0]])
    kind = np.repeat([0, 1], 200)
    latents = (centres[kind] + rng.normal(size=(400, 2))).astype(np.float32)
    rows = np.concatenate([np.arange(0, 200, 20), np.arange(200, 400, 20)])
    grades = np.where(kind[rows] == 1, 5.0, 0.0) - 0.1 * (rows % 3 == 0) * (kind[rows] == 1)
    gain = expected_improvement(latents, rows=rows, grades=grades, seed=3)
    np.testing.assert_array_equal(
        gain, expected_improvement(latents, rows=rows, grades=grades, seed=3)
    )
    assert np.median(gain[kind == 1]) > np.median(gain[kind == 0])
    with pytest.raises(ValueError, match="at least 2 grades, got 1"):
        expected_improvement(latents, rows=rows[:1], grades=grades[:1], seed=3)


def test_the_starting_set_is_spread_along_the_first_axis(rng):
    latents = np.column_stack([rng.normal(size=500) * 5, rng.normal(size=500)]).astype(np.float32)
    rows = starting_set(latents, 10)
    assert len(set(rows.tolist())) == 10
    both = latents[rows].astype(float) / latents.std(axis=0)
    assert np.ptp(both @ np.linalg.svd(both - both.mean(0))[2][0]) > 3
