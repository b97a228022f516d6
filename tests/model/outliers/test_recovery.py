import numpy as np
import pytest
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score

from model.outliers.recovery import ALL, FIRST, TOPS, measure_recovery, ranked_rows, wilson


@pytest.mark.parametrize(("k", "n"), [(0, 7), (3, 7), (7, 7), (40, 100), (1, 2000)])
def test_interval_is_that_of_scipy(k, n):
    expected = binomtest(k, n).proportion_ci(method="wilson")
    share = wilson(k, n)
    assert (share.low, share.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_interval_of_nothing_is_nan():
    assert wilson(0, 0).to_list() == [None, None, None]


def test_auroc_is_that_of_scikit_learn_with_ties_and_other_kinds_left_out(rng):
    score = rng.integers(0, 30, 900).astype(float)
    kinds = np.array(["", "star", "blend"])[rng.integers(0, 3, 900)]
    score[kinds == "star"] += 4
    found = measure_recovery(score, kinds, ordinary="")
    for name in ("star", "blend"):
        use = (kinds == name) | (kinds == "")
        expected = roc_auc_score(kinds[use] == name, score[use])
        assert found[name].auroc.value == pytest.approx(expected)
    assert found[ALL].auroc.value == pytest.approx(roc_auc_score(kinds != "", score))


@pytest.mark.parametrize(("n_wanted", "n_ordinary"), [(20, 2000), (200, 20), (500, 50)])
@pytest.mark.parametrize("width", [0.3, 1.0])
def test_interval_of_auroc_holds_the_truth_whichever_sort_is_rare(n_wanted, n_ordinary, width):
    rng, n_trial = np.random.default_rng(0), 200
    truth = norm.cdf(1 / np.hypot(1, width))
    kinds = np.repeat(["star", ""], [n_wanted, n_ordinary])
    held = 0
    for _ in range(n_trial):
        score = rng.normal(np.where(kinds == "star", 1, 0), np.where(kinds == "star", width, 1))
        area = measure_recovery(score, kinds, ordinary="")["star"].auroc
        held += area.low <= truth <= area.high
    assert held / n_trial > 0.95 - 3 * np.sqrt(0.95 * 0.05 / n_trial)


def test_recall_precision_and_enrichment_are_counts_of_the_list():
    n = 4000
    score = -np.arange(n, dtype=float)
    kinds = np.full(n, "", dtype=object)
    kinds[[0, 3, 39, 40, 199, 200, 3999]] = "star"
    kinds[[1, 2]] = "blend"
    found = measure_recovery(score, kinds, ordinary="")
    star = found["star"]
    assert star.n == 7
    assert [round(star.recall[top].value * 7) for top in TOPS] == [2, 3, 5]
    assert star.enrichment[0.01].value == pytest.approx(3 / 7 / 0.01)
    assert star.precision.value == pytest.approx(4 / FIRST)
    assert found[ALL].precision.value == pytest.approx(6 / FIRST)
    assert found[ALL].to_dict()["recall_0.1%"][0] == pytest.approx(4 / 9)


def test_objects_without_a_score_rank_last():
    assert ranked_rows(np.array([1.0, np.nan, 3.0, 3.0])).tolist() == [2, 3, 0, 1]
    kinds = np.array(["star", "", ""])
    found = measure_recovery(np.array([np.nan, 0.0, 1.0]), kinds, ordinary="")
    assert found["star"].auroc.value == 0


def test_a_column_with_one_kind_alone_is_an_error():
    with pytest.raises(ValueError, match=r"some objects must be '' and some not, got 3 of 3"):
        measure_recovery(np.zeros(3), ["", "", ""], ordinary="")
    with pytest.raises(ValueError, match="3 scores need as many kinds, got 2"):
        measure_recovery(np.zeros(3), ["", "star"], ordinary="")
