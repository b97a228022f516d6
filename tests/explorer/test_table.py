"""The table: names are text, whole ids are seen, small numbers are told."""

from pathlib import Path

import numpy as np
import pytest
from bokeh.models import ScientificFormatter

from explorer.table import CHARACTER, TableView, table_frame
from tests.fixtures.explorer import new_state

# Bokeh 3.9.2 makes tables with a keyword that pandas 3.1 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:pandas.errors.Pandas4Warning")
HOSTILE = "<b>bold</b>"


def test_a_hostile_name_of_a_column_is_text(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path, **{f"{HOSTILE} own": np.arange(120.0)})
    state.calculate_columns({HOSTILE: "z * 2"})
    state.param.update(tab="Table", colour=HOSTILE)
    view = TableView(state)
    view.__panel__()
    view.more.value = [f"{HOSTILE} own"]
    assert view.table is not None
    titles = [column.title for column in view.table.get_root().columns]
    assert sum("&lt;b&gt;bold" in title for title in titles) == 2
    assert not [text for text in (*titles, view.words.object) if "<b>" in text]


def test_the_column_of_ids_fits_the_longest_of_all_pages(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    state.tab = "Table"
    view = TableView(state)
    view.__panel__()
    assert view.table is not None
    longest = max(map(len, map(str, state.dataset.ids[state.rows()])))
    width = view.table.get_root().columns[0].width
    assert width > CHARACTER * longest
    state.filters = {"z": (50, 60)}  # no object
    assert len(view.table.value) == 0


def test_small_numbers_are_told(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path, z_err=np.full(120, 9e-6))
    state.tab = "Table"
    frame = table_frame(state.dataset, state.rows(), ["z_err"])
    np.testing.assert_allclose(frame["z_err"], 9e-6)
    view = TableView(state)
    view.__panel__()
    view.more.value = ["z_err"]
    assert view.table is not None
    columns = {column.field: column for column in view.table.get_root().columns}
    assert isinstance(columns["z_err"].formatter, ScientificFormatter)


def test_the_table_turns_to_the_selected_object(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    state.param.update(tab="Table", selected=70)
    view = TableView(state)
    view.__panel__()
    table = view.table
    assert table is not None
    assert (table.page, table.selection) == (3, [70])  # 25 rows a page
    state.selected = 4
    assert (table.page, table.selection) == (1, [4])
    table.sorters = [{"field": "z", "dir": "desc"}]
    rank = int((state.dataset.numeric("z") > state.dataset.numeric("z")[90]).sum())
    state.selected = 90
    assert (table.page, table.selection) == (rank // 25 + 1, [90])
    state.filters = {"z": (50, 60)}  # no object
    assert table.selection == []
    state.selected = None
    assert table.selection == []
