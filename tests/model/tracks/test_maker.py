import json

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse.csgraph import bellman_ford
from scipy.stats import spearmanr

from data.grid import linear_grid
from data.lines.indices import measure
from data.lines.stellar import without_stars
from data.spectra import Spectra
from model.atlas.atlas import Atlas
from model.atlas.neighbours import find_neighbours
from model.latent_axes import combine, principal_axes, spread
from model.store.identifiers import Identifiers
from model.tracks.knots import even_knots
from model.tracks.maker import TrackMaker
from model.tracks.places import Places
from model.tracks.stack import (
    means_without_one,
    noise_behind,
    rest_frame,
    stack_rest,
    stack_spectra,
)
from model.tracks.track import Track
from model.tracks.traversal import FEATURES, traverse
from model.tracks.trends import halpha_width, line_width, observed_trends, stack_members, trends
from tests.fixtures.atlas import rest_spectrum


@pytest.fixture(scope="module")
def atlas(tiny_atlas_path):
    return Atlas(tiny_atlas_path)


@pytest.fixture(scope="module")
def maker(atlas):
    ids = Identifiers(atlas.catalog["object_id"])
    return TrackMaker(latents=atlas.latents, ids=ids, neighbours=atlas.neighbours)


@pytest.fixture
def plane(atlas):
    return atlas.catalog[["tsne_x", "tsne_y"]].to_numpy()


def by_activity(atlas, share):
    """Return the row of the object at a place in the order of activity."""
    order = np.argsort(atlas.catalog["activity"].to_numpy())
    return int(order[round(share * (len(order) - 1))])


def swarm(rng, n=300):
    latents = rng.normal(size=(n, 3)).astype(np.float32)
    ids = Identifiers(pd.Series([f"g{row}" for row in range(n)]))
    maker = TrackMaker(latents=latents, ids=ids, neighbours=find_neighbours(latents, k=15))
    return latents, maker


def test_drawn_track_from_quiescent_to_star_forming_follows_the_physics(atlas, maker, plane):
    path = plane[[by_activity(atlas, share) for share in (0.03, 0.35, 0.65, 0.97)]]
    track = maker.drawn(path, Places.of(plane), name="SF", embedding="tsne", n_knot=12)
    measured = trends(atlas.model, track.latents)
    assert spearmanr(range(12), measured["d4000"]).statistic < -0.9
    assert spearmanr(range(12), measured["ew_halpha"]).statistic > 0.9
    rest = atlas.model.decode(track.latents)
    lines = without_stars(measure(atlas.model.wave_rest, rest))
    np.testing.assert_allclose(measured["ew_hbeta"], lines["ew_hbeta"], rtol=1e-6)
    stacks = stack_members(atlas.source, atlas.model, maker.rows(track), most=15)
    observed = observed_trends(stacks)
    fall = observed["d4000"].iloc[0] - observed["d4000"].iloc[-1]
    assert fall > 5 * np.hypot(observed["d4000_err"].iloc[0], observed["d4000_err"].iloc[-1])
    assert np.abs(measured["d4000"] - observed["d4000"]).max() < 0.15


def test_a_knot_is_a_mean_of_the_objects_around_it(rng):
    """On a map that is a plane of the latents, lifting gives back the place drawn."""
    latents, maker = swarm(rng, 3000)
    plane = Places.of(latents[:, :2])
    track = maker.drawn(np.array([[-1, -1], [1, 0.5]]), plane, name="x", embedding="xy")
    error = np.linalg.norm(track.latents[:, :2] - track.positions, axis=1)
    assert error.max() < 0.1
    assert np.abs(track.latents[:, 2]).max() < 1.0, "what the map does not show is averaged"
    assert not track.extrapolated.any()


def test_objects_without_a_position_lift_nothing(rng):
    latents, maker = swarm(rng, 3000)
    plane = Places.of(latents[:, :2], known=latents[:, 0] < 0.5)  # the map shows these alone
    path = np.array([[-1, -1], [0.2, 0.5]])
    some = maker.drawn(path, plane, name="x", embedding="xy")
    error = np.linalg.norm(some.latents[:, :2] - some.positions, axis=1)
    assert error.max() < 0.1


def test_empty_parts_of_the_map_are_flagged(rng):
    latents, maker = swarm(rng)
    track = maker.drawn(
        np.array([[0, 0], [14, 0]]), Places.of(latents[:, :2]), name="x", embedding="xy"
    )
    assert not track.extrapolated[0]
    assert track.extrapolated[-10:].all()
    assert track.support[0] > 20
    assert (track.support[-10:] == 0).all()


def test_objects_themselves_are_mostly_supported(rng):
    latents, maker = swarm(rng)
    flagged = [
        maker._track("x", {}, latents[row : row + 2].astype(float)).extrapolated
        for row in range(0, 300, 2)
    ]
    assert np.mean(flagged) < 0.02


