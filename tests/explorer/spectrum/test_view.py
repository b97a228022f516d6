"""The spectrum panel: what is drawn of an object, in both frames."""

import threading
from pathlib import Path

import numpy as np
import pytest
from bokeh.document import Document

from data.lines.emission import LINES, find_line
from explorer.attention.view import AttentionView
from explorer.spectrum.axis import WavelengthAxis, runs
from explorer.spectrum.fact import measured
from explorer.spectrum.facts import FactsView, facts
from explorer.spectrum.insets import WINDOWS
from explorer.spectrum.inspection import inspect
from explorer.spectrum.line_marks import line_positions, readable
from explorer.spectrum.pins import PinBar
from explorer.spectrum.reasons import ReasonsView
from explorer.spectrum.view import SpectrumView
from tests.fixtures.explorer import new_state
from tests.fixtures.server import Browser, run, until


def test_an_object_left_while_it_is_read_is_not_shown(
    tiny_atlas_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its spectrum nor its reasons nor what the network attends to."""
    release = threading.Event()

    def slowly(*_chosen: object, **_z: object) -> object:
        release.wait()
        return inspect(state.dataset, 5)

    for name in ("view", "reasons"):
        monkeypatch.setattr(f"explorer.spectrum.{name}.inspect", slowly)
    monkeypatch.setattr("explorer.attention.view.attend", lambda *_, **__: str(slowly()))
    state = new_state(tiny_atlas_path)

    async def work(_document: Document, _browser: Browser) -> None:
        axis = WavelengthAxis(state)
        view, why = SpectrumView(state, axis), ReasonsView(state)
        attention = AttentionView(state, axis)
        state.selected = 5
        state.choose(None)
        release.set()
        jobs = view._reading, why._explaining, attention._asking
        await until(lambda: not any(job._running for job in jobs))
        assert view.inspection is None
        assert why.html == attention.message.object == ""

    run(work)


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
    pixels, rest = view.pixels.data, view.panels.rest.data
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


def test_zoom_stays_between_objects_and_is_undone(tiny_atlas_path: Path) -> None:
    view = shown(tiny_atlas_path)
    state, x_range = view._state, view._axis.x_range
    for frame in ("observed", "rest"):
        state.frame = frame
        x_range.update(start=5000.0, end=5200.0)
        state.selected = 8
        assert (x_range.start, x_range.end) == (5000.0, 5200.0)
        view.show_all()
        wave = np.asarray(view.pixels.data["wave"])
        assert (x_range.start, x_range.end) == (wave[0], wave[-1])
        state.selected = 5
        wave = np.asarray(view.pixels.data["wave"])
        assert (x_range.start, x_range.end) == (wave[0], wave[-1])


def test_height_fits_continuum_or_window(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view = SpectrumView(state, WavelengthAxis(state))
    state.selected = int(state.dataset.catalog["activity"].argmax())  # strong lines
    y_range, data = view.panels.flux.y_range, view.pixels.data
    whole = y_range.end - y_range.start
    state.flux_range = "continuum"
    continuum = y_range.end - y_range.start
    assert continuum < 0.7 * whole
    marked = view.panels._cuts["flux"].source.data
    z = view.inspection.z  # type: ignore[union-attr]
    to_peak = np.abs(np.asarray(marked["x"]) - find_line("Hα").wave * (1 + z))
    assert to_peak.min() < 15
    assert marked["marker"][int(to_peak.argmin())] == "triangle"
    first, last = 5200 * (1 + z), 5500 * (1 + z)  # no line
    view._axis.x_range.update(start=first, end=last)
    state.flux_range = "window"
    inside = (np.asarray(data["wave"]) >= first) & (np.asarray(data["wave"]) <= last)
    model = np.asarray(data["model"])[inside]
    assert y_range.start < np.nanmin(model)
    assert y_range.end > np.nanmax(model)
    assert y_range.end - y_range.start < continuum
    state.flux_range = "all"
    assert y_range.end - y_range.start == pytest.approx(whole)


def test_neighbours_are_drawn_in_the_rest_frame_of_the_object(tiny_atlas_path: Path) -> None:
    view = shown(tiny_atlas_path)
    state = view._state
    state.overplot_neighbours = True
    assert len(view.panels.neighbours.data["xs"]) == state.n_neighbours
    other = state.neighbours(5)[0]
    z, z_other = state.dataset.catalog["z"].iloc[[5, other]]
    wave = state.dataset.atlas.source.grid.wave
    np.testing.assert_allclose(view.panels.neighbours.data["xs"][0], wave / (1 + z_other) * (1 + z))
    state.overplot_neighbours = False
    assert len(view.panels.neighbours.data["xs"]) == 0


def test_window_dragged_is_kept_in_the_rest_frame(tiny_atlas_path: Path) -> None:
    from bokeh.events import SelectionGeometry

    view = shown(tiny_atlas_path)
    z = view.inspection.z  # type: ignore[union-attr]
    view._state.picking_window = True
    shape = {"type": "rect", "x0": 6600 * (1 + z), "x1": 6500 * (1 + z), "y0": 0, "y1": 1}
    view._on_window(SelectionGeometry(view.panels.flux, geometry=shape, final=True))
    assert view._state.window == pytest.approx((6500, 6600))
    assert not view._state.picking_window


def test_deselecting_empties_the_panel(tiny_atlas_path: Path) -> None:
    view = shown(tiny_atlas_path)
    view._state.selected = None
    assert len(view.pixels.data["flux"]) == 0
    assert all(len(lines.data["x"]) == 0 for lines in view.insets.lines.values())


def test_facts_are_escaped_and_complete(tiny_atlas_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    state = new_state(tiny_atlas_path, **{"class": hostile, "<i>column</i>": 1.5})
    names = [name for _column, name, _value in facts(state.dataset, 3)]
    for score in state.dataset.atlas.scores:
        assert score.label in names
    html = FactsView(state).html(3)
    assert "<script" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert state.dataset.ids[3] in html
    assert "can not be compared between models" in html  # the paper's caveat of -log p
    ra = state.dataset.catalog["ra"].iloc[3]
    assert f"{ra:.6f}" in html


def test_what_is_measured_has_its_error_beside_it(tiny_atlas_path: Path) -> None:
    errors = {"ew_halpha_data": -2.34567, "ew_halpha_data_err": 0.0123}
    state = new_state(tiny_atlas_path, **errors, d4000_data=1.5, d4000_data_err=np.nan)
    told = {column: value for column, _label, value in facts(state.dataset, 3)}
    assert told["ew_halpha_data"] == "−2.346 ± 0.012"
    assert told["d4000_data"] == "1.5"
    assert "ew_halpha_data_err" not in told


@pytest.mark.parametrize(
    ("value", "error", "told"),
    [
        (2817.4, 128.594, "2817 ± 129"),
        (1e-9, 2.5e-10, "1e-09 ± 2.5e-10"),
        (7.1, 0.97, "7.10 ± 0.97"),
    ],
)
def test_an_error_says_how_many_digits_count(value: float, error: float, told: str) -> None:
    assert measured(value, error) == told


def test_links_hold_the_position(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path, ra=150.25, dec=-1.5)
    html = FactsView(state).html(0)
    for part in ("ra=150.250000", "dec=-1.500000", "plateid=266", "150.250000d", "noopener"):
        assert part in html
    assert "http" not in FactsView(new_state(tiny_atlas_path, ra=np.nan, object_id="x")).html(0)


def test_pinned_spectra_stay_beside_others(tiny_atlas_path: Path) -> None:
    view = shown(tiny_atlas_path)
    state, pins = view._state, view.panels.pins
    state.pin()
    state.selected = 9
    (flux,), (wave,) = pins.data["ys"], pins.data["xs"]
    spectra = state.dataset.atlas.source.read([5])
    used = spectra.ivar[0] > 0
    np.testing.assert_allclose(flux[used], spectra.flux[0][used], rtol=1e-5)
    assert np.isnan(flux[~used]).all()
    z = state.dataset.numeric("z")
    np.testing.assert_allclose(wave * (1 + z[5]), spectra.wave * (1 + z[9]), rtol=1e-6)
    state.frame = "rest"
    np.testing.assert_allclose(pins.data["xs"][0] * (1 + z[5]), spectra.wave, rtol=1e-6)


def test_stacked_spectra_lie_above_each_other(tiny_atlas_path: Path) -> None:
    view = shown(tiny_atlas_path)
    state = view._state
    for row in (1, 2):
        state.selected = row
        state.pin()
    plain = [np.nanmedian(flux) for flux in view.panels.pins.data["ys"]]
    state.stacked = True
    lifted = [np.nanmedian(flux) for flux in view.panels.pins.data["ys"]] - np.array(plain)
    assert lifted[0] > 0
    assert lifted[1] == pytest.approx(2 * lifted[0])
    assert view.panels.flux.y_range.end > plain[1] + lifted[1]


def test_six_objects_can_be_pinned_and_all_be_unpinned(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    with pytest.raises(ValueError, match="select an object"):
        state.pin()
    bar = PinBar(state)
    for row in range(6):
        state.selected = row
        state.pin()
    assert [name.label for name in bar.names] == state.pins == list(state.dataset.ids[:6])
    state.selected = 6
    with pytest.raises(ValueError, match="6 objects are pinned"):
        state.pin()
    state.selected = 2
    assert "Unpin" in bar.pin.description
    state.pin()
    assert len(state.pins) == 5
    bar.clear.param.trigger("clicks")
    assert state.pins == []
    assert bar.names == []
