"""Presets of tracks: which there are, whom they are made of, and what their ends hold."""

import re
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from data.lines.classes import BROAD_AGN, EMISSION_LINE, NARROW_AGN, QUIESCENT
from explorer.start_page import DEMO
from explorer.state.dataset import Dataset
from explorer.tracks.classes import AGN, ALL, STARS, choices, rows_of
from explorer.tracks.presets import FORMER, PRESETS, End, percentiles_of, presets_of
from explorer.tracks.purity import name_ends, purity
from model.atlas.atlas import Atlas
from model.latent_axes import rising_along

CLASSES = [QUIESCENT] * 6 + [EMISSION_LINE] * 3 + [NARROW_AGN] * 2 + [BROAD_AGN]


def dataset(*, measured: bool = True, n_latent: int = 6) -> Dataset:
    """Return a dataset of twelve objects, the last of each class not classed by its spectrum."""
    catalog = pd.DataFrame({"object_id": [f"o{n}" for n in range(12)], "class": "GALAXY"})
    if measured:
        seen = np.array(CLASSES, dtype=object)
        seen[[5, 8]] = ""
        catalog["line_class_data"], catalog["line_class_model"] = seen, CLASSES
        for name in ("ew_halpha", "ew_oiii", "ew_halpha_wings", "hdelta_a"):
            catalog[f"{name}_model"] = catalog[f"{name}_data"] = np.arange(12.0)
    latents = np.arange(12.0 * n_latent).reshape(12, n_latent)
    atlas = SimpleNamespace(catalog=catalog, embeddings=(), latents=latents, scores=())
    return Dataset(cast(Atlas, atlas))


def test_an_atlas_without_measures_has_the_axes_alone() -> None:
    assert list(presets_of(dataset())) == list(PRESETS)
    older = presets_of(dataset(measured=False))
    assert list(older) == list(FORMER.values())
    assert len(presets_of(dataset(measured=False, n_latent=2))) == 2  # PC 1 and PC 2
    assert choices(dataset(measured=False)) == [ALL, "GALAXY"]


@pytest.mark.parametrize(
    ("chosen", "count"), [(ALL, 12), ("GALAXY", 12), (STARS, 9), (AGN, 3), (QUIESCENT, 6)]
)
def test_masks_take_the_model_s_class_where_the_spectrum_has_none(chosen: str, count: int) -> None:
    assert chosen in choices(dataset())
    assert rows_of(dataset(), chosen).sum() == count


def test_presets_choose_masks_that_there_are() -> None:
    assert {item.classes for item in PRESETS.values()} <= set(choices(dataset()))


def test_purity_is_of_what_the_spectra_tell() -> None:
    rows = np.arange(7)  # five quiescent, one not classed, one with emission lines
    share, n = purity(dataset(), End(label="quiescent", classes=(QUIESCENT,)), rows)
    assert (share, n) == (5 / 6, 6)
    above = End(label="high", column="hdelta_a_data", above=4.0)
    assert purity(dataset(), above, rows) == (2 / 7, 7)
    assert purity(dataset(), above, rows[:0])[1] == 0


def test_ends_say_their_purity() -> None:
    ends = PRESETS["star formation: quiescent to emission-line, by EW Hα"].ends
    assert ends is not None
    values = np.where(np.isin(CLASSES, (QUIESCENT, EMISSION_LINE)), np.arange(12.0), np.nan)
    assert name_ends(dataset(), ends, values, [0, 50, 100]) == (
        "First bin: 100 % quiescent (of 4 measured); last bin: 67 % emission-line (of 3 measured)."
    )


def test_ends_deserve_their_names_in_the_demo() -> None:
    """Its mocks are ones that its model never saw. Noise hides some broad lines of the last bin of
    active nuclei, of which nearly all have them by what they are made of."""
    demo = Dataset(Atlas(DEMO))
    broad = demo.atlas.catalog["nucleus"].to_numpy(str) == "broad-line"
    for name, preset in presets_of(demo).items():
        if preset.ends is None:
            continue
        values = rising_along(
            demo.atlas.latents, demo.numeric(preset.column), rows_of(demo, preset.classes)
        )
        told = name_ends(demo, preset.ends, values, percentiles_of(preset.percentiles))
        shares = [int(share) for share in re.findall(r"(\d+) %", told)]
        assert len(shares) == 2, name
        if preset.classes == AGN:
            known = np.isfinite(values)
            assert broad[known & (values >= np.nanpercentile(values, 85))].mean() >= 0.95
        assert min(shares) >= (70 if preset.classes == AGN else 80), f"{name}: {told}"
