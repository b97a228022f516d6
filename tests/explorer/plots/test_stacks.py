"""Stacks of groups: brought to the scale asked for, told where that fails, saved as a table."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from explorer.plots.compare import CompareView
from explorer.plots.groups import OTHERS, SELECTED
from explorer.plots.stacks import PHYSICAL, STORED, WHOLE, WINDOW, Scaling
from explorer.plots.view import PlotsView
from tests.fixtures.explorer import new_state, open_tiny


def test_a_window_is_two_wavelengths(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path)
    assert Scaling(WINDOW, "4000 - 4100").limits(dataset) == (4000, 4100)
    assert Scaling(WHOLE, "").limits(dataset) == dataset.rest_range
    assert Scaling(STORED, "4000-4100").limits(dataset) is None
    for wrong in ("", "4000", "4100-4000", "blue-red"):
        with pytest.raises(ValueError, match="two wavelengths"):
            Scaling(WINDOW, wrong).limits(dataset)


def test_the_scale_changes_the_stacks_and_their_table(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    state.param.update(tab="Plots", plot="compare", region={"condition": "activity > 0.5"})
    view = PlotsView(state).plots["compare"]
    assert isinstance(view, CompareView)
    assert view.groups == (SELECTED, OTHERS)
    stored = np.array(view.spectra.groups[0].data["flux"])
    view.scale.value = PHYSICAL
    ratio = np.nanmedian(np.array(view.spectra.groups[0].data["flux"]) / stored)
    norms = state.dataset.catalog["norm"]
    assert norms.min() < ratio < norms.max()
    assert "erg/s" in view.spectra.above.yaxis.axis_label
    view.scale.value = WINDOW
    assert view.window.visible
    view.window.value = "9200-9300"
    assert "choose another" in view.words.object
    view.window.value = "4400-4600"
    view._save()
    table = pd.read_csv(BytesIO(view.download.content))
    here = table["wave_rest"].between(4400, 4600)
    for name in (SELECTED, OTHERS):
        assert table[f"{name} median"][here].median() == pytest.approx(1, abs=0.03)
        assert (table[f"{name} count"][here] > 20).all()
