"""Tracks on the page: drawn, made by recipes, decoded, measured, kept."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table
from scipy.stats import spearmanr

from explorer.latents.basis import RAW, ROTATED, basis
from explorer.state.address import NAMES, from_query, to_query
from explorer.state.path import Path as MapPath
from explorer.state.state import ExplorerState
from explorer.tracks.diagnostics import kauffmann, kewley
from explorer.tracks.presets import OWN, percentiles_of, weights_of
from explorer.tracks.recipes import CENTROIDS, LATENT, PATH
from explorer.tracks.result import positions, track_maker
from explorer.tracks.spectra import MOST_GROUPS, thinned
from explorer.tracks.store import TrackStore
from explorer.tracks.view import PLANES, TRENDS, TracksView
from model.latent_axes import combine, principal_axes
from tests.fixtures.explorer import new_state

pytestmark = pytest.mark.filterwarnings(
    # Bokeh 3.9.2 makes tables with a keyword that pandas 3.1 deprecates.
    "ignore:The inplace keyword:pandas.errors.Pandas4Warning"
)
READ_ONLY = Path("/sys/kernel")


@pytest.fixture
def view(own_atlas: Path) -> TracksView:
    view = TracksView(new_state(own_atlas))
    view._state.tab = "Tracks"
    return view


def ends(state: ExplorerState) -> tuple[int, int]:
    """Return the most quiescent and the most star-forming object."""
    activity = state.dataset.numeric("activity")
    return int(activity.argmin()), int(activity.argmax())


def draw(view: TracksView) -> np.ndarray:
    """Draw a path from the quiescent to the star-forming end through the objects between."""
    state = view._state
    order = np.argsort(state.dataset.numeric("activity"))
    bins = np.array_split(order, 8)
    plane = state.plane
    path = np.array([[np.median(plane.x[rows]), np.median(plane.y[rows])] for rows in bins])
    state.path = drawn(state, path)
    return path


def drawn(state: ExplorerState, vertices: np.ndarray) -> MapPath:
    """Return a path that the user draws on the map shown."""
    return MapPath(vertices, state.plane.key, "drawn")


def test_drawn_track_is_decoded_and_placed_where_it_was_drawn(view: TracksView) -> None:
    path = draw(view)
    decoded = view.decoded
    assert decoded is not None
    assert len(decoded.track) == 20
    model = view._state.dataset.atlas.model
    np.testing.assert_allclose(decoded.spectra, model.decode(decoded.track.latents), atol=1e-5)
    knots = view._state.knots
    assert knots is not None
    np.testing.assert_allclose(knots[[0, -1]], path[[0, -1]], rtol=1e-4)
    assert len(view.spectra.stack.data["xs"]) == 20


def test_a_track_is_decoded_once_with_the_trees_at_hand(
    view: TracksView, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = view._state.dataset
    decode, n_decoded = dataset.atlas.model.decode, []

    def counted(latents: np.ndarray) -> np.ndarray:
        n_decoded.append(len(latents))
        return decode(latents)

    monkeypatch.setattr(dataset.atlas.model, "decode", counted)
    draw(view)
    assert n_decoded == [20]
    assert track_maker(dataset).places is dataset.latent_places

    def refuse(*_positions: object) -> None:
        raise AssertionError("a tree is built again")

    monkeypatch.setattr("model.tracks.places.KDTree", refuse)
    draw(view)
    assert n_decoded == [20, 20]


def test_track_from_quiescent_to_star_forming_shows_what_it_must(view: TracksView) -> None:
    view.recipes.recipe.value = CENTROIDS
    view.recipes.quantity.value = "activity"
    view.recipes.percentiles.value = "0 20 40 60 80 100"
    view.recipes.make_centroids()
    assert view.decoded is not None
    assert view.observed is not None
    for trends in (view.decoded.trends, view.observed.trends):
        assert (np.diff(trends["d4000"]) < 0).all()
        assert (np.diff(trends["ew_halpha"]) > 0).all()
    view.part.value = TRENDS
    shown = view.trends.observed.data
    error = (np.asarray(shown["d4000_high"]) - np.asarray(shown["d4000_low"])) / 2
    np.testing.assert_allclose(error, view.observed.trends["d4000_err"])
    agree = np.abs(view.decoded.trends["d4000"] - view.observed.trends["d4000"])
    assert (agree < 0.15).all()


def test_drawn_track_has_d4000_falling_and_halpha_rising_as_its_members_do(
    view: TracksView,
) -> None:
    draw(view)
    assert view.observed is not None
    trends = view.observed.trends
    catalog = view._state.dataset.atlas.catalog
    activity = catalog.set_index("object_id")["activity"]
    # Which objects lie around a knot is the map's choice: what they are, their spectra must tell.
    of_members = [activity[list(ids)].mean() for ids in view.observed.track.members]
    for name, sign in (("d4000", -1), ("ew_halpha", 1)):
        value, error = trends[name].to_numpy(), trends[f"{name}_err"].to_numpy()
        assert sign * spearmanr(value, of_members).statistic > 0.7
        assert sign * (value[-1] - value[0]) > 10 * np.median(error)


def test_observed_stack_behind_the_knot_is_shown_with_its_error(view: TracksView) -> None:
    draw(view)
    view.part.value = TRENDS
    view.knot.value = 4
    assert view.observed is not None
    stack = view.observed.stacks[4]
    data = view.spectra.data.data
    np.testing.assert_array_equal(np.asarray(data["flux"]), stack.flux)
    np.testing.assert_allclose(np.asarray(data["high"]) - stack.flux, stack.error, atol=1e-6)
    assert view.spectra.stack.data["width"][4] > view.spectra.stack.data["width"][3]
    assert str(view.message.object).startswith("Knot 5 of 20")
    assert view.trends.now.data["x"] == [5]


@pytest.mark.parametrize("n_pixel", [1400, 2900, 6974])
def test_thinned_spectra_keep_lines_where_they_are(rng: np.random.Generator, n_pixel: int) -> None:
    wave = np.linspace(2359.0, 9332.0, n_pixel)
    spectra = 1 + 0.01 * rng.normal(size=(3, n_pixel))
    lines = rng.choice(np.arange(20, n_pixel - 20, 12), 60, replace=False)
    spectra[:, lines[:30]] += 5  # emission
    spectra[:, lines[30:]] -= 0.7  # absorption
    xs, ys = thinned(wave, spectra)
    assert xs.shape[1] < 3 * MOST_GROUPS
    assert (np.diff(xs, axis=1) >= 0).all()
    for x, y, spectrum in zip(xs, ys, spectra, strict=True):
        np.testing.assert_array_equal(np.interp(x, wave, spectrum), y)
        assert set(wave[lines]) <= set(x)
        assert (y.min(), y.max()) == (spectrum.min(), spectrum.max())
        assert (x[0], x[-1]) == pytest.approx((wave[0], wave[-1]), abs=15)


def test_stack_of_decoded_spectra_has_their_lines(
    view: TracksView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.tracks.spectra.MOST_GROUPS", 300)
    draw(view)
    assert view.decoded is not None
    wave, spectra = view._state.dataset.atlas.model.wave_rest, view.decoded.spectra
    drawn = view.spectra.stack.data
    step = (np.array(drawn["ys"][-1]).min() - spectra[-1].min()) / (len(spectra) - 1)
    for knot, spectrum in enumerate(spectra):
        x, y = np.array(drawn["xs"][knot]), np.array(drawn["ys"][knot]) - knot * step
        assert len(x) < 0.6 * len(wave)
        np.testing.assert_allclose(y, np.interp(x, wave, spectrum), atol=1e-2)
        for low, high, most in ((6540, 6590, "argmax"), (3925, 3945, "argmin")):
            there, seen = (wave > low) & (wave < high), (x > low) & (x < high)
            at, found = (getattr(item, most)() for item in (spectrum[there], y[seen]))
            assert x[seen][found] == pytest.approx(wave[there][at], abs=0.01)
            assert y[seen][found] == pytest.approx(spectrum[there][at], abs=1e-4)


def test_extrapolation_is_flagged(view: TracksView) -> None:
    plane = view._state.plane
    low, high = np.nanmin(plane.x), np.nanmax(plane.x)
    path = np.array([[low - 30, plane.y[0] - 30], [high + 30, plane.y[0] + 30]])
    view._state.path = drawn(view._state, path)
    assert view.decoded is not None
    assert view.decoded.track.extrapolated[[0, -1]].all()
    assert "knots are extrapolated" in str(view.message.object)
    view.part.value = TRENDS
    assert len(view.trends.lost.data["x0"]) == view.decoded.track.extrapolated.sum()


def test_number_of_knots_redraws(view: TracksView) -> None:
    draw(view)
    view.recipes.n_knot.value = 7
    assert view.decoded is not None
    assert len(view.decoded.track) == 7
    assert view.knot.end == 6


def test_path_without_length_is_explained(view: TracksView) -> None:
    view._state.path = drawn(view._state, np.ones((2, 2)))
    assert "a path must have a length" in str(view.message.object)
    assert view.decoded is None


def test_shortest_path_joins_two_objects(view: TracksView) -> None:
    state = view._state
    view.recipes.make_path()
    assert "needs two objects" in str(view.message.object)
    first, last = ends(state)
    for end, row in enumerate((first, last)):
        state.selected = row
        view.recipes._set_end(end, row)
    view.recipes.make_path()
    assert view.decoded is not None
    latents = state.dataset.atlas.latents
    np.testing.assert_allclose(view.decoded.track.latents[0], latents[first], atol=1e-4)
    np.testing.assert_allclose(view.decoded.track.latents[-1], latents[last], atol=1e-4)
    assert state.knots is not None
    assert np.isfinite(state.knots).all()


def test_one_latent_varies_and_others_stay(view: TracksView) -> None:
    view._state.selected = 9
    view.recipes.latent.value = 2
    view.recipes.held.value = True
    view.recipes.make_latent()
    assert view.decoded is not None
    spread = np.ptp(view.decoded.track.latents, axis=0)
    assert spread[2] > 0
    np.testing.assert_allclose(np.delete(spread, 2), 0, atol=1e-5)


def test_principal_axes_are_numbered_as_the_sliders_of_latents(view: TracksView) -> None:
    recipes, state = view.recipes, view._state
    n_latent = state.dataset.atlas.latents.shape[1]
    names = basis(state.dataset, ROTATED).names
    recipes.latent.value = 1
    recipes.axes.value = ROTATED
    for place in (1, 0, n_latent - 1):
        if place != 1:  # the second latent became the second axis
            recipes.latent.value = place + 1
        recipes.make_latent()
        assert view.decoded is not None
        assert view.decoded.track.name == names[place] == f"axis {recipes.latent.value}"
        moved = np.diff(view.decoded.track.latents[[0, -1]], axis=0)[0]
        along = moved / np.linalg.norm(moved)
        np.testing.assert_allclose(
            along, principal_axes(state.dataset.atlas.latents)[place], atol=1e-4
        )
    assert (recipes.latent.start, recipes.latent.end) == (1, n_latent)
    recipes.axes.value = RAW
    assert (recipes.latent.start, recipes.latent.end) == (0, n_latent - 1)
    assert recipes.latent.value == n_latent - 1


@pytest.mark.parametrize("axes", [RAW, ROTATED])
def test_numbers_of_axes_in_addresses_count_from_0(view: TracksView, axes: str) -> None:
    address = {"recipe": LATENT, "axes": axes, "latent": 0, "held": False}
    view.recipes.follow(address)
    assert view.decoded is not None
    assert view.decoded.track.name == ("axis 1" if axes == ROTATED else "latent 0")
    assert view.decoded.track.recipe["latent"] == 0
    assert view._state.track == address
    last = address | {"latent": view._state.dataset.atlas.latents.shape[1] - 1}
    view.recipes.follow(last)
    assert view._state.track == last


def test_centroids_can_be_of_one_class(view: TracksView) -> None:
    view.recipes.quantity.value = "activity"
    view.recipes.percentiles.value = "0 50 100"
    view.recipes.classes.value = "GALAXY"
    view.recipes.make_centroids()
    assert view.decoded is not None
    is_galaxy = view._state.dataset.catalog["class"] == "GALAXY"
    assert view.decoded.track.support.sum() == is_galaxy.sum()
    assert view.decoded.track.recipe["class"] == "GALAXY"


@pytest.mark.parametrize("text", ["0 50", "a b c", "0 50 40", "-1 50 100", "0 50 101", ""])
def test_bad_percentiles_are_explained(view: TracksView, text: str) -> None:
    view.recipes.percentiles.value = text
    view.recipes.make_centroids()
    assert "edges must be" in str(view.message.object)
    assert view._state.track is None  # nothing for the address
    with pytest.raises(ValueError, match="edges must be"):
        percentiles_of(text)


def test_track_moves_to_the_map_that_is_shown(view: TracksView) -> None:
    state = view._state
    drawn = draw(view)
    state.embedding = "pca"
    assert state.path is not None
    assert (state.path.plane, state.path.origin) == ("pca", "track")
    assert view.decoded is not None
    on_pca = positions(state.dataset, view.decoded.track, state.plane)
    np.testing.assert_array_equal(state.knots, on_pca)
    x = state.plane.x
    assert (np.nanmin(x) <= on_pca[:, 0]).all()
    assert (on_pca[:, 0] <= np.nanmax(x)).all()
    state.embedding = "umap"
    assert state.knots is not None
    np.testing.assert_allclose(state.knots[0], drawn[0], rtol=1e-4)


def test_saved_track_opens_the_same(view: TracksView, own_atlas: Path) -> None:
    draw(view)
    assert view.decoded is not None
    before = view.decoded.track
    view.shelf.title.value = "../../<b>night</b> sky é"
    view.shelf.keep()
    files = list((own_atlas / "tracks").iterdir())
    assert len(files) == 1
    assert json.loads(files[0].read_text())["name"] == "../../<b>night</b> sky é"
    again = TracksView(new_state(own_atlas))
    again.shelf.load()
    assert again.decoded is not None
    np.testing.assert_array_equal(again.decoded.track.latents, before.latents)
    assert again.decoded.track.members == before.members
    np.testing.assert_array_equal(again.decoded.track.extrapolated, before.extrapolated)


def test_damaged_track_files_are_not_listed_and_left(own_atlas: Path) -> None:
    folder = own_atlas / "tracks"
    folder.mkdir()
    (folder / "half.json").write_text('{"track_version": 1, "na')
    (folder / "other.json").write_text("[]")
    store = TrackStore.of(own_atlas)
    assert store.names() == {}
    assert len(list(folder.iterdir())) == 2


def test_saving_needs_a_track_and_a_name(view: TracksView, own_atlas: Path) -> None:
    view.shelf.keep()
    draw(view)
    for name in ("", "   ", "x" * 81):
        view.shelf.title.value = name
        view.shelf.keep()
    assert not (own_atlas / "tracks").exists()


@pytest.mark.skipif(not READ_ONLY.is_dir(), reason="needs Linux's read-only /sys")
def test_tracks_of_a_read_only_atlas_go_to_the_home_folder(tmp_path: Path) -> None:
    store = TrackStore.of(READ_ONLY, home=tmp_path)
    assert tmp_path in store.folder.parents
    assert "can not be written" in store.notice


def test_table_and_spectra_are_taken_away(view: TracksView) -> None:
    draw(view)
    view.shelf.title.value = "a/b c"
    assert view.decoded is not None
    assert view.observed is not None
    table = view.exported("csv")
    assert table.name == "track-a-b-c.csv"
    frame = pd.read_csv(io.BytesIO(table.content))
    np.testing.assert_allclose(frame["decoded_ew_halpha"], view.decoded.trends["ew_halpha"])
    np.testing.assert_allclose(frame["observed_d4000_err"], view.observed.trends["d4000_err"])
    assert frame["support"].tolist() == view.decoded.track.support.tolist()
    spectra = Table.read(io.BytesIO(view.exported("fits").content))
    np.testing.assert_allclose(np.asarray(spectra["decoded"]), view.decoded.spectra)
    assert str(spectra["wave"].unit) == "Angstrom"
    assert spectra["observed"].shape == spectra["error"].shape == spectra["wave"].shape


def test_planes_hold_track_stacks_and_a_sample(view: TracksView) -> None:
    draw(view)
    view.part.value = PLANES
    assert view.decoded is not None
    for name, across in (("BPT", "log_nii_halpha"), ("age", "d4000")):
        parts = view.planes.sources[name]
        np.testing.assert_array_equal(
            np.asarray(parts["track"].data["x"]), view.decoded.trends[across]
        )
        assert len(parts["observed"].data["x"]) == 20
        assert len(parts["sample"].data["x"]) == 120
        assert len(parts["now"].data["x"]) == 1


@pytest.mark.parametrize(
    ("curve", "points"),
    [
        # Kauffmann+2003, equation 1: y = 0.61 / (x - 0.05) + 1.3, at x where the quotient is
        # -1, -1/2, -2 and -1.3.
        (kauffmann, [(-0.56, 0.3), (-1.17, 0.8), (-0.255, -0.7), (-0.419231, 0.0)]),
        # Kewley+2001, equation 5: y = 0.61 / (x - 0.47) + 1.19, where it is -1, -1/2, -2, -1.19.
        (kewley, [(-0.14, 0.19), (-0.75, 0.69), (0.165, -0.81), (-0.042605, 0.0)]),
    ],
)
def test_demarcation_curves_are_the_published_ones(
    curve: Callable[[np.ndarray], np.ndarray], points: list[tuple[float, float]]
) -> None:
    x, y = np.array(points).T
    np.testing.assert_allclose(curve(x), y, atol=1e-5)


def test_the_star_forming_limit_lies_below_that_of_starbursts() -> None:
    x = np.linspace(-1.2, 0.0, 50)  # at lower [N II] they cross: they end at 1.3 and 1.19
    assert (kewley(x) > kauffmann(x)).all()


def test_drawing_mode_and_toggles_follow_each_other(view: TracksView) -> None:
    view.recipes.drawing.freehand.value = True
    assert view._state.drawing == "freehand"
    view.recipes.drawing.by_knots.value = True
    assert view._state.drawing == "knots"
    assert not view.recipes.drawing.freehand.value
    view._state.drawing = "off"
    assert not view.recipes.drawing.by_knots.value
    view.recipes.drawing.freehand.value = True
    view.recipes.recipe.value = CENTROIDS
    assert view._state.drawing == "off"


def test_combination_of_axes_is_read_as_written(view: TracksView) -> None:
    assert weights_of("PC1") == {0: 1}
    assert weights_of("0.5 pc5 - 2*PC6 + PC1") == {4: 0.5, 5: -2, 0: 1}
    view.recipes.quantity.value = OWN
    assert view.recipes.weights.visible
    view.recipes.weights.value = "PC1 - 0.5 PC2"
    view.recipes.percentiles.value = "0 30 70 100"
    view.recipes.make_centroids()
    assert view.decoded is not None
    latents = view._state.dataset.atlas.latents
    values = combine(latents, {0: 1, 1: -0.5}, rotated=True)
    low, high = np.percentile(values, [30, 70])
    middle = latents[(values >= low) & (values < high)].mean(axis=0)
    np.testing.assert_allclose(view.decoded.track.latents[1], middle, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("text", ["", "PC", "PC0", "PC1 PC2", "PC1 + x", "1 + PC1", "<b>"])
def test_bad_combination_is_explained(text: str) -> None:
    with pytest.raises(ValueError, match="must be written like"):
        weights_of(text)


def test_path_of_an_address_is_decoded_when_the_tab_opens(own_atlas: Path) -> None:
    drawn = TracksView(new_state(own_atlas))
    path = draw(drawn)
    defaults = {name: getattr(new_state(own_atlas), name) for name in NAMES.values()}
    query = dict(parse_qsl(to_query(drawn._state, defaults=defaults)[1:]))
    state = new_state(own_atlas)
    assert from_query(state, query) == []
    assert state.path is not None
    np.testing.assert_allclose(state.path.vertices, path, rtol=1e-5)
    again = TracksView(state)
    assert again.decoded is not None
    assert drawn.decoded is not None
    np.testing.assert_allclose(
        again.decoded.track.latents, drawn.decoded.track.latents, rtol=1e-3, atol=1e-3
    )


def test_a_path_drawn_stays_until_the_track_is_another(view: TracksView) -> None:
    state = view._state
    draw(view)
    path = state.path
    state.n_knot = 9
    assert state.path is path
    view.shelf.title.value = "first"
    view.shelf.keep()
    state.path = drawn(state, path.vertices[::-1] + 0.1)
    view.shelf.load()  # a saved track of another path, of the same map
    assert state.path is not None
    assert state.path.origin == "track"
    np.testing.assert_array_equal(state.path.vertices, state.knots)


def test_recipe_puts_no_path_into_the_address(view: TracksView) -> None:
    view.recipes.percentiles.value = "0 50 100"
    view.recipes.make_centroids()
    defaults = {name: getattr(view._state, name) for name in NAMES.values()} | {"path": None}
    assert "path" not in to_query(view._state, defaults=defaults)


@pytest.mark.parametrize("kind", ["centroids", "path", "latent", "saved"])
def test_track_of_a_recipe_comes_back_from_the_address(own_atlas: Path, kind: str) -> None:
    state = new_state(own_atlas)
    defaults = {name: getattr(state, name) for name in NAMES.values()}
    view = TracksView(state)
    recipes = view.recipes
    if kind in ("centroids", "saved"):
        recipes.recipe.value = CENTROIDS
        recipes.quantity.value = "z"
        recipes.percentiles.value = "0 40 100"
        recipes.make_centroids()
    elif kind == "path":
        recipes.recipe.value = PATH
        state.n_knot = 7
        for end, row in enumerate((3, 80)):
            recipes._set_end(end, row)
        recipes.make_path()
    else:
        recipes.recipe.value = LATENT
        recipes.latent.value = 1
        recipes.make_latent()
    if kind == "saved":
        view.shelf.title.value = "of redshift"
        view.shelf.keep()
        view.shelf.load()
    query = dict(parse_qsl(to_query(state, defaults=defaults)[1:]))
    assert ("track" in query, "path" in query) == (True, False)
    other = new_state(own_atlas)
    assert from_query(other, query) == []
    again = TracksView(other)
    assert view.decoded is not None
    assert again.decoded is not None
    np.testing.assert_allclose(again.decoded.track.latents, view.decoded.track.latents)
    assert again.decoded.track.name == view.decoded.track.name
    other.path = drawn(other, np.array([[0.0, 0.0], [1.0, 1.0]]))
    assert other.track is None  # a path drawn takes its place


def test_a_recipe_that_would_make_another_track_leaves_the_address(view: TracksView) -> None:
    state, recipes = view._state, view.recipes
    recipes.percentiles.value = "0 50 100"
    recipes.make_centroids()
    state.param.update(selected=3, n_knot=9)
    assert state.track is not None
    state.filters = {"z": (0.0, 1.0)}
    assert state.track is None
    recipes.held.value = True
    recipes.make_latent()
    assert state.track is not None
    state.selected = 4
    assert state.track is None
    recipes.held.value = False
    recipes.make_latent()
    state.selected = 5
    assert state.track is not None
    made = view.decoded
    state.n_knot = 12
    assert state.track is None
    assert view.decoded is made


@pytest.mark.parametrize(
    "track",
    [{}, {"recipe": "none"}, {"recipe": "saved", "name": "gone"}, {"recipe": "saved"},
     {"recipe": "shortest path", "ends": ["no", "body"]}, {"recipe": "shortest path"},
     {"recipe": "binned centroids", "quantity": "no column", "weights": "PC1",
      "percentiles": "0 50 100", "classes": "all"}, {"recipe": "one latent", "axes": 3},
     {"recipe": "shortest path", "ends": 1}, {"recipe": "saved", "name": [1]}],
)  # fmt: skip
def test_nonsense_for_a_recipe_is_told(own_atlas: Path, track: dict) -> None:
    state = new_state(own_atlas)
    assert from_query(state, {"track": json.dumps(track)}) == []
    view = TracksView(state)
    assert view.decoded is None
    assert state.track is None
    told = "there is no recipe|no track is saved here|needs two objects|can not have"
    assert re.search(told, str(view.message.object))


@pytest.mark.parametrize(
    "path",
    ["1", "[]", "{}", '{"plane":"umap","x":[1],"y":[2]}', '{"plane":"nowhere","x":[1,2],"y":[1,2]}',
     '{"plane":"umap","x":[1,null],"y":[1,2]}', '{"plane":"umap","x":[1,2],"y":[1]}',
     '{"plane":"umap","x":"ab","y":"cd"}'],
)  # fmt: skip
def test_nonsense_for_a_path_is_told(own_atlas: Path, path: str) -> None:
    state = new_state(own_atlas)
    (complaint,) = from_query(state, {"path": path})
    assert complaint.startswith("the address asks for path=")
    assert state.path is None


def test_a_preset_follows_what_is_measured_and_says_what_its_ends_hold(view: TracksView) -> None:
    recipes = view.recipes
    assert str(recipes.quantity.value).startswith("star formation")
    assert recipes.classes.value == "quiescent | emission-line"
    recipes.recipe.value = CENTROIDS
    recipes.percentiles.value = "0 10 40 70 100"
    recipes.make_centroids()
    assert view.decoded is not None
    assert (np.diff(view.decoded.trends["ew_halpha"]) > 0).all()
    shares = [int(n) for n in re.findall(r"(\d+) %", view.message.object)]
    assert "% quiescent" in view.message.object
    assert min(shares) >= 80
    assert view._state.track is not None
    assert "ends" not in view._state.track


def test_presets_of_before_are_found_by_their_names(view: TracksView) -> None:
    view.recipes.follow({
        "recipe": CENTROIDS, "quantity": "star formation (PC 1)", "weights": "PC1",
        "percentiles": "0 50 100", "classes": "all",
    })  # fmt: skip
    assert view.recipes.quantity.value == "PC 1 (Portillo's S)"
    assert view.recipes.percentiles.value == "0 50 100"
    assert view.decoded is not None
