"""Columns calculated from others: shown, filtered and kept like those of the atlas."""

from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest

from explorer.export.export import as_table
from explorer.map.image import MapRequest, draw_map
from explorer.map.raster import Viewport
from explorer.state.address import NAMES, from_query, restore, to_query
from explorer.state.calculated import calculate
from explorer.state.state import ExplorerState
from explorer.table import table_frame
from tests.fixtures.explorer import new_state, open_tiny


def test_a_calculated_column_is_as_any_other(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path)
    state, other = ExplorerState(dataset), ExplorerState(dataset)
    state.calculate_columns({"ratio": "snr / z", "half": "ratio / 2"})
    expected = (dataset.catalog["snr"] / dataset.catalog["z"]).to_numpy()
    np.testing.assert_allclose(state.dataset.numeric("half"), expected / 2, rtol=1e-6)
    state.colour = "ratio"
    state.filters = {"ratio": (float(np.median(expected)), 1e9)}
    assert state.shown is not None
    assert 59 <= state.shown.sum() <= 61
    assert "ratio" in table_frame(state.dataset, state.rows(), ["ratio"])
    table = as_table(state.dataset, state.rows())
    assert table["half"].description == "ratio / 2"
    assert "ratio" not in other.param["colour"].objects
    assert "ratio" not in other.dataset.catalog


def test_a_column_that_is_gone_is_asked_for_no_more(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    state.calculate_columns({"ratio": "snr / z"})
    state.param.update(colour="ratio", filters={"ratio > 1": True, "z < 0.2": True})
    state.calculate_columns({})
    assert state.colour == "z"
    assert state.filters == {"z < 0.2": True}


def test_filters_follow_a_column_that_is_defined_anew(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    state.calculate_columns({"x": "z"})
    state.param.update(filters={"x > 0.15": True}, colour="x")
    viewport = Viewport(x0=-50, x1=50, y0=-50, y1=50, width=40, height=40)

    def scale() -> np.ndarray:
        request = MapRequest(
            plane=state.plane, colour="x", colour_scale="linear", clip=(0.0, 100.0),
            palette="viridis", shown=None, subset=None, dark=False,
        )  # fmt: skip
        drawn = draw_map(state.dataset, request, viewport).scale
        assert drawn is not None
        return drawn.knots

    before = scale()
    state.calculate_columns({"x": "-z"})
    np.testing.assert_allclose(scale(), -before[::-1], rtol=1e-6)
    assert state.shown is not None
    assert not state.shown.any()


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"z": "snr"}, "column of the atlas"), ({"min": "snr"}, "something else"),
        ({"density": "snr"}, "something else"), ({"selection": "snr"}, "something else"),
        ({"label_grade": "snr"}, "something else"), ({"a": "b", "b": "z"}, "no column 'b'"),
        ({"a": "log10(-snr)"}, "no value for any object"), ({"a": "class"}, "is text"),
    ],
)  # fmt: skip
def test_a_bad_column_changes_nothing(tiny_atlas_path: Path, columns: dict, match: str) -> None:
    state = new_state(tiny_atlas_path)
    state.calculate_columns({"ratio": "snr / z"})
    with pytest.raises(ValueError, match=match):
        state.calculate_columns(columns)
    assert state.columns == {"ratio": "snr / z"}
    assert "ratio" in state.dataset.numeric_columns


@pytest.mark.parametrize("name", ["labels", "label news", "placer", "records", "numeric"])
def test_a_column_may_have_any_name_and_what_is_shared_stays(
    tiny_atlas_path: Path, name: str
) -> None:
    dataset = open_tiny(tiny_atlas_path)
    shared = dataset.keep((name,), object)
    state = ExplorerState(dataset)
    before = state.dataset.numeric("z")
    state.calculate_columns({name: "-z"})
    assert state.dataset.keep((name,), object) is shared
    np.testing.assert_array_equal(state.dataset.numeric(name), -before)
    state.calculate_columns({name: "2 * z"})
    np.testing.assert_array_equal(state.dataset.numeric(name), 2 * before)
    assert dataset.numeric("z") is before


def test_conditions_filter_in_double_precision_and_leave_out_missing(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    catalog = state.dataset.catalog
    edge = float(catalog["z"].iloc[3])
    state.filters = {f"z <= {edge!r} and not log_mass > 10": True}
    expected = (catalog["z"] <= edge) & (catalog["log_mass"] <= 10)
    np.testing.assert_array_equal(state.shown, expected)
    with pytest.raises(ValueError, match="a filter needs a condition"):
        state.filters = {"z + 1": True}


def test_text_of_any_length_and_long_identifiers_can_be_compared(tiny_atlas_path: Path) -> None:
    targets = 39627640566453451 + np.arange(120)
    dataset = open_tiny(tiny_atlas_path, target=targets, file=[f"f{row}" for row in range(120)])
    assert calculate(dataset, f"target == '{targets[7]}'").passes.nonzero()[0].tolist() == [7]
    assert calculate(dataset, "file in ('f3', 'f5')").passes.nonzero()[0].tolist() == [3, 5]
    assert calculate(dataset, f"object_id == '{dataset.ids[9]}'").passes.nonzero()[0].tolist() == [
        9
    ]


def test_address_keeps_expressions(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    defaults = {name: getattr(state, name) for name in NAMES.values()}
    state.calculate_columns({"ratio": "snr / z"})
    state.param.update(colour="ratio", filters={"ratio > 50 and class == 'GALAXY'": True})
    query = dict(parse_qsl(to_query(state, defaults=defaults)[1:]))
    other = new_state(tiny_atlas_path)
    assert from_query(other, query) == []
    assert (other.colour, other.columns) == ("ratio", state.columns)
    np.testing.assert_array_equal(other.shown, state.shown)
    assert restore(other, {}, defaults=defaults) == []
    assert (other.colour, other.columns, other.filters) == ("z", {}, {})
    assert restore(other, query, defaults=defaults) == []
    assert (other.colour, other.columns, other.filters) == ("ratio", state.columns, state.filters)


@pytest.mark.parametrize(
    "query",
    [
        {"columns": '{"a": "open(1)"}'}, {"columns": '{"a": 1}'}, {"columns": "[]"},
        {"columns": '{"z": "snr"}'}, {"filters": '{"z": true}'},
        {"filters": '{"z.real > 0": true}'},
    ],
)  # fmt: skip
def test_bad_expressions_of_an_address_are_told(tiny_atlas_path: Path, query: dict) -> None:
    state = new_state(tiny_atlas_path)
    assert len(from_query(state, query)) == 1
    assert (state.columns, state.filters, state.shown) == ({}, {}, None)
