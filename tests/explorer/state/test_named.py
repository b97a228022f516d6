"""Named selections: set operations, what follows from them, undo and redo."""

from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest

from explorer.state.address import NAMES, from_query, restore, to_query
from explorer.state.dataset import SELECTION
from explorer.state.history import History
from explorer.state.named import membership, next_name
from explorer.state.state import ExplorerState
from tests.fixtures.explorer import new_state

NEAR = {"column": "z", "low": 0.0, "high": 0.15}
BRIGHT = {"condition": "snr > median(snr)"}


@pytest.fixture
def state(tiny_atlas_path: Path) -> ExplorerState:
    """A session with selections A (near) and B (bright)."""
    state = new_state(tiny_atlas_path)
    state.name_selections({"A": {"region": NEAR}, "B": {"region": BRIGHT}})
    return state


def masks(state: ExplorerState) -> tuple[np.ndarray, np.ndarray]:
    catalog = state.dataset.catalog
    near = (state.dataset.numeric("z") <= np.float32(0.15)) & (catalog["z"] >= 0).to_numpy()
    return near, (catalog["snr"] > catalog["snr"].median()).to_numpy()


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("A or B", np.logical_or), ("A and B", np.logical_and), ("not (A or B)", np.logical_or),
        ("A and not B", lambda a, b: a & ~b), ("(A or B) and not (A and B)", np.logical_xor),
    ],
)  # fmt: skip
def test_set_operations_are_conditions(
    state: ExplorerState, text: str, operation: np.ufunc
) -> None:
    near, bright = masks(state)
    expected = operation(near, bright)
    expected = ~expected if text.startswith("not") else expected
    assert 0 < expected.sum() < 120
    state.region = {"condition": text}
    np.testing.assert_array_equal(state.subset, expected)
    state.region = {"condition": text, "outside": True}
    np.testing.assert_array_equal(state.subset, ~expected)
    state.param.update(region=None, filters={text: True})
    np.testing.assert_array_equal(state.shown, expected)


def test_a_polygon_on_two_columns_selects(state: ExplorerState) -> None:
    box = {"plane": ["z", "snr"], "x": [0, 0.15, 0.15, 0], "y": [0, 0, 1e9, 1e9]}
    state.region = box
    np.testing.assert_array_equal(state.subset, masks(state)[0])
    with pytest.raises(ValueError, match="no column of numbers"):
        state.region = {**box, "plane": ["z", "class"]}


def test_membership_is_a_column_of_text(state: ExplorerState) -> None:
    near, bright = masks(state)
    assert SELECTION in state.param["colour"].objects
    expected = np.select([near & bright, near, bright], ["A B", "A", "B"], default="")
    np.testing.assert_array_equal(state.dataset.catalog[SELECTION].fillna(""), expected)
    state.colour = SELECTION
    state.name_selections({})
    assert state.colour == "z"
    assert SELECTION not in state.dataset.catalog
    assert membership({}, 3).tolist() == [None] * 3


def test_selections_follow_columns_and_go_with_them(state: ExplorerState) -> None:
    state.calculate_columns({"twice": "2 * z"})
    state.name_selections({**state.selections, "C": {"filters": {"twice > 0.3": True}}})
    before = state.dataset.conditions["C"]
    state.filters = {"C": True}
    state.calculate_columns({"twice": "-2 * z"})
    assert before.any()
    assert not state.dataset.conditions["C"].any()
    assert state.shown is not None
    assert not state.shown.any()
    state.calculate_columns({})
    assert list(state.selections) == ["A", "B"]
    assert state.filters == {}


@pytest.mark.parametrize(
    ("selections", "match"),
    [
        ({"z": {}}, "something else|column"), ({"label_note": {}}, "something else"),
        ({"A": {"filters": {"B": True}}}, "no column 'B'"),
        ({"and": {}}, "something else"), ({"A": {"region": {"plane": "umap"}}}, "x"),
        ({f"A{number}": {} for number in range(13)}, "at most 12"),
    ],
)  # fmt: skip
def test_bad_selections_change_nothing(state: ExplorerState, selections: dict, match: str) -> None:
    before = state.selections
    with pytest.raises((ValueError, KeyError), match=match):
        state.name_selections(selections)
    assert state.selections == before
    assert list(state.dataset.conditions) == ["A", "B"]


def test_a_selection_that_others_need_stays(state: ExplorerState) -> None:
    state.name_selections({**state.selections, "C": {"filters": {"A or B": True}}})
    with pytest.raises(ValueError, match="no column 'B'"):
        state.name_selections({"A": state.selections["A"], "C": state.selections["C"]})
    assert next_name(state.dataset) == "D"


def test_address_keeps_selections(state: ExplorerState, tiny_atlas_path: Path) -> None:
    other = new_state(tiny_atlas_path)
    defaults = {name: getattr(other, name) for name in NAMES.values()}
    state.param.update(region={"condition": "A or B"}, colour=SELECTION)
    query = dict(parse_qsl(to_query(state, defaults=defaults)[1:]))
    assert from_query(other, query) == []
    np.testing.assert_array_equal(other.subset, state.subset)
    assert other.colour == SELECTION
    assert restore(other, {}, defaults=defaults) == []
    assert (other.selections, other.region, other.colour) == ({}, None, "z")
    bad = {"sets": '{"A": {"region": {"condition": "open(1)"}}}', "frame": "rest"}
    assert len(from_query(other, bad)) == 1
    assert other.frame == "rest"


def test_steps_are_undone_and_done_again(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    state.filters = {"z": (0.0, 0.2)}
    history = History(state)
    seen = [(state.columns, state.selections, state.filters, state.region)]

    def step() -> None:
        seen.append((state.columns, state.selections, state.filters, state.region))

    state.calculate_columns({"twice": "2 * z"})
    step()
    state.filters = {"twice < 0.3": True}
    step()
    state.region = NEAR
    step()
    state.name_selections({"A": state.selection()}, new=state.subset)
    step()
    state.param.update(filters={"A": True}, region=None)
    step()
    kept = state.shown
    assert (history.n_undo, history.n_redo) == (5, 0)
    for before in reversed(seen[:-1]):
        history.undo()
        assert (state.columns, state.selections, state.filters, state.region) == before
    history.undo()
    for after in seen[1:]:
        history.redo()
        assert (state.columns, state.selections, state.filters, state.region) == after
    np.testing.assert_array_equal(state.shown, kept)
    history.undo()
    state.filters = {}
    assert history.n_redo == 0
