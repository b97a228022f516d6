"""Identifiers keep every digit wherever the page shows or exports them."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table

from explorer.controls.search import find
from explorer.export.export import export_table
from explorer.map.markers import hover_text
from explorer.spectrum.facts import facts
from explorer.state.address import NAMES, from_query, to_query
from explorer.state.state import ExplorerState
from explorer.table import table_frame
from tests.fixtures.explorer import catalog_of, open_tiny

FIRST = 39627745524713206
"""A floating-point number would make it 39627745524713208."""


@pytest.fixture
def state(tiny_atlas_path: Path) -> ExplorerState:
    n = len(catalog_of(tiny_atlas_path))
    numbers = np.arange(FIRST, FIRST + n)
    ids = pd.array(numbers, dtype="Int64")
    ids[3] = pd.NA
    return ExplorerState(
        open_tiny(
            tiny_atlas_path, object_id=numbers.astype(str), catalogid=ids,
            night=np.arange(20210325, 20210325 + n), tileid=np.arange(n),
        )
    )  # fmt: skip


def test_hover_facts_and_table_show_every_digit(state):
    assert str(FIRST + 1) in hover_text(state, 1)
    assert ("catalogid", "catalogid", str(FIRST + 1)) in facts(state.dataset, 1)
    table = table_frame(state.dataset, np.arange(5), ["night"])
    assert table["object_id"][1] == str(FIRST + 1)
    assert table["catalogid"].tolist() == [str(FIRST + k) if k != 3 else "" for k in range(5)]
    assert table["night"].tolist() == [20210325 + k for k in range(5)]


def test_identifiers_are_no_quantities_to_colour_by(state):
    assert "catalogid" not in state.dataset.numeric_columns
    assert {"night", "tileid"} <= set(state.dataset.numeric_columns)
    state.filters = {"night": (20210326, 20210327)}
    assert state.rows().tolist() == [1, 2]


def test_address_and_search_find_the_very_object(state):
    defaults = {name: getattr(state, name) for name in NAMES.values()}
    state.selected = 1
    query = to_query(state, defaults=defaults)
    assert f"id={FIRST + 1}" in query
    state.selected = None
    assert from_query(state, {"id": str(FIRST + 1)}) == []
    assert state.selected == 1
    assert find(state.dataset, str(FIRST + 2)).rows == [2]
    other = state.dataset.catalog.assign(catalogid=state.dataset.catalog["catalogid"] + 10**6)
    state.dataset.catalog = other
    assert find(state.dataset, str(FIRST + 10**6 + 2)).rows == [2]


@pytest.mark.parametrize(
    ("kind", "layout"), [("fits", "fits"), ("votable", "votable"), ("ecsv", "ascii.ecsv")]
)
def test_exports_hold_every_digit(state, kind, layout):
    exported = export_table(state.dataset, np.arange(5), kind)
    table = Table.read(io.BytesIO(exported.content), format=layout)
    assert [int(value) for value in table["catalogid"][:3]] == [FIRST, FIRST + 1, FIRST + 2]
    assert bool(table["catalogid"].mask[3])
    assert [str(value) for value in table["object_id"][:2]] == [str(FIRST), str(FIRST + 1)]


def test_csv_holds_every_digit(state):
    exported = export_table(state.dataset, np.arange(5), "csv")
    table = pd.read_csv(io.BytesIO(exported.content), dtype_backend="numpy_nullable")
    assert table["catalogid"].tolist()[:3] == [FIRST, FIRST + 1, FIRST + 2]
