"""Guests on the page: they arrive in pieces, are inspected like any object, and leave."""

from pathlib import Path

import numpy as np
import pytest

from explorer.guests.drop_area import DropArea
from explorer.guests.placing import MOST_BYTES, Upload
from explorer.guests.view import LONGEST, GuestsView
from explorer.map.markers import MapMarkers, guest_at
from explorer.map.marks import MapMarks
from explorer.spectrum.axis import WavelengthAxis
from explorer.spectrum.facts import FactsView
from explorer.spectrum.reasons import ReasonsView
from explorer.spectrum.view import SpectrumView
from explorer.state.dataset import Dataset
from explorer.state.state import ExplorerState
from explorer.theme.theme import new_figure
from tests.browser.chromium import HOSTILE
from tests.fixtures.brought import as_file, table_of
from tests.fixtures.explorer import open_tiny

ROW = 17


@pytest.fixture(scope="module")
def dataset(tiny_atlas_path: Path) -> Dataset:
    return open_tiny(tiny_atlas_path)


@pytest.fixture
def state(dataset: Dataset) -> ExplorerState:
    return ExplorerState(dataset)


def bring(state: ExplorerState, name: str = "mine.ecsv") -> GuestsView:
    view = GuestsView(state)
    view.bring([Upload(name, as_file(table_of(state.dataset.atlas, ROW), "ascii.ecsv"))])
    return view


def test_a_guest_is_inspected_like_any_object(state: ExplorerState) -> None:
    axis = WavelengthAxis(state)
    spectrum, reasons, facts = SpectrumView(state, axis), ReasonsView(state), FactsView(state)
    view = bring(state, f"{HOSTILE}.ecsv")
    (guest,) = state.guests
    assert state.guest is guest
    assert view.list.chosen == 0
    flux = np.asarray(spectrum.pixels.data["flux"], dtype=float)
    good = guest.spectra.ivar[0] > 0
    np.testing.assert_allclose(flux[good], guest.spectra.flux[0][good], rtol=1e-6)
    assert "Why strange?" in reasons.html
    html = facts.shown(None, guest)
    assert "<img" not in html
    assert "What the neighbours tell" in html
    assert str(state.dataset.ids[ROW]) in html
    state.overplot_neighbours = True
    assert len(spectrum.panels.neighbours.data["xs"]) == state.n_neighbours
    state.selected = 3
    assert state.guest is None
    assert spectrum.inspection is not None
    assert spectrum.inspection.row == 3


def test_a_guest_is_marked_among_its_neighbours_and_found_by_a_click(state: ExplorerState) -> None:
    marks = MapMarks(new_figure())
    markers = MapMarkers(state, marks)
    bring(state)
    markers.mark_selected()
    place = state.guests[0].position(state.plane)
    for name in ("guests", "selected"):
        data = marks.sources[name].data
        np.testing.assert_allclose([data["x"][0], data["y"][0]], place)
    assert len(marks.sources["neighbours"].data["x"]) == state.n_neighbours
    assert guest_at(state, *place, scale_x=10, scale_y=10) is state.guests[0]
    assert guest_at(state, place[0] + 2, place[1], scale_x=10, scale_y=10) is None


def test_removed_guests_are_gone(state: ExplorerState) -> None:
    view = bring(state)
    view._remove(0)
    assert (state.guests, state.guest, view.list.items) == ([], None, [])
    view.z.value = "0.1"  # nothing is left to place again
    assert state.guests == []


def test_a_redshift_typed_places_the_files_again(state: ExplorerState) -> None:
    view = bring(state)
    view.z.value = "0.1 0.2"
    assert [guest.z for guest in state.guests] == [0.1, 0.2]
    view.z.value = "far"
    assert "redshifts are numbers" in str(view.said.object)
    assert len(state.guests) == 2


def test_files_arrive_in_pieces_and_nothing_of_the_browser_is_believed() -> None:
    arrived: list[Upload] = []
    area = DropArea(arrived.extend)
    area.hear({"kind": "start", "names": ["a", "b"], "size": 6})
    for number, piece in ((0, b"12"), (1, b"xy"), (0, b"34")):
        area.hear({"kind": "piece", "number": number, "bytes": piece})
    area.hear({"kind": "end"})
    assert arrived == [Upload("a", b"1234"), Upload("b", b"xy")]
    area.hear({"kind": "end"})
    assert len(arrived) == 2
    with pytest.raises(ValueError, match="at most 20 files"):
        area.hear({"kind": "start", "names": ["a"] * 21, "size": 6})
    with pytest.raises(ValueError, match="up to 100 MB"):
        area.hear({"kind": "start", "names": ["a"], "size": MOST_BYTES + 1})
    area.hear({"kind": "start", "names": ["a"], "size": 1})
    with pytest.raises(ValueError, match="did not arrive"):
        area.hear({"kind": "piece", "number": 7, "bytes": b"1"})
    area.hear({"kind": "start", "names": ["a"], "size": 1})
    area.hear({"kind": "piece", "number": 0, "bytes": bytes(MOST_BYTES)})
    with pytest.raises(ValueError, match="more than 100 MB"):
        area.hear({"kind": "piece", "number": 0, "bytes": b"1"})


def test_wavelengths_without_a_unit_are_read_in_the_one_chosen(state: ExplorerState) -> None:
    table = table_of(state.dataset.atlas, ROW)
    name = next(name for name in table.colnames if "wave" in name.lower())
    table[name] = np.asarray(table[name]) / 10
    view = GuestsView(state)
    view.bring([Upload("mine.ecsv", as_file(table, "ascii.ecsv"))])
    assert "choose its unit" in view.said.object
    assert "--" not in view.said.object
    view.unit.value = "nm"
    (guest,) = state.guests
    assert guest.placed.neighbours[0] == ROW
    assert view.said.object == ""


def test_long_reasons_end_between_words(state: ExplorerState) -> None:
    view = GuestsView(state)
    view._say(["file.csv: " + "unreadable " * 40])
    shown = view.said.object.split(">")[1].split("<")[0]
    assert shown.endswith("unreadable …")
    assert len(shown) <= LONGEST
