"""The stack of the selected objects, drawn behind the spectrum inspected."""

from pathlib import Path

import numpy as np

from explorer.spectrum.axis import WavelengthAxis
from explorer.spectrum.view import SpectrumView
from explorer.state.state import ExplorerState
from model.tracks.population import read_populations
from tests.fixtures.explorer import new_state


def shown(path: Path) -> tuple[ExplorerState, SpectrumView]:
    state = new_state(path)
    return state, SpectrumView(state, WavelengthAxis(state))


def test_stack_is_that_of_the_objects_that_pass_in_the_frame_of_the_one_inspected(
    tiny_atlas_path: Path,
) -> None:
    state, view = shown(tiny_atlas_path)
    dataset = state.dataset
    state.selected = 5
    state.filters = {"z": [0.05, 0.15]}
    assert len(view.panels.stack.data["wave"]) == 0
    state.overplot_selection = True
    rows = state.rows()
    assert 5 < len(rows) < len(dataset)
    expected = read_populations(dataset.atlas.source, dataset.atlas.model, {"these": rows})
    low, middle, high = expected["these"].quantiles
    data = view.panels.stack.data
    for name, values in (("low", low), ("middle", middle), ("high", high)):
        np.testing.assert_allclose(data[name], values, rtol=1e-5)
    z = dataset.catalog["z"].iloc[5]
    np.testing.assert_allclose(data["wave"], dataset.atlas.model.wave_rest * (1 + z), rtol=1e-5)
    state.frame = "rest"
    np.testing.assert_allclose(
        view.panels.stack.data["wave"], dataset.atlas.model.wave_rest, rtol=1e-5
    )
    assert f"{len(rows):,} objects shown" in view.stack.words.object


def test_stack_follows_the_selection_and_goes(tiny_atlas_path: Path) -> None:
    state, view = shown(tiny_atlas_path)
    state.overplot_selection = True
    everything = np.asarray(view.panels.stack.data["middle"])
    start, end = view._axis.x_range.start, view._axis.x_range.end
    wave = state.dataset.atlas.model.wave_rest
    np.testing.assert_allclose([start, end], wave[[0, -1]], rtol=1e-5)  # none is inspected
    state.filters = {"z": [0.05, 0.1]}
    some = np.asarray(view.panels.stack.data["middle"])
    assert not np.array_equal(some, everything, equal_nan=True)
    state.filters = {"z": [7.0, 8.0]}
    assert view.stack.words.object == "No stack: no object is shown."
    assert len(view.panels.stack.data["middle"]) == 0
    label = view.panels.residual.xaxis[0]
    state.filters = {}
    assert label.axis_label == "rest wavelength [Å]"
    state.overplot_selection = False
    assert not view.stack.words.visible
    assert label.axis_label == "observed wavelength [Å]"


def test_smoothing_smooths_the_stack_too(tiny_atlas_path: Path) -> None:
    state, view = shown(tiny_atlas_path)
    state.selected = 5
    state.overplot_selection = True
    rough = np.nanstd(np.diff(view.panels.stack.data["middle"]))
    state.smoothing = 4
    assert np.nanstd(np.diff(view.panels.stack.data["middle"])) < rough
