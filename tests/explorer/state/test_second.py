"""Two atlases: the same objects found again, the second's maps and model beside the first's."""

from pathlib import Path

import numpy as np
import pytest

from explorer.plots.presets import available
from explorer.spectrum.axis import WavelengthAxis
from explorer.spectrum.inspection import inspect
from explorer.spectrum.view import SpectrumView
from explorer.state.dataset import Dataset
from explorer.state.state import ExplorerState
from model.atlas.atlas import Atlas


def two(first: Path, second: Path) -> Dataset:
    """Open two atlases, the second with its rows the other way round and one of them missing."""
    other = Atlas(second)
    other.__dict__["latents"] = other.latents[:0:-1]
    other.catalog = other.catalog.iloc[:0:-1].reset_index(drop=True)
    return Dataset(Atlas(first), second=other)


def test_objects_are_found_by_name(tiny_atlas_path: Path, tiny_spender_atlas_path: Path) -> None:
    dataset = two(tiny_atlas_path, tiny_spender_atlas_path)
    plain = Atlas(tiny_spender_atlas_path)
    expected = plain.catalog["umap_x"].to_numpy(np.float32)
    np.testing.assert_array_equal(dataset.numeric("second_umap_x")[1:], expected[1:])
    assert np.isnan(dataset.numeric("second_umap_x")[0])
    assert ("second_umap_x", "second_umap_y") in [(p.x, p.y) for p in available(dataset)]
    spectra = dataset.atlas.source.read([7])
    flux, inside = plain.model.reconstruct(plain.latents[[7]], spectra.z, spectra.grid)
    drawn = inspect(dataset, 7).second
    np.testing.assert_allclose(drawn, np.where(inside[0], flux[0], np.nan), rtol=1e-5)
    assert inspect(dataset, 0).second is not None  # encoded, as nobody has its latents


def test_both_models_are_drawn_and_judged(
    tiny_atlas_path: Path, tiny_spender_atlas_path: Path
) -> None:
    state = ExplorerState(two(tiny_atlas_path, tiny_spender_atlas_path))
    view = SpectrumView(state, WavelengthAxis(state))
    state.selected = 7
    chi2 = state.dataset.catalog["chi2_red"][7], state.dataset.catalog["second_chi2_red"][7]
    assert f"{chi2[0]:.3f} atlas, {chi2[1]:.3f} atlas_spender" in view.compared.object
    assert np.isfinite(view.pixels.data["second"]).any()


def test_atlases_of_other_objects_are_refused(tiny_atlas_path: Path) -> None:
    other = Atlas(tiny_atlas_path)
    other.catalog = other.catalog.assign(object_id=[f"other-{n}" for n in range(120)])
    with pytest.raises(ValueError, match="no object in common"):
        Dataset(Atlas(tiny_atlas_path), second=other)