def test_centroids_are_the_means_of_their_bins(atlas, maker):
    values = combine(atlas.latents, {0: 1.0}, rotated=True)
    keep = (atlas.catalog["class"] == "GALAXY").to_numpy()
    track = maker.centroids(values, name="S", percentiles=(0, 50, 90, 100), keep=keep)
    edges = np.percentile(values, (0, 50, 90, 100))
    for knot in range(3):
        last = knot == 2
        inside = keep & (values >= edges[knot]) & ((values < edges[knot + 1]) | last)
        np.testing.assert_allclose(
            track.latents[knot], atlas.latents[inside].mean(axis=0), rtol=1e-4, atol=1e-4
        )
        assert track.support[knot] == inside.sum()
        assert set(track.members[knot]) <= set(atlas.catalog["object_id"][inside])
    with pytest.raises(ValueError, match="objects in two bins or more, got 1"):
        maker.centroids(values, name="S", percentiles=(0, 50, 100), keep=values < edges[1])


@pytest.mark.parametrize(
    ("discrete", "percentiles"),
    [(False, (10, 30, 50)), (True, (0, 20, 40, 60, 80, 100)), (True, (0, 30, 80, 90, 100))],
)
def test_bins_hold_what_lies_between_their_edges_once(rng, discrete, percentiles):
    latents, maker = swarm(rng)
    values = (
        rng.choice([1.0, 2.0, 3.0], 300, p=[0.2, 0.3, 0.5]) if discrete else rng.normal(size=300)
    )
    values[:20] = np.nan
    track = maker.centroids(values, name="x", percentiles=percentiles)
    known = values[20:]
    expected = np.histogram(known, np.percentile(known, percentiles))[0]
    np.testing.assert_array_equal(track.support, expected[expected > 0])
    members = [name for names in track.members for name in names]
    assert len(members) == len(set(members))


def test_a_catalogue_column_with_gaps_makes_a_track(atlas, maker):
    values = atlas.catalog["log_mass"].to_numpy()
    assert np.isnan(values).any()
    track = maker.centroids(values, name="mass", percentiles=(0, 25, 50, 75, 100))
    assert track.support.sum() == np.isfinite(values).sum()


def test_shortest_path_is_the_shortest(rng):
    latents, maker = swarm(rng, 120)
    start, stop = 0, int(np.linalg.norm(latents - latents[0], axis=1).argmax())
    track = maker.shortest_path(start, stop, name="p", n_knot=30)
    rows = [int(name[1:]) for name in track.recipe["through"]]
    assert (rows[0], rows[-1]) == (start, stop)
    scaled = latents / spread(latents)
    length = np.linalg.norm(np.diff(scaled[rows], axis=0), axis=1).sum()
    expected = bellman_ford(maker._graph.edges, directed=False, indices=start)[stop]
    assert length == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(track.latents[[0, -1]], latents[[start, stop]], atol=1e-5)
    near = maker.neighbours.first(12).indices
    for one, two in zip(rows[:-1], rows[1:], strict=True):
        assert two in near[one] or one in near[two]


def test_units_of_a_latent_do_not_change_the_shortest_path(rng):
    latents, maker = swarm(rng, 120)
    factors = np.array([1000.0, *[1.0] * (latents.shape[1] - 1)], dtype=np.float32)
    other = TrackMaker(latents=latents * factors, ids=maker.ids, neighbours=maker.neighbours)
    for stop in (40, 77, 111):
        one, two = (item.shortest_path(0, stop, name="p") for item in (maker, other))
        assert one.recipe["through"] == two.recipe["through"]
        np.testing.assert_allclose(two.latents / factors, one.latents, rtol=1e-3, atol=1e-5)


def test_knots_along_one_latent_stay_among_the_objects(rng):
    latents = rng.normal(size=(2000, 3)).astype(np.float32)
    latents[:, 1] = rng.standard_t(1.5, size=2000)  # long tails
    graph = find_neighbours(latents, k=12)
    maker = TrackMaker(latents=latents, ids=Identifiers(pd.Series(range(2000))), neighbours=graph)
    track = maker.one_latent(1, name="l", n_knot=21)
    share = [(latents[:, 1] <= value).mean() for value in track.latents[:, 1]]
    np.testing.assert_allclose(share, np.linspace(0.01, 0.99, 21), atol=2e-3)
    assert track.extrapolated.mean() < 0.2


def test_no_path_between_islands_is_an_error(rng):
    latents = rng.normal(size=(80, 2)).astype(np.float32)
    latents[40:] += 1000
    graph = find_neighbours(latents, k=12)
    maker = TrackMaker(latents=latents, ids=Identifiers(pd.Series(range(80))), neighbours=graph)
    with pytest.raises(ValueError, match="0 and 70 lie on separate islands"):
        maker.shortest_path(0, 70, name="p")
    with pytest.raises(ValueError, match="two different objects"):
        maker.shortest_path(3, 3, name="p")


