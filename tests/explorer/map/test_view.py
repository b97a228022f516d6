"""The map: what is drawn, what its colours mean, which object a click finds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.map import raster
from explorer.map.geometry import TOLERANCE, home_view, nearest_object
from explorer.map.image import RARE_RADIUS, MapRequest, draw_map
from explorer.map.key import class_rows, members
from explorer.map.markers import hover_text
from explorer.map.raster import Viewport
from explorer.map.view import MapView
from explorer.state.dataset import DENSITY
from explorer.state.plane import Plane
from explorer.state.state import ExplorerState
from explorer.theme.colour import (
    CLASS_COLOURS,
    LEAST_CONTRAST,
    NO_VALUE,
    OTHER,
    PALETTES,
    PIN_COLOURS,
    Scale,
    class_colours,
    fit_scale,
    luminance,
    readable_palette,
    rgb,
)
from explorer.theme.theme import ink
from tests.fixtures.explorer import new_state

SQUARE = Viewport(x0=0.0, x1=1.0, y0=0.0, y1=1.0, width=200, height=200)


def request_for(state: ExplorerState, **changes: object) -> MapRequest:
    options = {
        "plane": state.plane, "colour": state.colour, "colour_scale": "linear",
        "clip": (0.0, 100.0), "palette": "viridis", "shown": None, "subset": None, "dark": False,
    }  # fmt: skip
    return MapRequest(**(options | changes))


def channels(pixels: np.ndarray) -> np.ndarray:
    return pixels.view(np.uint8).reshape(*pixels.shape, 4)


def test_many_points_are_counted_exactly(rng: np.random.Generator) -> None:
    points = rng.uniform(0, 1, (200_000, 2)).astype(np.float32)
    frame = pd.DataFrame({"x": points[:, 0], "y": points[:, 1]})
    count = raster.aggregate(frame, SQUARE)["count"]
    assert count.sum() == 200_000
    expected, _x, _y = np.histogram2d(points[:, 1], points[:, 0], bins=200, range=[[0, 1], [0, 1]])
    assert abs(count - expected).sum() / 200_000 < 1e-3  # float32 at pixel edges


def test_mean_of_a_pixel_is_the_mean_of_its_objects(rng: np.random.Generator) -> None:
    x, y = rng.uniform(0, 1, (2, 100_000)).astype(np.float32)
    value = rng.normal(5, 2, 100_000).astype(np.float32)
    value[rng.random(100_000) < 0.3] = np.nan
    frame = pd.DataFrame({"x": x, "y": y, "value": value})
    coarse = Viewport(x0=0, x1=1, y0=0, y1=1, width=20, height=20)
    mean = raster.aggregate(frame, coarse)["value"]
    pixel = np.floor(y * 20).astype(int) * 20 + np.floor(x * 20).astype(int)
    expected = frame.groupby(pixel)["value"].mean().to_numpy().reshape(20, 20)
    np.testing.assert_allclose(mean, expected, rtol=2e-3)


def test_few_points_become_discs_that_keep_mean_and_count() -> None:
    frame = pd.DataFrame(
        {"x": [0.25, 0.75], "y": [0.5, 0.5], "value": [1.0, 3.0]}, dtype=np.float32
    )
    image = raster.aggregate(frame, SQUARE)
    drawn = image["count"] > 0
    assert drawn.sum() > 100  # two discs of radius 5
    left, right = image["value"][:, :100], image["value"][:, 100:]
    np.testing.assert_allclose(left[np.isfinite(left)], 1.0, rtol=1e-6)
    np.testing.assert_allclose(right[np.isfinite(right)], 3.0, rtol=1e-6)
    assert image["count"].max() == pytest.approx(1.0)


def test_overlapping_discs_average() -> None:
    frame = pd.DataFrame({"x": [0.5, 0.5], "y": [0.5, 0.5], "value": [1.0, 3.0]}, dtype=np.float32)
    image = raster.aggregate(frame, SQUARE)
    np.testing.assert_allclose(image["value"][image["count"] > 0], 2.0, rtol=1e-6)


def test_object_at_the_edge_of_the_view_is_drawn_as_part_of_a_disc() -> None:
    frame = pd.DataFrame({"x": [0.0001], "y": [0.9999]}, dtype=np.float32)
    count = raster.aggregate(frame, SQUARE)["count"]
    rows, columns = np.nonzero(count)
    assert columns.min() == 0
    assert rows.max() == 199
    assert len(rows) < 60


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(["linear", "log", "eq_hist"]),
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0, 1),
)
def test_scale_is_monotonic_and_inverts(kind: str, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    values = np.where(
        rng.random(500) < share, rng.lognormal(0, 2, 500), np.round(rng.normal(0, 3, 500))
    )
    scale = fit_scale(values, kind=kind, clip=(1, 99))
    ordered = np.sort(values)
    position = scale.position(ordered)
    assert (np.diff(position) >= 0).all()
    assert position.min() >= 0
    assert position.max() <= 1
    steps = np.linspace(0, 1, 9)
    np.testing.assert_allclose(scale.position(scale.value(steps)), steps, atol=1e-6)
    assert np.isnan(scale.position(np.array([np.nan]))).all()


def test_equal_counts_spread_objects_evenly_over_the_colours(rng: np.random.Generator) -> None:
    values = rng.lognormal(0, 2, 20_000)
    position = fit_scale(values, kind="eq_hist", clip=(0, 100)).position(values)
    share, _edges = np.histogram(position, bins=10, range=(0, 1))
    assert abs(share / 20_000 - 0.1).max() < 0.02


def test_diverging_scale_has_zero_in_the_middle() -> None:
    scale = fit_scale(np.array([-1.0, 0.5, 4.0]), kind="linear", clip=(0, 100), diverging=True)
    assert scale.position(np.array([0.0]))[0] == pytest.approx(0.5)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [3.0, 3.0], [-1.0, -2.0]])
@pytest.mark.parametrize("kind", ["linear", "log", "eq_hist"])
def test_scale_of_odd_columns_is_usable(values: list[float], kind: str) -> None:
    scale = fit_scale(np.array(values), kind=kind, clip=(1, 99))
    assert isinstance(scale, Scale)
    assert scale.knots[-1] > scale.knots[0]


def test_map_shows_value_grey_for_missing_and_nothing_elsewhere(tiny_atlas_path: Path) -> None:
    value = np.full(120, np.nan)
    value[0], value[1] = 0.0, 1.0
    x = np.full(120, 0.9)
    x[:2] = 0.1, 0.5
    state = new_state(tiny_atlas_path, umap_x=x, umap_y=np.full(120, 0.5), value=value)
    state.colour = "value"
    image = channels(draw_map(state.dataset, request_for(state), SQUARE).pixels)
    first, last = rgb(readable_palette("viridis", dark=False, paper="#ffffff"))[[0, 255]]
    np.testing.assert_array_equal(image[100, 20, :3], first)
    np.testing.assert_array_equal(image[100, 100, :3], last)
    np.testing.assert_array_equal(image[100, 180, :3], rgb([NO_VALUE])[0])
    assert (image[100, [20, 100, 180], 3] > 100).all()
    assert image[10, 10, 3] == 0


def test_classes_have_their_colours_whatever_is_filtered(tiny_atlas_path: Path) -> None:
    kinds = np.array(["a"] * 60 + ["b"] * 40 + ["c"] * 20)
    x = np.repeat([0.1, 0.5, 0.9], [60, 40, 20])
    state = new_state(tiny_atlas_path, umap_x=x, umap_y=np.full(120, 0.5), kind=kinds)
    state.colour = "kind"
    for shown in (None, kinds != "a"):
        image = channels(draw_map(state.dataset, request_for(state, shown=shown), SQUARE).pixels)
        np.testing.assert_array_equal(image[100, 100, :3], rgb(CLASS_COLOURS[1:2])[0])
        np.testing.assert_array_equal(image[100, 180, :3], rgb(CLASS_COLOURS[2:3])[0])
    assert image[100, 20, 3] == 0
    rows = class_rows(state.dataset.classes("kind"), kinds != "a")
    assert rows == [
        ("a", 0, CLASS_COLOURS[0]),
        ("b", 40, CLASS_COLOURS[1]),
        ("c", 20, CLASS_COLOURS[2]),
    ]


def test_key_names_each_colour_and_counts_the_rest_together(tiny_atlas_path: Path) -> None:
    kinds = np.array([f"kind {row // 7}" for row in range(110)] + [""] * 10)
    classes = new_state(tiny_atlas_path, kind=kinds).dataset.classes("kind")
    rows, n_own = class_rows(classes, None), len(CLASS_COLOURS)
    assert n_own == 12
    assert [colour for _name, _count, colour in rows] == [*CLASS_COLOURS, OTHER, NO_VALUE]
    assert rows[-2][:2] == ("4 others", 110 - 7 * n_own)
    assert rows[-1][:2] == ("no value", 10)
    assert sum(count for _name, count, _colour in rows) == 120
    assert len(set(class_colours(classes.names))) == n_own + 1


def test_a_line_of_the_key_shows_only_that_and_then_all_again(tiny_atlas_path: Path) -> None:
    names = [f"kind {n % 40}" if n % 4 else None for n in range(120)]
    state = new_state(tiny_atlas_path, kind=names)
    state.param.update(colour="kind", filters={"z": (0.0, 1.0)})
    classes = state.dataset.classes("kind")
    picture = MapView(state).picture
    for number, (_name, count, _colour) in enumerate(class_rows(classes, None)):
        picture._show_only(number)
        assert state.filters["z"] == (0.0, 1.0)
        assert state.shown is not None
        assert int(state.shown.sum()) == count
        assert state.filters["kind"] == members(classes, number)
        picture._show_only(number)
        assert state.filters == {"z": (0.0, 1.0)}


def test_rare_classes_lie_over_the_crowd_and_are_no_specks(tiny_atlas_path: Path) -> None:
    n_object, rng = 120, np.random.default_rng(5)
    kinds = np.array(["usual"] * 118 + ["rare"] * 2)
    x, y = rng.uniform(0.3, 0.7, (2, n_object))
    x[-2:], y[-2:] = [0.5, 0.9], 0.5
    x[:60], y[:60] = 0.5, 0.5  # sixty usual objects where one of the rare ones is
    state = new_state(tiny_atlas_path, umap_x=x, umap_y=y, kind=kinds)
    state.colour = "kind"
    for subset in (None, np.arange(n_object) >= 15):
        request = request_for(state, subset=subset)
        image = channels(draw_map(state.dataset, request, SQUARE).pixels)
        colour = rgb(CLASS_COLOURS[1:2])[0]
        np.testing.assert_array_equal(image[100, 100, :3], colour)
        assert (image[..., :3] == colour).all(axis=-1).sum() > 2 * np.pi * RARE_RADIUS**2 / 2


@pytest.mark.parametrize("name", PALETTES)
def test_every_colour_of_a_map_is_told_from_its_paper(name: str) -> None:
    for dark in (False, True):
        paper = ink(dark).paper
        colours = readable_palette(name, dark=dark, paper=paper)
        ground = luminance([paper])[0] + 0.05
        ends = luminance([colours[0], colours[-1]]) + 0.05
        contrast = np.maximum(ends, ground) / np.minimum(ends, ground)
        assert (contrast >= LEAST_CONTRAST[dark]).all()
        assert len(colours) == 256
    assert luminance(["#ffffff", "#000000"]) == pytest.approx([1, 0])


def test_what_is_not_selected_is_dimmed_not_dropped(tiny_atlas_path: Path) -> None:
    x = np.where(np.arange(120) < 60, 0.25, 0.75)
    state = new_state(tiny_atlas_path, umap_x=x, umap_y=np.full(120, 0.5))
    subset = np.arange(120) < 60
    image = channels(draw_map(state.dataset, request_for(state, subset=subset), SQUARE).pixels)
    chosen, other = image[100, 50], image[100, 150]
    assert np.ptp(chosen[:3].astype(int)) > 20  # coloured
    assert np.ptp(other[:3].astype(int)) < 10  # grey
    assert chosen[3] > other[3] > 0


def test_density_counts_objects(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path, umap_x=np.full(120, 0.5), umap_y=np.full(120, 0.5))
    image = draw_map(state.dataset, request_for(state, colour=DENSITY), SQUARE)
    assert image.scale is not None
    assert image.scale.knots[-1] == pytest.approx(120)
    assert image.n_drawn == 120


def plane_of(points: np.ndarray) -> Plane:
    x, y = points.astype(np.float32).T
    return Plane(key="test", x_label="x", y_label="y", x=x, y=y)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1), scale_x=st.floats(1, 3000), stretch=st.floats(0.01, 100),
    some_hidden=st.booleans(),
)  # fmt: skip
def test_nearest_agrees_with_measuring_all(
    seed: int, scale_x: float, stretch: float, some_hidden: bool
) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 1, (400, 2))
    points[:5] = np.nan
    plane = plane_of(points)
    shown = rng.random(400) < 0.3 if some_hidden else None
    x, y = rng.normal(0, 1, 2)
    scale_y = scale_x * stretch
    found = nearest_object(plane, x=x, y=y, scale_x=scale_x, scale_y=scale_y, shown=shown)
    distance = np.hypot((plane.x - x) * scale_x, (plane.y - y) * scale_y)
    distance[np.isnan(distance)] = np.inf
    if shown is not None:
        distance[~shown] = np.inf
    if distance.min() > TOLERANCE:
        assert found is None
    else:
        assert found is not None
        assert distance[found] == pytest.approx(distance.min())


def test_home_shows_every_object_and_limits_the_stretch(rng: np.random.Generator) -> None:
    plane = plane_of(rng.normal(0, 1, (300, 2)) * [10, 1])
    x0, x1, y0, y1 = home_view(plane, aspect=0.5)
    assert x0 < plane.x.min()
    assert plane.x.max() < x1
    assert y0 < plane.y.min()
    assert plane.y.max() < y1
    assert (x1 - x0) / (y1 - y0) / 0.5 == pytest.approx(1.6)
    assert home_view(plane_of(np.full((3, 2), np.nan)), aspect=None) == (0.0, 1.0, 0.0, 1.0)


def test_hover_text_is_plain_and_short(tiny_atlas_path: Path) -> None:
    hostile = "<b onmouseover=alert(1)>" + "x" * 400
    state = new_state(tiny_atlas_path, **{"class": hostile})
    text = hover_text(state, 0)
    assert text.splitlines()[0] == state.dataset.ids[0]
    assert hostile[:40] in text
    assert len(text) < 300


def test_marks_follow_the_state(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view = MapView(state)
    state.param.update(selected=4, mark_neighbours=True)
    plane = state.plane
    assert view.marks.sources["selected"].data["x"].tolist() == [plane.x[4]]
    near = state.neighbours(4)
    assert len(near) == 10
    np.testing.assert_array_equal(view.marks.sources["neighbours"].data["x"], plane.x[near])
    state.region = {"plane": "umap", "x": [0, 1, 1], "y": [0, 0, 1]}
    assert len(view.marks.sources["region"].data["x"]) == 4
    state.pin()
    assert view.marks.sources["pins"].data["colour"] == [PIN_COLOURS[0]]
    state.embedding = "pca"
    assert len(view.marks.sources["region"].data["x"]) == 0
    assert view.marks.sources["selected"].data["x"].tolist() == [state.plane.x[4]]
    state.selected = None
    assert len(view.marks.sources["selected"].data["x"]) == 0


def test_selecting_from_elsewhere_brings_the_object_into_view(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    MapView(state)
    plane = state.plane
    state.view = (plane.x.max() + 1, plane.x.max() + 2, plane.y.max() + 1, plane.y.max() + 2)
    state.selected = 9
    x0, x1, y0, y1 = state.view
    assert x0 <= plane.x[9] <= x1
    assert y0 <= plane.y[9] <= y1
    assert x1 - x0 == pytest.approx(1)


def test_themes_paint_different_ink(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view = MapView(state)
    light = view.figure.background_fill_color
    state.dark = True
    assert view.figure.background_fill_color != light
    assert view.key.colour_bar.title_text_color == "#e4e7ea"


def test_a_visitor_starts_with_the_map_of_the_last_one(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    first = MapView(state)
    first.open()
    assert len(first.image.data["image"]) == 0  # nobody was here before
    image = draw_map(state.dataset, request_for(state), SQUARE)
    first.picture.display(image)
    first.leave()

    second = MapView(ExplorerState(state.dataset))
    second.open()
    assert second.image.data["image"][0] is image.pixels
    assert (second.figure.x_range.start, second.figure.y_range.end) == (SQUARE.x0, SQUARE.y1)

    other_size = Viewport(x0=-1.0, x1=2.0, y0=0.0, y1=1.0, width=300, height=100)
    wide = draw_map(state.dataset, request_for(state), other_size)
    second.picture.display(wide)
    second.leave()
    third = MapView(ExplorerState(state.dataset))
    third.open()
    assert third.image.data["image"][0] is wide.pixels  # the last visitor, not the first

    for changes in ({"dark": True}, {"view": (0.0, 0.5, 0.0, 0.5)}, {"colour": DENSITY}):
        state = ExplorerState(state.dataset)
        other = MapView(state)
        state.param.update(**changes)
        other.open()
        assert len(other.image.data["image"]) == 0, changes
