"""Filters: the widgets say what passes, whoever changed it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from explorer.controls.class_filter import OTHERS, ClassFilter
from explorer.controls.expressions import ExpressionsView
from explorer.controls.filters import FiltersView, counts_text
from explorer.controls.range_filter import RangeFilter, number_format
from explorer.controls.selections import SelectionsView
from explorer.state.history import History
from explorer.state.selection import NO_VALUE
from explorer.state.state import ExplorerState
from tests.fixtures.explorer import new_state


def boxes(view: FiltersView, column: str) -> ClassFilter:
    part = view._parts[column]
    assert isinstance(part, ClassFilter)
    return part


def limits(view: FiltersView, column: str) -> RangeFilter:
    part = view._parts[column]
    assert isinstance(part, RangeFilter)
    return part


def test_what_a_button_says_is_plain_text(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    name = "<img src=x onerror=alert(1)>"
    state.calculate_columns({name: "z"})
    state.filters = {"z > 0.05 and z < 1": True}
    state.name_selections({"A": {}})
    filters, columns = FiltersView(state), ExpressionsView(state)
    selections = SelectionsView(state, History(state))
    assert [row[1].description for row in (*filters.rows, *columns.columns, *selections.rows)] == [
        "Remove the filter on z > 0.05 and z < 1", f"Remove the column {name}", "Forget selection A"
    ]  # fmt: skip


def n_shown(state: ExplorerState) -> int:
    return len(state.dataset) if state.shown is None else int(state.shown.sum())


def test_filters_follow_the_state_both_ways(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view = FiltersView(state)
    view.add.value = "class"
    assert set(state.filters["class"]) == {"GALAXY", "QSO"}
    boxes(view, "class").boxes.value = ["QSO"]
    assert n_shown(state) == int((state.dataset.catalog["class"] == "QSO").sum())
    assert f"{n_shown(state)} shown" in counts_text(state)
    state.filters = {**state.filters, "z": (0.1, 0.2)}
    assert limits(view, "z").value == (0.1, 0.2)
    passing = state.dataset.catalog["z"].between(0.1, 0.2)
    counts = state.dataset.catalog["class"][passing].value_counts()
    assert list(boxes(view, "class").boxes.options) == [
        f"GALAXY  {counts['GALAXY']}", f"QSO  {counts['QSO']}"
    ]  # fmt: skip
    assert boxes(view, "class").boxes.value == ["QSO"]
    view.clear.clicks += 1
    assert len(view.rows) == 0
    assert counts_text(state) == "120 objects"


@pytest.mark.parametrize("column", ["log_mass", "subclass"])
def test_a_new_filter_keeps_objects_without_a_value(tiny_atlas_path: Path, column: str) -> None:
    state = new_state(tiny_atlas_path)
    view = FiltersView(state)
    cells = state.dataset.catalog[column]
    has_value = (cells.notna() & (cells != "")).to_numpy()
    assert 0 < has_value.sum() < len(cells)
    view.add.value = column
    assert n_shown(state) == len(cells)
    if column == "log_mass":
        limits(view, column).missing.value = False
    else:
        chosen = boxes(view, column).boxes
        assert f"no value  {np.sum(~has_value)}" in chosen.options
        chosen.value = [name for name in chosen.value if name != NO_VALUE]
    np.testing.assert_array_equal(state.shown, has_value)


def test_rare_classes_share_a_box_and_ticking_one_keeps_the_rest(tiny_atlas_path: Path) -> None:
    words = np.array([f"kind {row % 15 if row < 60 else 0}" for row in range(120)], dtype=object)
    words[-5:] = ""
    state = new_state(tiny_atlas_path, word=words)
    view = FiltersView(state)
    view.add.value = "word"
    part = boxes(view, "word")
    assert "3 rarer classes  12" in part.boxes.options
    state.filters = {**state.filters, "z": (0.1, 0.2)}
    part.boxes.value = [name for name in part.boxes.value if name != "kind 1"]
    assert set(state.filters["word"]) == {*state.dataset.classes("word").names, ""} - {"kind 1"}
    part.boxes.value = [name for name in part.boxes.value if name != OTHERS]
    assert len(state.filters["word"]) == 12
    state.filters = {"word": ["kind 14"]}
    assert part.boxes.value == [OTHERS]


def test_nothing_that_passes_is_said(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view = FiltersView(state)
    assert not view.nothing.visible
    state.filters = {"z": (5.0, 6.0)}
    assert view.nothing.visible
    state.filters = {}
    assert not view.nothing.visible


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.005, 0.3, "0.[0000]"), (0, 1, "0.[000]"), (8.5, 12.1, "0.[000]"), (0, 5e4, "0"),
        (1e-20, 1e-17, None), (0, 1e15, None), (3.0, 3.0, None),
    ],
)  # fmt: skip
def test_numbers_are_written_to_a_thousandth_of_the_range(
    low: float, high: float, expected: str | None
) -> None:
    assert number_format(low, high) == expected


@pytest.mark.parametrize("bad", [(1,), (1, 2, 3), (0.1, 0.2, "x"), ("a", "b"), 5])
def test_what_is_no_filter_is_refused(tiny_atlas_path: Path, bad: object) -> None:
    with pytest.raises(ValueError, match="a filter must be"):
        new_state(tiny_atlas_path).filters = {"z": bad}


def test_a_column_that_is_not_offered_is_named(tiny_atlas_path: Path) -> None:
    assert not FiltersView(new_state(tiny_atlas_path)).left_out.visible
    files = [f"<b>{row}</b>.fits" for row in range(120)]
    state = new_state(tiny_atlas_path, file=files)
    assert "file" in state.dataset.class_columns  # 120 values are classes
    many = pd.concat([state.dataset.catalog] * 2, ignore_index=True)
    state.dataset.catalog = many.assign(file=[f"<b>{row}</b>.fits" for row in range(240)])
    del state.dataset.class_columns, state.dataset.kinds
    view = FiltersView(state)
    assert view.left_out.visible
    assert "file (240 values)" in view.left_out.object


@pytest.mark.parametrize("text", ["z * 0 + 1.5", "z * 1e-17", "z * 1e13"])
def test_columns_of_one_tiny_or_huge_values_have_a_filter(tiny_atlas_path: Path, text: str) -> None:
    state = new_state(tiny_atlas_path)
    state.calculate_columns({"c": text})
    view = FiltersView(state)
    view.add.value = "c"
    part = limits(view, "c")
    part._tell(part.slider.value)
    assert n_shown(state) == 120
    again = FiltersView(state)  # as when the page is loaded with the filter
    assert limits(again, "c").slider.value == part.slider.value
