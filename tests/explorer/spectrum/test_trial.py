"""Redshift trial: lines, reconstruction and misfit follow the redshift tried."""

import threading
from pathlib import Path

import numpy as np
import pytest
from bokeh.document import Document

from explorer.spectrum.axis import WavelengthAxis
from explorer.spectrum.inspection import inspect
from explorer.spectrum.trial import TrialView, trials
from explorer.spectrum.view import SpectrumView
from explorer.state.dataset import Dataset
from model.evaluation.redshift_trial import Trials
from tests.fixtures.explorer import new_state
from tests.fixtures.server import Browser, run, until


def test_a_trial_moves_lines_and_model_and_ends(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view, trial = SpectrumView(state, WavelengthAxis(state)), TrialView(state)
    state.param.update(selected=7, trying=True)
    own = inspect(state.dataset, 7)
    assert trial.slider.value == pytest.approx(own.z)
    lines = np.array(view.lines.sources["emission"].data["x"])
    trial.slider.value = own.z + 0.01
    assert state.trial_z == pytest.approx(own.z + 0.01)
    moved = np.array(view.lines.sources["emission"].data["x"])
    np.testing.assert_allclose(moved / lines, (1.01 + own.z) / (1 + own.z))
    assert view.inspection is not None
    assert np.nanmax(np.abs(view.inspection.model - own.model)) > 0.01
    np.testing.assert_array_equal(view.inspection.flux, own.flux)
    tried, chi2 = trial.sources["tried"].data["chi2"], trial.sources["own"].data["chi2"]
    assert tried[-1] > chi2[0]
    assert f"z = {own.z + 0.01:.5f}, χ² = {tried[-1]:.3f}" in trial.words.object
    trial.box.value = f"{own.z + 0.02:.5f}"
    assert len(trial.sources["tried"].data["z"]) == 2
    trial.box.value = "far"
    assert trial.box.error_state
    assert state.trial_z == pytest.approx(own.z + 0.02, abs=1e-5)
    trial._scan()
    scanned = trial.sources["scan"].data
    assert abs(scanned["z"][np.argmin(scanned["chi2"])] - own.z) < 0.005
    assert (np.diff(scanned["z"]) > 0).all()
    nearest = np.abs(scanned["z"] - own.z).argmin()
    assert scanned["z"][nearest] == pytest.approx(own.z, abs=1e-6)
    assert scanned["chi2"].min() <= chi2[0] * 1.001
    state.trial_z = None
    assert view.inspection.z == own.z
    assert trial.slider.value == pytest.approx(own.z)
    state.trial_z = 0.3
    state.selected = 8  # another object is at its own redshift
    assert state.trial_z is None
    assert view.inspection.z == inspect(state.dataset, 8).z


def test_the_misfit_told_of_the_catalogue_is_that_of_the_object(
    tiny_atlas_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, release = new_state(tiny_atlas_path), threading.Event()
    state.param.update(selected=7, trying=True)
    trial = TrialView(state)
    of_the_first = trial.sources["own"].data["chi2"][0]

    def slowly(dataset: Dataset, chosen: int, redshifts: object) -> Trials:
        release.wait()
        return trials(dataset, chosen, redshifts)

    monkeypatch.setattr("explorer.spectrum.trial.trials", slowly)

    async def work(_document: Document, _browser: Browser) -> None:
        state.selected = 8
        trial.slider.value = trial.slider.value + 0.001  # before its own misfit has come
        assert len(trial.sources["own"].data["chi2"]) == 0
        assert f"{of_the_first:.3f}" not in trial.words.object
        release.set()
        own = trials(state.dataset, 8, None).chi2_red[0]
        await until(lambda: f"χ² = {own:.3f}." in trial.words.object)
        assert "Tried:" in trial.words.object

    run(work)
