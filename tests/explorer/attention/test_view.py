"""Attention on the page: what is asked, the strip under the spectrum, objects in its order."""

from pathlib import Path

import numpy as np
import pytest

from explorer.attention.attribution import (
    OFF,
    WINDOW,
    attend,
    channel_image,
    choices,
    diverging,
    target_of,
)
from explorer.attention.view import DIRECT, AttentionView
from explorer.spectrum.axis import WavelengthAxis
from explorer.spectrum.inspection import inspect
from explorer.theme.theme import DARK, LIGHT
from model.attribution.grad_fam import attribute
from model.attribution.target import line_target
from tests.fixtures.explorer import new_state, open_tiny

pytestmark = pytest.mark.filterwarnings(
    # Bokeh 3.9.2 makes tables with a keyword that pandas 3.1 deprecates.
    "ignore:The inplace keyword:pandas.errors.Pandas4Warning"
)


def opened(path: Path, *, selected: int | None = 5) -> AttentionView:
    state = new_state(path)
    view = AttentionView(state, WavelengthAxis(state))
    view.__panel__()
    state.selected = selected
    return view


def test_strip_is_the_attribution_at_its_observed_wavelengths(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path)
    atlas = view._state.dataset.atlas
    found = attribute(atlas.model, atlas.source.read([5]), line_target("Hα"))
    bars = {name: np.asarray(values) for name, values in view.bars.data.items()}
    expected = found.projection[0] / np.abs(found.projection[0]).max()
    np.testing.assert_allclose(bars["value"], expected, rtol=1e-5)
    np.testing.assert_allclose((bars["x0"] + bars["x1"]) / 2, found.wave, atol=0.6)
    np.testing.assert_allclose(bars["x0"][1:], bars["x1"][:-1])
    assert set(bars["colour"][bars["value"] > 0]) != set(bars["colour"][bars["value"] < 0])


def test_strip_follows_the_frame(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path)
    observed = np.asarray(view.bars.data["x0"])
    view._state.frame = "rest"
    assert view.attention is not None
    np.testing.assert_allclose(np.asarray(view.bars.data["x0"]), observed / (1 + view.attention.z))
    shaded = view.target.data
    assert shaded["x0"][0] < 6564.6 < shaded["x1"][0]


def test_what_the_spectrum_does_not_show_is_not_asked_about(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path, selected=None)
    state = view._state
    item = inspect(state.dataset, 5)
    beyond = float(item.wave[-1]) / (1 + item.z)
    state.param.update(window=(beyond + 20, beyond + 60), selected=5)
    assert view.attention is None
    assert "has no good pixel there" in str(view.message.object)
    state.window = (beyond - 60, beyond + 20)  # partly seen
    assert view.attention is not None
    assert "\N{MULTIPLICATION SIGN} norm above" in str(view.message.object)
    state.target = "D4000"
    assert "(a ratio)" in str(view.message.object)


def test_a_window_shades_what_was_asked(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path)
    view._state.frame = "rest"
    view._state.target = WINDOW
    assert view.attention is None
    assert "Drag a window" in str(view.message.object)
    view._state.window = (4900.0, 5050.0)
    assert (view.target.data["x0"], view.target.data["x1"]) == ([4900.0], [5050.0])


def test_model_without_attention_says_so(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path)
    text = str(view.message.object)
    assert "This model has no attention: shown is input × gradient" in text
    assert not view.show_channels.visible
    assert not view.order.visible


def test_spender_shows_channels_and_names_the_top_one(tiny_spender_atlas_path: Path) -> None:
    view = opened(tiny_spender_atlas_path)
    assert view.attention is not None
    found = view.attention.attribution
    assert found.map is not None
    assert f"top channel {found.top_channel()}" in str(view.message.object)
    assert view.attention.channels()[0] == np.abs(found.map[0]).max(axis=1).argmax()
    picture, left, right = channel_image(view.attention)
    assert left < found.wave[0] < found.wave[-1] < right
    top = found.aligned[0, found.top_channel()]
    np.testing.assert_allclose(np.abs(picture[-1]).max(), np.abs(top).max(), rtol=1e-6)
    assert not view._map_pane.visible
    view.show_channels.value = True
    assert view._map_pane.visible
    limit = view.mapper.high
    assert (view.mapper.low, limit) == (-limit, pytest.approx(np.abs(picture).max()))
    assert found.attention is not None
    np.testing.assert_allclose(found.attention[0].sum(axis=1), 1, rtol=1e-4)  # of each channel
    view.kind.value = DIRECT
    (weights,) = view.image.data["image"]
    assert weights.shape[0] == found.attention.shape[1]
    assert weights.max() == pytest.approx(found.aligned_attention.max(), rel=1e-5)


