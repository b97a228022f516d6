"""Buttons of what is selected."""

from pathlib import Path

import numpy as np
import pytest

from explorer.controls.expressions import ExpressionsView
from explorer.controls.selections import SelectionsView
from explorer.state.dataset import GRADE
from explorer.state.history import History
from tests.fixtures.explorer import new_state


def test_selections_are_kept_combined_inverted_and_forgotten(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view = SelectionsView(state, History(state))
    assert view.buttons["invert"].disabled
    assert not view.join.visible
    state.region = {"column": "z", "low": 0.0, "high": 0.15}
    view.keep.clicks += 1
    assert view.name_field.value == "B"
    state.region = {"condition": "snr > 5"}
    view.keep.clicks += 1
    assert (view.first.value, view.second.value) == ("A", "B")
    near, bright = state.dataset.conditions.values()
    view.how.value = "without"
    view.combine()
    np.testing.assert_array_equal(state.subset, near & ~bright)
    view.invert()
    np.testing.assert_array_equal(state.subset, ~(near & ~bright))
    view.invert()
    np.testing.assert_array_equal(state.subset, near & ~bright)
    view.only_this()
    assert (state.filters, state.region) == ({"A and not B": True}, None)
    view.named["B"].clicks += 1
    assert state.region == {"condition": "B"}
    assert view.nothing.visible
    view.invert()
    view.only_this()
    assert list(state.filters) == ["A and not B", "C"]
    view.clear()
    assert (state.filters, state.region) == ({}, None)
    view.buttons["undo"].clicks += 1
    assert list(state.filters) == ["A and not B", "C"]
    assert not view.buttons["redo"].disabled


def test_what_goes_with_a_name_or_a_column_is_told(
    tiny_atlas_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("explorer.controls.losses.warn", told.append)
    state = new_state(tiny_atlas_path)
    view = SelectionsView(state, History(state))
    state.calculate_columns({"twice": "2 * z"})
    columns = ExpressionsView(state)
    state.region = {"column": "z", "low": 0.0, "high": 0.15}
    view.keep_as("A")
    view.keep_as("B")
    state.param.update(filters={"A and z < 0.1": True, "snr > 5": True}, region=None)
    before = state.filters
    view._remove("A", None)
    assert list(state.filters) == ["snr > 5"]
    assert told == ["Filter 'A and z < 0.1' went with A; undo brings it back."]
    view.undo()
    assert (state.filters, list(state.selections)) == (before, ["A", "B"])
    view._remove("B", None)
    assert len(told) == 1  # nothing needed it
    state.param.update(filters={}, region={"condition": "twice > 0.2"})
    view.keep_as("C")
    columns._remove("twice", None)
    assert told[1] == "Selection 'C', what was selected went with twice; undo brings it back."


def test_what_can_not_be_brought_back_is_told(
    tiny_atlas_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("explorer.controls.selections.warn", told.append)
    state = new_state(tiny_atlas_path)
    history = History(state)
    view = SelectionsView(state, history)
    state.filters = {"z": (0.0, 0.2)}
    state.add_columns({GRADE: (np.arange(120) % 6.0, "")}, replacing=[GRADE])
    state.calculate_columns({"twice": "2 * label_grade", "near": "-z"})
    state.filters = {"z": (0.0, 0.2), GRADE: (2.0, 5.0)}
    state.param.update(filters={"z": (0.0, 0.2)}, region={"column": GRADE, "low": 1, "high": 2})
    state.param.update(region=None)
    state.calculate_columns({})
    state.add_columns({}, replacing=[GRADE])  # all labels are taken back
    assert history.n_undo == 6
    seen = []
    while history.n_undo:
        view.undo()
        seen.append((list(state.columns), list(state.filters), state.region))
    near = (["near"], ["z"], None)
    assert seen == [near, near, near, near, ([], ["z"], None), ([], [], None)]
    lost = ["twice", "twice, what was selected", f"twice, {GRADE}", "twice"]
    assert [text.split(": ")[1] for text in told] == [f"{what}." for what in lost]
    assert history.n_redo == 6
    view.redo()
    assert list(state.filters) == ["z"]


def test_a_name_that_is_none_changes_nothing(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view = SelectionsView(state, History(state))
    for name in ("", "two words", "z", "and"):
        assert not view.keep_as(name)
    assert state.selections == {}
