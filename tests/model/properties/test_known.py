"""Properties told by neighbours: right where they can be, and as sure as they say."""

import numpy as np
import pandas as pd
import pytest

from data.columns import column
from model.atlas.atlas import Atlas
from model.properties.known import learn_properties, log_light, property_columns

N = 3000


@pytest.fixture(scope="module")
def sky():
    """Latents that tell sSFR up to a scatter of 0.2 dex, and mass over light up to 0.1 dex."""
    rng = np.random.default_rng(3)
    latents = rng.normal(size=(N, 3)).astype(np.float32)
    z, norm = rng.uniform(0.02, 0.3, N), rng.lognormal(2, 1, N)
    log_mass = log_light(norm, z) + 0.5 * latents[:, 1] + rng.normal(0, 0.1, N)
    log_ssfr = -10 + latents[:, 0] + rng.normal(0, 0.2, N)
    log_ssfr[::3] = np.nan
    catalog = pd.DataFrame(
        {"z": z, "norm": norm, "log_mass": log_mass, "log_ssfr": log_ssfr, "a_v": np.nan}
    )
    return catalog, latents, learn_properties(catalog, latents)


def test_only_what_is_known_is_learnt(sky):
    assert set(sky[2]) == {"log_mass", "log_ssfr"}
    assert sky[2]["log_ssfr"].calibration.n_known == N - N // 3
    assert learn_properties(sky[0].head(50), sky[1][:50]) == {}


def test_intervals_hold_the_share_they_claim_for_objects_never_seen(sky):
    catalog, latents, _ = sky
    half = slice(0, N // 2)
    known = learn_properties(catalog[half], latents[half])
    rest = catalog.iloc[N // 2 :]
    light = log_light(rest["norm"].to_numpy(), rest["z"].to_numpy())
    for name, item in known.items():
        value, low, high = item.estimate(latents[N // 2 :], light)
        truth = rest[name].to_numpy()
        seen = np.isfinite(truth)
        inside = ((truth >= low) & (truth <= high))[seen]
        assert abs(inside.mean() - 0.683) < 4 * np.sqrt(0.683 * 0.317 / len(inside)) + 0.02, name
        assert np.corrcoef(value[seen], truth[seen])[0, 1] > 0.9
        assert abs(item.calibration.coverage - 0.683) < 0.06


def test_a_mass_is_of_the_galaxys_own_light(sky):
    _, latents, known = sky
    mass = known["log_mass"]
    dim, bright = (mass.estimate(latents[:5], np.full(5, light)) for light in (4.0, 5.0))
    np.testing.assert_allclose(bright.value - dim.value, 1)
    np.testing.assert_allclose(bright.high - bright.low, dim.high - dim.low)
    with pytest.raises(ValueError, match="give light"):
        mass.estimate(latents[:5])


def test_known_objects_are_left_out_of_their_own_estimates(sky):
    catalog, latents, known = sky
    ssfr = known["log_ssfr"]
    own = ssfr.estimate_known(latents).value
    seen = catalog["log_ssfr"].notna().to_numpy()
    new = ssfr.estimate(latents).value
    np.testing.assert_array_equal(own[~seen], new[~seen])
    error = (catalog["log_ssfr"].to_numpy() - own)[seen]
    assert 1.4826 * np.median(np.abs(error)) == pytest.approx(ssfr.calibration.scatter, rel=0.1)


def test_a_calibration_is_written_and_read(sky):
    catalog, latents, known = sky
    stored = {name: item.calibration.to_dict() for name, item in known.items()}
    again = learn_properties(catalog, latents, stored)
    assert {name: item.calibration for name, item in again.items()} == {
        name: item.calibration for name, item in known.items()
    }


def test_an_atlas_keeps_estimates_of_what_some_objects_lack(sky):
    catalog, latents, known = sky
    columns = property_columns(known, catalog, latents)
    assert set(columns) == {"log_ssfr_near", "log_ssfr_near_low", "log_ssfr_near_high"}
    lacking = catalog["log_ssfr"].isna()
    assert np.isfinite(columns["log_ssfr_near"][lacking]).all()
    assert (columns["log_ssfr_near_low"] < columns["log_ssfr_near_high"]).all()
    assert column("log_ssfr_near_low").title == "log sSFR by neighbours, low [1/yr]"
    assert column("log_mass_near").heading == "log M* near"


def test_an_atlas_tells_properties_of_objects_without(tiny_atlas_path):
    atlas = Atlas(tiny_atlas_path)
    lacking = atlas.catalog["log_mass"].isna().to_numpy()
    assert lacking.sum() == 3
    near = atlas.catalog["log_mass_near"].to_numpy()
    assert np.isfinite(near[lacking]).all()
    assert "log_ssfr_near" not in atlas.catalog, "no object lacks it"
    assert atlas.info["properties"]["log_ssfr"]["n_known"] == 120
    again = learn_properties(atlas.catalog, atlas.latents, atlas.info["properties"])
    light = log_light(*(atlas.catalog[name].to_numpy() for name in ("norm", "z")))
    value = again["log_mass"].estimate_known(atlas.latents, light).value
    np.testing.assert_allclose(value, near, rtol=1e-5)
