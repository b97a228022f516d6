"""The latents: sliders that decode, axes they move along, traversals."""

from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest

from explorer.latents.basis import RAW, ROTATED, basis
from explorer.latents.view import TRAVERSAL, LatentsView
from explorer.state.address import NAMES, from_query, to_query
from model.tracks.trends import trends
from tests.fixtures.explorer import new_state, open_tiny

pytestmark = pytest.mark.filterwarnings(
    # Bokeh 3.9.2 makes tables with a keyword that pandas 3.1 deprecates.
    "ignore:The inplace keyword:pandas.errors.Pandas4Warning"
)


def opened(path: Path, *, selected: int | None = None) -> LatentsView:
    state = new_state(path)
    view = LatentsView(state)
    state.param.update(tab="Latents", selected=selected)
    return view


def test_decoded_spectra_are_shown_where_objects_were_observed(tiny_atlas_path: Path) -> None:
    z = np.r_[0.02, np.linspace(0.1, 0.4, 118), 0.49]
    dataset = open_tiny(tiny_atlas_path, z=z)
    observed, rest = dataset.atlas.source.grid.wave, dataset.atlas.model.wave_rest
    inside = [
        np.mean((observed[0] <= wave * (1 + z)) & (wave * (1 + z) <= observed[-1]))
        for wave in rest
    ]  # fmt: skip
    covered = rest[np.array(inside) >= 0.05]
    start, end = dataset.rest_range
    assert abs(start - covered[0]) < 15
    assert abs(end - covered[-1]) < 15
    assert end < rest[-1]


@pytest.mark.parametrize("name", [RAW, ROTATED])
def test_basis_there_and_back(tiny_atlas_path: Path, name: str) -> None:
    dataset = open_tiny(tiny_atlas_path)
    chosen, latents = basis(dataset, name), dataset.atlas.latents
    coordinates = chosen.coordinates(latents)
    np.testing.assert_allclose(chosen.latents(coordinates), latents, atol=1e-4)
    inside = (coordinates >= chosen.low) & (coordinates <= chosen.high)
    assert inside.mean() > 0.97
    np.testing.assert_allclose(chosen.axes @ chosen.axes.T, np.eye(len(chosen.axes)), atol=1e-9)


def test_rotated_axes_are_uncorrelated(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path)
    covariance = np.cov(basis(dataset, ROTATED).coordinates(dataset.atlas.latents).T)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-6)


def test_sliders_start_at_the_selected_object(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path, selected=7)
    atlas = view._state.dataset.atlas
    values = [slider.value for slider in view.sliders]
    np.testing.assert_allclose(values, atlas.latents[7], rtol=1e-5)
    assert view.probe is not None
    np.testing.assert_allclose(view.probe.now, atlas.model.decode(atlas.latents[7:8])[0], atol=1e-5)
    assert view.probe.nearest == 7
    assert view._state.highlight == [7]


def test_without_a_selection_they_start_at_the_median(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path)
    latents = view._state.dataset.atlas.latents
    np.testing.assert_allclose(view.point, np.median(latents, axis=0))
    assert "the median of all objects" in str(view.where.object)


def test_the_mark_of_the_nearest_object_goes_with_the_tab(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path, selected=7)
    state = view._state
    state.tab = "Inspect"
    assert state.highlight == []
    assert state.highlight_label == ""
    state.tab = "Latents"
    assert state.highlight == [7]
    view.mark.value = False
    assert state.highlight == []
    view.mark.value = True
    state.param.update(highlight=[1, 2], highlight_label="found")
    state.tab = "Inspect"
    assert state.highlight == [1, 2]  # not ours


def test_a_slider_decodes_what_it_says(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path, selected=7)
    model = view._state.dataset.atlas.model
    view.sliders[0].value += 2.0
    moved = view._state.dataset.atlas.latents[7].copy()
    moved[0] += 2.0
    flux = view.figure.sources["now"].data["flux"]
    np.testing.assert_allclose(flux, model.decode(moved[None])[0], atol=1e-4)
    ew = trends(model, moved[None].astype(np.float32))["ew_halpha"].iloc[0]
    assert f"{ew:.3g}".replace("-", "−") in str(view.features.object)
    start = view.figure.sources["start"].data["flux"]
    np.testing.assert_allclose(start, model.decode(view.start[None].astype("f4"))[0], atol=1e-4)


