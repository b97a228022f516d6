"""The spectrum panel: what is drawn of an object, in both frames."""

from pathlib import Path

import numpy as np
import pytest

from data.lines.emission import LINES, find_line
from explorer.spectrum.axis import WavelengthAxis, runs
from explorer.spectrum.facts import FactsView, facts
from explorer.spectrum.insets import WINDOWS
from explorer.spectrum.inspection import inspect, smooth
from explorer.spectrum.limits import flux_limits, residual_limit
from explorer.spectrum.line_marks import line_positions, readable
from explorer.spectrum.view import SpectrumView
from tests.fixtures.explorer import new_state


def shown(path: Path, row: int = 5) -> SpectrumView:
    state = new_state(path)
    view = SpectrumView(state, WavelengthAxis(state))
    state.selected = row
    return view


def test_pixels_are_those_of_the_survey(tiny_atlas_path: Path) -> None:
    view = shown(tiny_atlas_path)
    atlas = view._state.dataset.atlas
    spectra = atlas.source.read([5])
    used = spectra.ivar[0] > 0
    data = view.pixels.data
    np.testing.assert_allclose(np.asarray(data["wave"]), spectra.wave)
    np.testing.assert_array_equal(np.isfinite(data["flux"]), used)
    np.testing.assert_allclose(np.asarray(data["flux"])[used], spectra.flux[0][used])
    sigma = 1 / np.sqrt(spectra.ivar[0][used])
    np.testing.assert_allclose(np.asarray(data["high"] - data["flux"])[used], sigma, rtol=1e-3)
    model, inside = atlas.model.reconstruct(atlas.latents[5:6], spectra.z, atlas.source.grid)
    np.testing.assert_array_equal(np.isfinite(data["model"]), inside[0])
    expected = (spectra.flux[0] - model[0])[used & inside[0]] / sigma[inside[0][used]]
    np.testing.assert_allclose(
        np.asarray(data["residual"])[used & inside[0]], expected, rtol=1e-3, atol=1e-4
    )