@pytest.mark.parametrize("rotated", [False, True])
def test_one_latent_moves_alone(atlas, maker, rotated):
    held = atlas.latents[7]
    track = maker.one_latent(2, name="l", start=held, rotated=rotated)
    axes = principal_axes(atlas.latents) if rotated else np.eye(4)
    along = (track.latents - held) @ axes.T
    np.testing.assert_allclose(np.delete(along, 2, axis=1), 0, atol=1e-4)
    low, high = np.percentile(atlas.latents @ axes[2], (1, 99))
    assert np.ptp(along[:, 2]) == pytest.approx(high - low, rel=1e-3)
    with pytest.raises(ValueError, match=r"latent must lie in 0\.\.3, got 4"):
        maker.one_latent(4, name="l")


def test_track_read_equals_track_written(maker, plane, tmp_path):
    track = maker.drawn(plane[[3, 50]], Places.of(plane), name="α → ω <b>", embedding="tsne")
    track.save(tmp_path / "track.json")
    again = Track.load(tmp_path / "track.json")
    assert (again.name, again.recipe, again.members) == (track.name, track.recipe, track.members)
    for field in ("latents", "support", "extrapolated", "positions"):
        np.testing.assert_array_equal(getattr(again, field), getattr(track, field))
    for ours, theirs in zip(maker.rows(again), maker.rows(track), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "change",
    [{"track_version": 7}, {"latents": "no"}, {"latents": [[1, 2]]}, {"members": 3}],
)
def test_damaged_track_is_an_error(maker, tmp_path, change):
    path = tmp_path / "track.json"
    maker.one_latent(0, name="l").save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match="is not a track"):
        Track.load(path)


def test_knots_are_evenly_spaced_and_keep_the_ends(rng):
    path = np.cumsum(rng.normal(size=(40, 2)), axis=0)
    knots = even_knots(path, 9)
    np.testing.assert_allclose(knots[[0, -1]], path[[0, -1]])
    straight = even_knots(np.array([[0.0, 0], [1, 0], [10, 0]]), 11)
    np.testing.assert_allclose(straight[:, 0], np.arange(11))
    for bad in (path[:1], np.zeros((5, 2)), np.full((3, 2), np.nan)):
        with pytest.raises(ValueError, match="a path (must|needs)"):
            even_knots(bad, 5)


def test_stack_is_the_mean_and_its_error_the_scatter_of_means(rng):
    grid = linear_grid(4000, 8000, 400)
    rest = linear_grid(3800, 7000, 300)
    z = rng.uniform(0.0, 0.1, 60)
    truth = rest_spectrum(rest.wave, np.array([0.5]), np.zeros(1))[0]
    stacks = []
    for _ in range(40):
        flux = np.stack([rest_spectrum(grid.wave / (1 + one), np.array([0.5]), np.zeros(1))[0]
                         for one in z])  # fmt: skip
        flux = flux + 0.2 * rng.normal(size=flux.shape)
        ivar = np.where(rng.random(flux.shape) < 0.1, 0, 25.0)
        flux[ivar == 0] = 99
        spectra = Spectra(grid=grid, flux=flux.astype(np.float32),
                          ivar=ivar.astype(np.float32), z=z)  # fmt: skip
        stacks.append(stack_spectra(spectra, rest_grid=rest))
    means, stack = [stack.flux for stack in stacks], stacks[-1]
    inside = stack.count == stack.count.max()
    smooth = inside & (np.abs(rest.wave - 6565) > 60) & (np.abs(rest.wave - 5008) > 60)
    assert np.abs(np.mean(means, axis=0) - truth)[smooth].max() < 0.08
    ratio = np.std(means, axis=0)[inside].mean() / stack.error[inside].mean()
    assert ratio == pytest.approx(1, abs=0.1)
    assert np.isnan(stack.flux[rest.wave < 4000 / 1.1 - 10]).all()


def test_errors_of_measured_stacks_are_the_scatter_of_other_draws_of_objects(atlas, rng):
    """Each knot's objects differ in whole stretches of their spectra, not pixel by pixel."""
    order = np.argsort(atlas.catalog["activity"].to_numpy())
    members = [order[:50], order[60:110]]
    table = observed_trends(stack_members(atlas.source, atlas.model, members))
    wave = atlas.model.rest_grid.wave
    for knot, rows in enumerate(members):
        flux, weight = rest_frame(atlas.source.read(rows), rest_grid=atlas.model.rest_grid)
        drawn = [rng.integers(0, 50, 50) for _ in range(400)]
        means = np.stack([stack_rest(flux[some], weight[some], wave=wave).flux for some in drawn])
        again = measure(wave, means, np.isfinite(means).astype(float))
        # 400 draws tell a scatter to 4 %; jackknife and bootstrap of 50 objects agree to a few.
        for name, stars in (("d4000", 0.0), ("mg_b", 0.0), ("ew_halpha", 0.2), ("ew_oii", 0.3)):
            expected = np.hypot(np.std(again[name]), stars)
            assert table[f"{name}_err"][knot] == pytest.approx(expected, rel=0.2), name


