"""Files and addresses written by version 0.1 keep their meaning: see fixtures/written_by_0.1."""

import json
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import pytest
import torch

from data.source import open_source
from data.survey import Survey
from explorer.labels.place import open_labels
from explorer.state.address import NAMES, from_query, to_query
from explorer.state.dataset import Dataset
from explorer.state.state import ExplorerState
from explorer.tracks.store import TrackStore
from explorer.tracks.view import TracksView
from model.__main__ import main
from model.atlas.atlas import Atlas
from model.attribution.grad_fam import attribute
from model.attribution.target import line_target
from model.batches.batch import Batch
from model.store.storage import load_model
from model.tracks.track import Track
from model.training.course.history import read_history
from model.training.objective import Objective
from tests.fixtures.paths import ROOT

FILES = ROOT / "tests" / "fixtures" / "written_by_0.1"
EXPECTED: dict[str, Any] = json.loads((FILES / "expected.json").read_text(encoding="utf-8"))
ROWS: list[int] = EXPECTED["rows"]
ROUNDING = 1e-3
"""Of the spread of what a network gives; thousands of roundings of 6e-8 each stay well below."""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of version 0.1's files."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(FILES / "files.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def _assert_same(got: Any, expected: Any) -> None:
    """Compare what a network gives on this processor with what it gave on another."""
    expected = np.array(expected, dtype=float)
    np.testing.assert_allclose(
        got, expected, rtol=1e-5, atol=ROUNDING * expected.std(axis=0).mean()
    )


def _assert_catalog(catalog: pd.DataFrame, expected: list[dict[str, Any]]) -> None:
    expected_frame = pd.DataFrame(expected)
    assert list(catalog.columns) == list(expected_frame.columns)
    for name in catalog:
        got, want = catalog[name].iloc[ROWS], expected_frame[name]
        if pd.api.types.is_numeric_dtype(got):
            np.testing.assert_allclose(got, want.astype(float), rtol=1e-6, atol=1e-9, err_msg=name)
        else:
            assert list(got) == list(want), name


def test_survey_opens(old: Path) -> None:
    survey, expected = Survey(old / "survey"), EXPECTED["survey"]
    assert len(survey) == 60
    assert [str(survey.ids[row]) for row in ROWS] == expected["ids"]
    _assert_catalog(survey.catalog, expected["catalog"])
    spectra = survey.read(ROWS)
    for name in ("flux", "ivar"):
        got = getattr(spectra, name)[:, ::10]
        np.testing.assert_allclose(got, expected[name], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(spectra.z, expected["z"], atol=1e-7)


def test_mocks_of_another_recipe_are_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="mocks of recipe 1, this version makes recipe"):
        open_source(EXPECTED["mock"]["reference"])


@pytest.mark.parametrize("name", ["pca", "spender"])
def test_model_encodes_and_decodes_as_it_did(old: Path, name: str) -> None:
    survey, model, expected = Survey(old / "survey"), load_model(old / name), EXPECTED["models"]
    expected = expected[name]
    spectra = survey.read(ROWS)
    latents = np.array(expected["latents"], dtype=np.float32)
    _assert_same(model.encode(spectra), latents)
    _assert_same(model.decode(latents)[:, ::10], expected["decoded"])
    flux, valid = model.reconstruct(latents, spectra.z, survey.grid)
    np.testing.assert_array_equal(valid[:, ::10], expected["valid"])
    _assert_same(flux[:, ::10], expected["reconstructed"])


@pytest.mark.parametrize("name", ["atlas", "atlas_pca"])
def test_atlas_opens_with_its_scores_flow_and_neighbours(old: Path, name: str) -> None:
    atlas, expected = Atlas(old / name), EXPECTED["atlases"][name]
    _assert_catalog(atlas.catalog, expected["catalog"])
    log_p = atlas.flow.log_p(atlas.latents[ROWS])
    _assert_same(log_p, expected["log_p"])
    _assert_same(-log_p, atlas.catalog["neg_log_p"].iloc[ROWS])
    np.testing.assert_array_equal(atlas.neighbours.indices[ROWS, :4], expected["nearest"])
    np.testing.assert_allclose(
        atlas.neighbours.distances[ROWS, :4], expected["distances"], rtol=1e-6
    )
    assert [item.name for item in atlas.embeddings] == ["umap", "tsne", "pca"]
    assert {score.column for score in atlas.scores} >= {"neg_log_p", "lof", "chi2_red"}


