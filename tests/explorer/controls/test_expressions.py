"""The field for expressions: filters, columns, and what is wrong beside it."""

from pathlib import Path
from typing import Any

import numpy as np
import panel as pn

from explorer.controls.expression_field import ExpressionField
from explorer.controls.expressions import ExpressionsView
from explorer.controls.filters import FiltersView
from explorer.controls.view import ControlsView
from explorer.state.history import History
from tests.fixtures.explorer import new_state


def enter(field: ExpressionField, text: str) -> None:
    field.field.value = text


def remove(view: ExpressionsView, row: int) -> None:
    button: Any = list(view.columns)[row]
    button[1].clicks += 1


def test_a_condition_filters_and_can_be_changed_in_place(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view, filters = ExpressionsView(state), FiltersView(state)
    enter(view.new, "z < 0.2")
    assert state.filters == {"z < 0.2": True}
    assert view.new.field.value == ""
    part = filters._parts["z < 0.2"]
    assert isinstance(part, ExpressionField)
    enter(part, "z < 0.1")
    assert state.filters == {"z < 0.1": True}
    np.testing.assert_array_equal(state.shown, state.dataset.catalog["z"] < 0.1)
    part = filters._parts["z < 0.1"]
    assert isinstance(part, ExpressionField)
    enter(part, "z + 1")
    assert "needs a condition" in part.error
    assert part.field.error_state
    assert state.filters == {"z < 0.1": True}


def test_numbers_become_a_column_that_colours(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view = ExpressionsView(state)
    enter(view.new, "ratio = snr / z")
    assert (state.colour, state.columns) == ("ratio", {"ratio": "snr / z"})
    enter(view.fields["ratio"], "snr * z")
    assert state.columns == {"ratio": "snr * z"}
    enter(view.new, "log10(ratio)")
    assert state.colour == "log10(ratio)"
    remove(view, 0)
    assert "ratio is needed" in view.new.error
    remove(view, 1)
    remove(view, 0)
    assert (state.colour, state.columns) == ("z", {})
    enter(view.new, "snr")
    assert (state.colour, state.columns) == ("snr", {})


def test_what_is_wrong_stands_beside_the_field_until_it_is_mended(tiny_atlas_path: Path) -> None:
    view = ExpressionsView(new_state(tiny_atlas_path))
    enter(view.new, "log_mas > 10")
    assert "nearest: log_mass" in view.new.error
    enter(view.new, "log_mass > 10")
    assert view.new.error == ""
    enter(view.new, "x = ")
    assert "write a condition" in view.new.error
    enter(view.new, "")
    assert view.new.error == ""


def test_menus_offer_a_new_column(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    rest = [pn.Spacer() for _ in range(3)]
    controls = ControlsView(state, History(state), *rest)
    state.calculate_columns({"ratio": "snr / z"})
    assert "ratio" in controls.map_widgets[2].options.values()
    assert "ratio" in controls.filters.add.options.values()
