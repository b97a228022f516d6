"""Buttons of what is selected."""

from pathlib import Path

import numpy as np

from explorer.controls.selections import SelectionsView
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


def test_a_name_that_is_none_changes_nothing(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view = SelectionsView(state, History(state))
    for name in ("", "two words", "z", "and"):
        assert not view.keep_as(name)
    assert state.selections == {}