def test_compact_atlas_finds_its_survey_and_encodes_it(old: Path) -> None:
    """Survey and atlas were moved together; half-precision weights give the latents stored."""
    atlas = Atlas(old / "atlas")
    spectra = atlas.source.read(ROWS)
    _assert_same(atlas.model.encode(spectra), atlas.latents[ROWS])


def test_attention_looks_where_it_did(old: Path) -> None:
    spectra = Survey(old / "survey").read(ROWS)
    found = attribute(load_model(old / "spender"), spectra, line_target("Hα"))
    expected = EXPECTED["attention"]
    np.testing.assert_allclose(found.wave, expected["wave"], rtol=1e-7)
    peaks = [found.peak_wave(row) for row in range(len(ROWS))]
    np.testing.assert_allclose(peaks, expected["peaks"], rtol=1e-7)


@pytest.fixture
def consistency_of_0_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the consistency loss compare as 0.1 did: what was seen augmented with itself."""
    augmented = Objective._augmented

    def compare(self: Objective, batch: Batch, generator: torch.Generator, *, alone: bool) -> Any:
        seen, moved = augmented(self, batch, generator, alone=alone)
        if moved is None:
            return seen, None
        changed = (seen[0] != batch.flux).any(dim=1)
        flux = torch.where(changed[:, None], seen[0], moved[0])
        return seen, (flux, torch.where(changed, seen[1], moved[1]))

    monkeypatch.setattr(Objective, "_augmented", compare)


@pytest.mark.usefixtures("consistency_of_0_1")
def test_stopped_training_goes_on_to_the_losses_of_one_never_stopped(old: Path) -> None:
    """Stopped in the middle of an epoch, led by its guide; settings come from the checkpoint."""
    stopped = old / "stopped"
    before = read_history(stopped / "history.csv")
    assert main(["train", str(old / "survey"), "--out", str(stopped), "--resume"]) == 0
    rows, expected = read_history(stopped / "history.csv"), EXPECTED["history"]
    assert 0 < len(before) < len(rows) == len(expected)
    for row, want in zip(rows, expected, strict=True):
        assert set(row) == set(want)
        for name in set(want) - {"seconds", "spectra_per_s"}:
            assert row[name] == pytest.approx(want[name], rel=1e-2, abs=1e-5), name
    latents = load_model(stopped).encode(Survey(old / "survey").read(ROWS))
    expected = np.array(EXPECTED["models"]["spender"]["latents"])
    np.testing.assert_allclose(latents, expected, atol=1e-2 * np.std(expected))


def test_labels_are_read_and_go_on(old: Path) -> None:
    labels = open_labels(old / "atlas")
    found = {key: [v.grade, v.kind, v.note, v.who] for key, v in labels.all().items()}
    assert found == EXPECTED["labels"]
    assert labels.undo("Ben") == "266-51602-0006"
    assert labels.put("266-51602-0008", who="Cy", grade=1).grade == 1
    assert len(labels.all()) == len(EXPECTED["labels"]) + 1
    labels.close()


def test_tracks_are_read(old: Path) -> None:
    names = TrackStore.of(old / "atlas").names()
    assert set(names) == set(EXPECTED["tracks"])
    for name, path in names.items():
        track, expected = Track.load(path), EXPECTED["tracks"][name]
        assert path.name == expected["file"]  # the same name writes the same file
        np.testing.assert_allclose(track.latents, expected["latents"], atol=1e-6)
        assert track.support.tolist() == expected["support"]
        assert track.recipe == expected["recipe"]


@pytest.mark.parametrize("address", EXPECTED["addresses"])
def test_address_sets_the_state_it_was_written_from(old: Path, address: str) -> None:
    state = ExplorerState(Dataset(Atlas(old / "atlas")))
    defaults = {name: getattr(state, name) for name in NAMES.values()}
    query = dict(parse_qsl(address.removeprefix("?"), strict_parsing=bool(address)))
    assert from_query(state, query) == []
    state.dark = query.get("theme") == "dark"  # the session reads it before there is a state
    now = address.replace("&tab=Attention", "")  # a part of the first tab by now
    assert to_query(state, defaults=defaults) == now
    assert state.selected_id == query.get("id", "")
    if address:
        assert address != to_query(ExplorerState(state.dataset), defaults=defaults)
    if "track" in query or "path" in query:
        decoded = TracksView(state).decoded
        assert decoded is not None
        assert len(decoded.track) >= 2


def test_every_name_of_an_old_address_is_still_one() -> None:
    named = {name for address in EXPECTED["addresses"] for name, _ in parse_qsl(address[1:])}
    assert named <= {*NAMES, "id", "theme"}
    assert len(named) > 10