def test_picture_puts_the_strongest_segment_at_its_wavelength(
    tiny_spender_atlas_path: Path,
) -> None:
    dataset = open_tiny(tiny_spender_atlas_path)
    answer = attend(dataset, 5, line_target("Hα"))
    picture, left, right = channel_image(answer)
    column = np.abs(picture).max(axis=0).argmax()
    wave = left + (column + 0.5) * (right - left) / picture.shape[1]
    step = np.diff(answer.attribution.wave).max()
    strongest = np.abs(answer.attribution.aligned[0]).max(axis=0).argmax()
    assert abs(wave - answer.attribution.wave[strongest]) < step


def test_window_dragged_on_the_spectrum_becomes_the_target(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path)
    view._arm()
    assert view._state.picking_window
    view._state.param.update(window=(4900.0, 5050.0), picking_window=False)
    assert view._state.target == WINDOW
    assert view.attention is not None
    assert view.attention.target.label == "4900-5050 Å"
    assert "4900-5050 Å of the model" in str(view.message.object)


def test_every_choice_can_be_asked(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path)
    names = choices(view._state.dataset)
    assert {"Hα", "[O III] 5007", "D4000"} < set(names)
    item = inspect(view._state.dataset, 5)
    for name in names[1:-1]:
        view._state.target = name
        target = target_of(name, None)
        assert target is not None
        first, last = (edge * (1 + item.z) for edge in target.asked)
        seen = ((item.wave >= first) & (item.wave <= last) & ~item.masked).any()
        assert (view.attention is not None) == seen, name
        if view.attention is not None:
            assert np.isfinite(view.attention.attribution.projection).all()
    view._state.target = OFF
    assert view.attention is None
    assert view.message.object == ""


@pytest.mark.parametrize(
    ("window", "message"),
    [((5000.0, 5000.2), "at least 1 Angstrom wide"), ((300.0, 400.0), "the model covers")],
)
def test_bad_window_is_explained_in_the_page(
    tiny_atlas_path: Path, window: tuple[float, float], message: str
) -> None:
    view = opened(tiny_atlas_path)
    view._state.window = window
    assert message in str(view.message.object)
    assert view.attention is None
    view._state.target = "Hβ"
    assert view.attention is not None


def test_unknown_line_from_an_address_is_explained(tiny_atlas_path: Path) -> None:
    view = opened(tiny_atlas_path)
    view._state.target = "<b>no line</b>"
    assert "line must be one of" in str(view.message.object)
    assert "<b>no line</b>" not in str(view.message.object)
    assert target_of(OFF, None) is None


def test_objects_in_the_order_of_the_channel_are_marked(tiny_spender_atlas_path: Path) -> None:
    view = opened(tiny_spender_atlas_path)
    view._order()
    ordered = view.gallery.ordered
    assert ordered is not None
    assert view.attention is not None
    assert (np.diff(ordered.values) <= 0).all()
    assert view._state.highlight == ordered.rows.tolist()
    atlas = view._state.dataset.atlas
    found = attribute(atlas.model, atlas.source.read(ordered.rows.tolist()), view.attention.target)
    np.testing.assert_allclose(ordered.values, found.peaks()[:, ordered.channel], rtol=1e-3)
    near = np.abs(atlas.model.wave_rest - ordered.wave[0]).argmin()
    decoded = atlas.model.decode(atlas.latents[ordered.rows])
    np.testing.assert_allclose(
        ordered.models, decoded[:, near : near + len(ordered.wave)], rtol=1e-4, atol=1e-5
    )
    assert view.gallery._content.visible
    view._state.target = "Hβ"
    assert not view.gallery._content.visible


def test_order_looks_at_the_selected_objects(tiny_spender_atlas_path: Path) -> None:
    view = opened(tiny_spender_atlas_path)
    z = view._state.dataset.numeric("z")
    view._state.filters = {"z": (0.0, 0.1)}
    view._order()
    assert view.gallery.ordered is not None
    others = view.gallery.ordered.rows[view.gallery.ordered.rows != 5]
    assert (z[others] <= 0.1).all()


def test_middle_of_the_palette_is_the_paper() -> None:
    for colours in (LIGHT, DARK):
        palette = diverging(colours)
        assert palette[len(palette) // 2] == colours.paper
        assert len(set(palette)) == len(palette) == 101