def test_errors_of_one_object_are_those_of_its_noise(atlas):
    rows = np.array([3])
    table = observed_trends(stack_members(atlas.source, atlas.model, [rows]))
    flux, weight = rest_frame(atlas.source.read(rows), rest_grid=atlas.model.rest_grid)
    ivar = np.nan_to_num(1 / noise_behind(weight).numpy() ** 2, posinf=0)
    expected = measure(atlas.model.rest_grid.wave, flux.numpy(), ivar)
    for name in ("d4000", "mg_b"):
        assert table[f"{name}_err"][0] == pytest.approx(expected[f"{name}_err"][0], rel=1e-3)


def test_means_without_one_are_the_stacks_of_the_others(rng):
    flux, weight = torch.tensor(rng.normal(size=(6, 40))), torch.tensor(rng.random((6, 40)))
    weight[torch.tensor(rng.random((6, 40)) < 0.5)] = 0
    weight[1:, 7] = 0  # shown by one object
    flux[weight == 0] = 99
    found = means_without_one(flux, weight)
    for row in range(6):
        others = np.arange(6) != row
        expected = stack_rest(flux[others], weight[others], wave=np.arange(40.0)).flux
        np.testing.assert_allclose(found[row], expected, rtol=1e-5)


@pytest.mark.parametrize("sigma", [2.0, 5.0, 15.0])
def test_line_width_of_a_gaussian(sigma):
    wave = linear_grid(6300, 6900, 600).wave
    flux = 2 + 3 * np.exp(-0.5 * ((wave - 6564.61) / sigma) ** 2)
    expected = 2.35482 * sigma / 6564.61 * 299_792.458
    assert line_width(wave, flux[None], 6564.61)[0] == pytest.approx(expected, rel=0.02)
    assert np.isnan(line_width(wave, np.full((1, 600), 2.0), 6564.61)).all()
    assert np.isnan(line_width(wave, (4 - flux)[None], 6564.61)).all(), "absorption has no width"


@pytest.mark.parametrize("sigma", [60.0, 150.0, 400.0, 1500.0])
def test_width_of_halpha_is_without_its_neighbours(sigma):
    wave = np.linspace(6400, 6750, 700)

    def line(centre, height):
        return height * np.exp(-0.5 * ((wave / centre - 1) * 299792.458 / sigma) ** 2)

    flux = 2 + line(6564.61, 3.0) + line(6585.27, 1.5) + line(6549.86, 1.5 / 2.96)
    expected = 2.3548 * sigma
    gaps = flux.copy()
    gaps[::25] = np.nan
    widths = halpha_width(wave, np.stack([flux, gaps]))
    np.testing.assert_allclose(widths, expected, rtol=0.03)
    if sigma == 400:  # blended
        assert not line_width(wave, flux[None], 6564.61)[0] < 1.1 * expected
    assert np.isnan(halpha_width(wave, np.stack([4 - flux, np.full(700, 2.0)]))).all()


def test_traversal_goes_through_the_middle_and_measures_each_feature(atlas):
    result = traverse(atlas.model, atlas.latents)
    centre = np.median(atlas.latents, axis=0, keepdims=True)
    middle = atlas.model.decode(centre)[0]
    for spectra in result.spectra:
        np.testing.assert_allclose(spectra[2], middle, atol=1e-4)
    assert (np.diff(result.steps, axis=1) > 0).all()
    table = result.table
    assert len(table) == 4
    falling = np.sign(np.corrcoef(atlas.latents[:, 0], atlas.catalog["activity"])[0, 1])
    assert table["ew_halpha"][0] == {1: "↑", -1: "↓"}[falling]
    assert table["d4000"][0] == {1: "↓", -1: "↑"}[falling]
    for feature in FEATURES:
        assert set(table[feature]) <= {"↑", "↓", "–"}
        strong = table[f"{feature}_relative"].abs() >= 0.1
        assert ((table[feature] != "–") == strong).all()
    outside = traverse(atlas.model, atlas.latents, start=atlas.latents.max(axis=0) + 1)
    assert (np.diff(outside.steps, axis=1) >= 0).all()
    assert (outside.steps[:, 2:] == 0).all()  # nothing of the sample lies above
    below = outside.steps[:, 0] + atlas.latents.max(axis=0) + 1
    np.testing.assert_allclose(below, np.percentile(atlas.latents, 10, axis=0), rtol=1e-5)
