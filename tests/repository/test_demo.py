"""The embedded demo: what a newcomer sees first, and what its model can do."""

import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from explorer.start_page import DEMO
from model.atlas.atlas import Atlas
from model.attribution.grad_fam import attribute
from model.attribution.target import line_target
from model.store.identifiers import Identifiers
from model.tracks.maker import TrackMaker
from model.tracks.places import Places
from model.tracks.trends import observed_trends, stack_members, trends

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def demo():
    return Atlas(DEMO)


def test_demo_is_large_in_objects_and_small_on_disk(demo):
    assert len(demo) >= 20_000
    assert (DEMO / "model" / "model.safetensors").stat().st_size <= 25 * MEGABYTE
    rest = [path for path in DEMO.rglob("*") if path.is_file() and path.suffix != ".safetensors"]
    assert sum(path.stat().st_size for path in rest) <= 14 * MEGABYTE
    card = (DEMO / "model" / "README.md").read_text()
    for word in ("seed", "full", "| test |", "ratio", "date"):
        assert word in card


def test_spectra_synthesised_now_are_those_it_was_made_from(demo):
    rows = np.arange(7, len(demo), len(demo) // 40)
    spectra = demo.source.read(rows)
    np.testing.assert_allclose(spectra.z, demo.catalog["z"].iloc[rows])
    latents = demo.model.encode(spectra)
    error = np.abs(latents - demo.latents[rows]) / demo.latents.std(axis=0)
    assert np.median(error) < 1e-3
    assert error.max() < 0.05


def test_model_was_not_trained_on_the_galaxies_shown(demo):
    training = json.loads((DEMO / "model" / "model.json").read_text())["training"]
    assert training["provenance"]["source"]["seed"] != demo.source.reference()["seed"]


def test_attention_to_halpha_lies_at_halpha(demo):
    """Melchior+2022, figure 4, across redshifts: within one segment for 8 of 10 strong emitters."""
    catalog = demo.catalog
    strong = (catalog["ew_halpha"] > 20) & (catalog["z"] < 0.38) & (catalog["outlier_kind"] == "")
    rows = np.flatnonzero(strong)
    order = rows[np.argsort(catalog["z"].to_numpy()[rows])]
    rows = order[np.linspace(0, len(order) - 1, 100).astype(int)]  # evenly through the redshifts
    spectra = demo.source.read(rows)
    found = attribute(demo.model, spectra, line_target("Hα"))
    peaks = [found.peak_wave(row) for row in range(len(rows))]
    segment = np.arange(len(found.wave))
    place, line = (
        np.interp(wave, found.wave, segment) for wave in (peaks, 6564.6 * (1 + spectra.z))
    )
    assert (np.abs(place - line) <= 1).mean() >= 0.8


def test_track_from_quiescent_to_star_forming(demo):
    """D4000 falls and EW(H-alpha) rises, in what is decoded and in what was observed.

    Where the path turns depends on the map, so a step back is allowed; the trend is not in doubt.
    """
    catalog = demo.catalog
    plain = (catalog["outlier_kind"] == "").to_numpy() & (catalog["snr"] > 10).to_numpy()
    plane = catalog[["umap_x", "umap_y"]].to_numpy()
    ssfr = catalog["log_ssfr"].to_numpy()
    levels = np.nanquantile(ssfr[plain], [0.05, 0.35, 0.65, 0.95])
    near = [np.flatnonzero(plain & (np.abs(ssfr - level) < 0.1)) for level in levels]
    path = np.stack([np.median(plane[rows], axis=0) for rows in near])
    maker = TrackMaker(
        latents=demo.latents,
        ids=Identifiers(catalog["object_id"]),
        neighbours=demo.neighbours,
    )
    track = maker.drawn(path, Places.of(plane), name="SF", embedding="umap", n_knot=8)
    for measured in (
        trends(demo.model, track.latents),
        observed_trends(stack_members(demo.source, demo.model, maker.rows(track), most=30)),
    ):
        for column, change in (("d4000", -0.3), ("ew_halpha", 15.0)):
            value = measured[column].to_numpy() * np.sign(change)
            assert spearmanr(np.arange(len(value)), value).statistic > 0.8, column
            assert value[-1] - value[0] > abs(change), column