def test_residuals_of_a_good_model_scatter_by_one_sigma(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    residuals = np.concatenate([inspect(state.dataset, row).residual for row in range(30)])
    assert 0.8 < np.nanstd(residuals) < 1.4


def test_both_frames_put_lines_on_the_same_pixels(tiny_atlas_path: Path) -> None:
    view = shown(tiny_atlas_path)
    state, z = view._state, view.inspection.z  # type: ignore[union-attr]
    places = {}
    for frame in ("observed", "rest"):
        state.frame = frame
        wave = np.asarray(view.pixels.data["wave"])
        for kind in ("emission", "absorption"):
            source = view.lines.sources[kind].data
            for x in source["x"]:
                places.setdefault(round(float(np.interp(x, wave, np.arange(len(wave)))), 3), 0)
                places[round(float(np.interp(x, wave, np.arange(len(wave)))), 3)] += 1
    assert set(places.values()) <= {2, 4, 6, 8}
    alpha = find_line("Hα").wave
    assert alpha * (1 + z) in [
        pytest.approx(x) for _l, x in line_positions("major", z=z, frame="observed")
    ]
    state.frame = "rest"
    for window, fig in zip(WINDOWS, view.insets.figures, strict=True):
        assert (fig.x_range.start, fig.x_range.end) == (window.low, window.high)
    state.frame = "observed"
    for window, fig in zip(WINDOWS, view.insets.figures, strict=True):
        assert fig.x_range.start == pytest.approx(window.low * (1 + z))


def test_decoded_model_lies_on_the_reconstruction(tiny_atlas_path: Path) -> None:
    view = shown(tiny_atlas_path)
    pixels, rest = view.pixels.data, view.rest.data
    decoded = np.interp(pixels["wave"], rest["wave"], rest["flux"])
    there = np.isfinite(pixels["model"])
    np.testing.assert_allclose(decoded[there], np.asarray(pixels["model"])[there], atol=0.05)
    assert rest["wave"][0] < pixels["wave"][0]  # it reaches beyond the data


def test_line_lists_grow_from_off_to_all() -> None:
    counts = [len(line_positions(choice, z=0, frame="rest")) for choice in ("off", "major", "all")]
    assert counts == [0, sum(item.major for item in LINES), len(LINES)]


def test_labels_never_touch(rng: np.random.Generator) -> None:
    positions = list(rng.uniform(4000, 9000, 60))
    chosen = readable(positions, start=5000, end=8000, width=600)
    pixels = np.sort([(p - 5000) / 5 for p, good in zip(positions, chosen, strict=True) if good])
    assert np.diff(pixels).min() >= 12
    assert pixels.min() >= 0
    assert pixels.max() <= 600
    assert chosen[next(i for i, p in enumerate(positions) if 5000 <= p <= 8000)]


def test_masked_stretches_cover_exactly_the_masked_pixels(rng: np.random.Generator) -> None:
    wave = np.linspace(4000, 5000, 200)
    mask = rng.random(200) < 0.3
    strips = runs(mask, wave)
    inside = np.zeros(200, dtype=bool)
    for x0, x1 in zip(strips["x0"], strips["x1"], strict=True):
        inside |= (wave >= x0) & (wave <= x1)
    np.testing.assert_array_equal(inside, mask)


def test_smoothing_weighs_by_ivar_and_ignores_masked_pixels(rng: np.random.Generator) -> None:
    flux = np.ones(300)
    ivar = np.full(300, 4.0)
    flux[100], ivar[100] = 1e6, 0.0
    flux[150], ivar[150] = 1e3, 1e-9
    np.testing.assert_allclose(smooth(flux, ivar, 5), 1.0, rtol=1e-5)
    noise = rng.normal(0, 1, 4000)
    smoothed = smooth(noise, np.ones(4000), 4)[50:-50]
    expected = 1 / np.sqrt(2 * np.sqrt(np.pi) * 4)  # of white noise under a Gaussian
    assert smoothed.std() == pytest.approx(expected, rel=0.1)
    assert smooth(flux, ivar, 0) is flux
    assert np.isnan(smooth(flux, np.zeros(300), 3)).all()


def test_limits_show_the_model_and_survive_empty_data() -> None:
    flux = np.array([np.nan, 1.0, 2.0, 1.5])
    low, high = flux_limits(flux, np.array([0.5, 4.0, np.nan, 1.0]))
    assert low < 0.5
    assert high > 4.0
    assert flux_limits(np.full(3, np.nan), np.full(3, np.nan)) == (0.0, 2.0)
    assert residual_limit(np.full(3, np.nan)) == 6.0
    assert residual_limit(np.array([1e9, 0.0])) == 50.0


def test_neighbours_are_drawn_in_the_rest_frame_of_the_object(tiny_atlas_path: Path) -> None:
    view = shown(tiny_atlas_path)
    state = view._state
    state.overplot_neighbours = True
    assert len(view.neighbours.data["xs"]) == state.n_neighbours
    other = state.neighbours(5)[0]
    z, z_other = state.dataset.catalog["z"].iloc[[5, other]]
    wave = state.dataset.atlas.source.grid.wave
    np.testing.assert_allclose(view.neighbours.data["xs"][0], wave / (1 + z_other) * (1 + z))
    state.overplot_neighbours = False
    assert len(view.neighbours.data["xs"]) == 0


def test_window_dragged_is_kept_in_the_rest_frame(tiny_atlas_path: Path) -> None:
    from bokeh.events import SelectionGeometry

    view = shown(tiny_atlas_path)
    z = view.inspection.z  # type: ignore[union-attr]
    view._state.picking_window = True
    shape = {"type": "rect", "x0": 6600 * (1 + z), "x1": 6500 * (1 + z), "y0": 0, "y1": 1}
    view._on_window(SelectionGeometry(view.flux, geometry=shape, final=True))
    assert view._state.window == pytest.approx((6500, 6600))
    assert not view._state.picking_window


def test_deselecting_empties_the_panel(tiny_atlas_path: Path) -> None:
    view = shown(tiny_atlas_path)
    view._state.selected = None
    assert len(view.pixels.data["flux"]) == 0
    assert len(view.insets.lines.data["x"]) == 0


def test_facts_are_escaped_and_complete(tiny_atlas_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    state = new_state(tiny_atlas_path, **{"class": hostile, "<i>column</i>": 1.5})
    names = [name for name, _value in facts(state.dataset, 3)]
    for score in state.dataset.atlas.scores:
        assert score.label in names
    html = FactsView(state).html(3)
    assert "<script" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert state.dataset.ids[3] in html


def test_links_hold_the_position(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path, ra=150.25, dec=-1.5)
    html = FactsView(state).html(0)
    for part in ("ra=150.250000", "dec=-1.500000", "plateid=266", "150.250000d", "noopener"):
        assert part in html
    assert "http" not in FactsView(new_state(tiny_atlas_path, ra=np.nan, object_id="x")).html(0)