def test_changing_axes_does_not_move_the_place(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path, selected=7)
    view.sliders[1].value += 0.7
    place = view.point.copy()
    view.axes.value = ROTATED
    np.testing.assert_allclose(view.point, place)
    chosen = basis(view._state.dataset, ROTATED)
    values = np.array([slider.value for slider in view.sliders])
    np.testing.assert_allclose(chosen.latents(values), place, atol=1e-6)


def test_reset_goes_back_to_the_start(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path, selected=7)
    view.sliders[0].value += 2.0
    view._restart(force=True)
    np.testing.assert_allclose(view.point, view.start)


def test_far_from_all_objects_it_is_called_extrapolation(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path, selected=7)
    assert "extrapolates" not in str(view.where.object)
    view.sliders[0].end = 1e4
    view.sliders[0].value = 1e4
    assert "the decoder extrapolates here" in str(view.where.object)


def test_nothing_is_decoded_while_the_tab_is_closed(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view = LatentsView(state)
    state.selected = 3
    assert view.probe is None
    assert state.highlight == []


def test_traversal_has_the_shared_middle_and_measured_signs(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path)
    view.part.value = TRAVERSAL
    result = view.traversal.result
    assert result is not None
    centre = np.median(view._state.dataset.atlas.latents, axis=0)[None]
    middle = view._state.dataset.atlas.model.decode(centre)[0]
    for spectra, source in zip(result.spectra, view.traversal.sources, strict=True):
        np.testing.assert_allclose(spectra[2], middle, atol=1e-4)
        assert len(source.data["xs"]) == 5
    html = str(view.traversal.changes.object)
    assert html.count("<tr>") == len(result.spectra) + 1
    row = result.table.iloc[0]
    sign = "↑" if row["ew_halpha_change"] > 0 else "↓"
    assert f" {sign}</td>" in html


def test_traversal_can_start_from_the_selected_object(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path, selected=11)
    view.part.value = TRAVERSAL
    view.traversal.held.value = "selected object"
    assert view.traversal.result is not None
    atlas = view._state.dataset.atlas
    middle = atlas.model.decode(atlas.latents[11:12])[0]
    np.testing.assert_allclose(view.traversal.result.spectra[0][2], middle, atol=1e-4)
    view._state.selected = 12
    middle = atlas.model.decode(atlas.latents[12:13])[0]
    np.testing.assert_allclose(view.traversal.result.spectra[1][2], middle, atol=1e-4)
    view.axes.value = ROTATED
    assert view.traversal.figures[0].title.text.startswith("axis 1")


def test_the_place_of_the_sliders_is_in_the_address(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path, selected=7)
    state = view._state
    assert state.slider_latents is None
    view.sliders[1].value = float(view.sliders[1].end)
    assert state.slider_latents == view.point.tolist()
    defaults = {name: getattr(new_state(tiny_atlas_path), name) for name in NAMES.values()}
    query = dict(parse_qsl(to_query(state, defaults=defaults)[1:]))
    other = new_state(tiny_atlas_path)
    assert from_query(other, query) == []
    again = LatentsView(other)
    np.testing.assert_allclose(again.point, view.point, rtol=1e-5)
    np.testing.assert_allclose(again.start, view.start)
    state.tab = "Inspect"
    assert state.slider_latents is None, "the sliders start anew when the tab is opened again"


@pytest.mark.parametrize("place", [[1.0], ["a", "b", "c"], [float("nan")] * 3, []])
def test_nonsense_for_a_place_is_left_alone(tiny_atlas_path: Path, place: list) -> None:
    state = new_state(tiny_atlas_path)
    state.param.update(tab="Latents", selected=7, slider_latents=place)
    view = LatentsView(state)
    np.testing.assert_allclose(view.point, view.start)
    assert state.slider_latents is None
