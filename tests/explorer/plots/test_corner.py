"""The corner plot: its cells are the pairs, what is marked lies there, a click makes the map."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from explorer.map.image import MapRequest
from explorer.plots.corner import CornerView
from explorer.plots.corner_image import GAP, draw_corner, pairs_of
from explorer.plots.view import PlotsView
from explorer.state.plane import AXES, LATENTS
from explorer.state.planes import axes_of
from explorer.state.state import ExplorerState
from tests.fixtures.explorer import new_state


def request_of(state: ExplorerState) -> MapRequest:
    return MapRequest(
        plane=state.plane, colour=state.colour, colour_scale="linear", clip=(1, 99),
        palette="viridis", shown=state.shown, subset=state.subset, dark=False,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [LATENTS, AXES])
def test_cells_are_the_pairs(tiny_atlas_path: Path, kind: str) -> None:
    state = new_state(tiny_atlas_path)
    made = draw_corner(state.dataset, request_of(state), kind, (400, 400))
    assert made.names == tuple(
        f"latent {n}" if kind == LATENTS else f"axis {n + 1}" for n in range(4)
    )
    assert made.pixels.shape == (400, 400)
    drawn = made.pixels.view(np.uint8).reshape(400, 400, 4)[..., 3] > 0
    for column in range(4):
        for row in range(4):
            cell = drawn[(3 - row) * 100 : (4 - row) * 100, column * 100 : (column + 1) * 100]
            assert cell.any() == ((column, row) in pairs_of(4))
    # Most objects lie in the bulk of each pair: where they are marked, something is drawn.
    values = state.dataset.atlas.latents
    if kind == AXES:
        origin, axes = axes_of(state.dataset)
        values = (values - origin) @ axes.T
    x, y = made.places(values)
    assert np.isfinite(x).mean() > 0.9
    inside = np.isfinite(x) & np.isfinite(y)
    columns, rows = (np.floor(place[inside] * 100).astype(int) for place in (x, y))
    assert drawn[rows, columns].mean() > 0.95


def test_each_class_has_its_curve_and_the_rest_is_left_out(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    state.colour = "class"
    made = draw_corner(state.dataset, request_of(state), LATENTS, (200, 200))
    assert len(made.curves["xs"]) == 4 * 2
    state.param.update(colour="z", region={"condition": "snr > median(snr)"})
    made = draw_corner(state.dataset, request_of(state), LATENTS, (200, 200))
    assert len(made.curves["xs"]) == 4 * 2  # all, and those selected
    state.filters = {"class": ["QSO"]}
    n_quasar = int((state.dataset.catalog["class"] == "QSO").sum())
    assert draw_corner(state.dataset, request_of(state), LATENTS, (200, 200)).n_drawn == n_quasar


def test_the_pair_clicked_is_the_map(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    state.param.update(tab="Plots", plot="corner", corner=AXES, selected=5)
    view = PlotsView(state).plots["corner"]
    assert isinstance(view, CornerView)
    view._show((AXES, draw_corner(state.dataset, request_of(state), AXES, (200, 200))))
    assert len(view.sources["selected"].data["x"]) == len(pairs_of(4))
    state.track_latents = state.dataset.atlas.latents[:9].astype(float)
    assert [len(xs) for xs in view.sources["track"].data["xs"]] == [9] * 6
    view._on_tap(SimpleNamespace(x=1.5, y=0.5))
    assert (state.embedding, state.latent_x, state.latent_y) == (AXES, 1, 3)
    assert view.sources["map"].data == {"left": [1 + GAP], "bottom": [GAP]}
    view._on_tap(SimpleNamespace(x=2.5, y=2.5))  # above the diagonal there is nothing
    assert (state.latent_x, state.latent_y) == (1, 3)
