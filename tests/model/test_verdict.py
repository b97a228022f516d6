"""A plain judgement of a model by its figures."""

import math

import pytest

from model.training.run import length
from model.training.settings import ScheduleSettings
from model.verdict import training_verdict, verdict


@pytest.mark.parametrize(
    ("chi2", "trusted", "words"),
    [
        (1.02, True, "reach the noise"),
        (1.6, True, "near the noise"),
        (3.0, True, "rough"),
        (24.0, False, "does not draw"),
        (math.nan, False, "No spectrum"),
    ],
)
def test_reconstructions_are_judged(chi2, trusted, words):
    judged = verdict(chi2)
    assert judged.trusted is trusted
    assert words in judged.text


def test_a_training_is_judged_by_spectra_it_did_not_learn_from():
    metrics = {"chi2_red_train": 1.1, "chi2_red_valid": 3.0, "chi2_red_test": 9.0}
    judged = training_verdict({"metrics": metrics, "training": {}})
    assert judged is not None
    assert not judged.trusted
    assert "9," in judged.text
    assert "1.1" in judged.text
    assert "more of them" in judged.text


def test_a_training_of_few_steps_is_told():
    training = {"steps": 16, "started_from": {}}
    judged = training_verdict({"metrics": {"chi2_red_valid": 23.0}, "training": training})
    assert judged is not None
    assert "only 16 steps" in judged.text


def test_few_steps_are_enough_for_a_model_that_started_from_another():
    training = {"steps": 16, "started_from": {"config": "full"}}
    judged = training_verdict({"metrics": {"chi2_red_valid": 23.0}, "training": training})
    assert judged is not None
    assert "steps" not in judged.text


def test_a_model_that_was_not_measured_has_no_verdict():
    assert training_verdict({"metrics": {}, "training": {}}) is None


@pytest.mark.parametrize(("spent", "left"), [(30.0, 270.0), (400.0, 150.0)])
def test_a_slow_start_leaves_time_for_the_training(spent, left):
    assert length(ScheduleSettings(minutes=5), 100, spent) == (None, left)
