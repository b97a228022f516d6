import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr

from data.json_file import read_json, write_json
from data.survey import Survey
from model.__main__ import main
from model.atlas import build as atlas_build
from model.atlas import working_folder
from model.atlas.atlas import Atlas
from model.atlas.build import make_atlas
from model.atlas.config import AtlasConfig, FlowSettings
from model.placement.placer import Placer
from model.store.storage import load_model
from tests.fixtures.atlas import build, write_pca, write_survey
from tests.fixtures.paths import ROOT, copy_without_labels


@pytest.fixture
def own(tiny_atlas_path, tmp_path):
    """A copy of the tiny atlas, survey and model that a test may damage."""
    copy_without_labels(tiny_atlas_path.parent, tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.mark.parametrize("kind", ["pca", "spender"])
def test_atlas_holds_what_is_promised(kind, request):
    name = {"pca": "tiny_atlas_path", "spender": "tiny_spender_atlas_path"}[kind]
    atlas = Atlas(request.getfixturevalue(name))
    assert atlas.model.kind == kind
    assert len(atlas) == len(atlas.source) == len(atlas.neighbours) == atlas.info["n_object"]
    assert [item.name for item in atlas.embeddings] == ["umap", "tsne", "pca"]
    for column in [axis for item in atlas.embeddings for axis in (item.x, item.y)]:
        assert np.isfinite(atlas.catalog[column]).all(), column
    for score in atlas.scores:
        assert np.isfinite(atlas.catalog[score.column]).all(), score.column
    assert {"neg_log_p", "lof", "chi2_red"} <= {score.column for score in atlas.scores}
    assert set(atlas.source.catalog.columns) <= set(atlas.catalog.columns)
    assert atlas.neighbours.k == 32
    assert "120 objects" in atlas.info["notes"][0]


def test_columns_are_what_model_and_flow_say(tiny_atlas_path):
    atlas = Atlas(tiny_atlas_path)
    spectra = atlas.source.read(slice(0, 120))
    latents = atlas.model.encode(spectra)
    np.testing.assert_allclose(atlas.latents, latents, rtol=1e-5, atol=1e-5)
    flux, covered = atlas.model.reconstruct(latents, spectra.z, atlas.source.grid)
    good = (spectra.ivar > 0) & covered
    chi2 = np.where(good, spectra.ivar * (spectra.flux - flux) ** 2, 0).sum(axis=1)
    np.testing.assert_allclose(atlas.catalog["chi2_red"], chi2 / good.sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(
        atlas.catalog["neg_log_p"], -atlas.flow.log_p(atlas.latents), rtol=1e-5
    )
    np.testing.assert_allclose(atlas.info["latent_mean"], latents.mean(axis=0), atol=1e-5)


def test_survey_columns_stay_as_they_were(tiny_atlas_path):
    atlas = Atlas(tiny_atlas_path)
    survey = atlas.source.catalog
    pd.testing.assert_frame_equal(atlas.catalog[list(survey.columns)], survey)


def test_same_inputs_same_atlas(own):
    build(own / "survey", own / "pca", own / "again")
    first, again = Atlas(own / "atlas"), Atlas(own / "again")
    pd.testing.assert_frame_equal(first.catalog, again.catalog)


def test_atlas_and_survey_may_move_together(own, tmp_path):
    (tmp_path / "new").mkdir()
    for name in ("atlas", "survey"):
        shutil.move(own / name, tmp_path / "new" / name)
    atlas = Atlas(tmp_path / "new" / "atlas")
    assert atlas.source.reference()["path"] == str(tmp_path / "new" / "survey")


def test_lost_survey_says_where_it_was_sought_and_takes_a_new_place(own, tmp_path):
    info = json.loads((own / "atlas" / "atlas.json").read_text())
    info["source"]["path"] = str(own / "survey")  # not the shared one it was built from
    (own / "atlas" / "atlas.json").write_text(json.dumps(info))
    shutil.move(own / "survey", tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=f"{own / 'survey'}.*put its new path under source.path"):
        _ = Atlas(own / "atlas").source
    atlas = Atlas(own / "atlas", survey=tmp_path / "elsewhere")
    assert len(atlas.source.read([0, 5])) == 2


def test_another_survey_in_its_place_is_an_error(own):
    shutil.rmtree(own / "survey")
    write_survey(own / "survey", n_object=90)
    with pytest.raises(ValueError, match="survey has 90 objects, the atlas 120"):
        _ = Atlas(own / "atlas").source


def test_another_model_in_its_place_is_an_error(own):
    write_pca(own / "survey", own / "other", n_latent=3)
    for path in (own / "other").iterdir():
        shutil.copy(path, own / "atlas" / "model")
    with pytest.raises(ValueError, match="is not the model that this atlas was made with"):
        _ = Atlas(own / "atlas").model


def drop_column(atlas):
    path = atlas / "catalog.parquet"
    pd.read_parquet(path).drop(columns=["umap_x", "lof"]).to_parquet(path)


def drop_rows(atlas):
    path = atlas / "catalog.parquet"
    pd.read_parquet(path).head(50).to_parquet(path)


def write_column_twice(atlas):
    path = atlas / "catalog.parquet"
    table = pq.read_table(path)
    pq.write_table(table.append_column("z", table["z"]), path)


def truncate(atlas):
    path = atlas / "catalog.parquet"
    path.write_bytes(path.read_bytes()[:500])


def edit(**changes):
    def damage(atlas):
        path = atlas / "atlas.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return damage


def put(name, values):
    def damage(atlas):
        path = atlas / "catalog.parquet"
        pd.read_parquet(path).assign(**{name: values}).to_parquet(path)

    return damage


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (shutil.rmtree, "does not exist"),
        (lambda atlas: (atlas / "atlas.json").unlink(), "is not a atlas|is not an atlas"),
        (lambda atlas: (atlas / "atlas.json").write_text("{"), "can not be read as JSON"),
        (edit(schema_version=99), "has atlas schema 99"),
        (edit(scores=[{"colour": 1}]), "atlas.json is damaged"),
        (edit(embeddings=None), "atlas.json is damaged"),
        (edit(embeddings="umap"), "atlas.json is damaged.*Embedding must be an object, got 'u'"),
        (edit(embeddings=[1, 2]), "atlas.json is damaged.*Embedding must be an object, got 1"),
        (edit(scores={"lof": 1}), "atlas.json is damaged.*Score must be an object, got 'lof'"),
        (edit(checksums=[1]), "atlas.json is damaged"),
        (edit(n_object=float("inf")), "atlas.json is damaged"),
        (lambda atlas: (atlas / "catalog.parquet").unlink(), "it has no catalog.parquet"),
        (truncate, "catalog.parquet can not be read"),
        (drop_column, r"must have the columns \['umap_x', 'lof'\]"),
        (drop_rows, "has 50 rows, atlas.json says 120"),
        (write_column_twice, "two columns of one name"),
        (edit(embeddings=[{"name": "umap", "label": {}, "x": "umap_x", "y": "umap_y"}]), "label"),
        (edit(model={"n_latent": 10**12}), "n_latent must lie in 1..1000"),
        (put("z", "far"), "z must be numbers, got"),
        (put("z", [0.1] * 119 + [np.nan]), "z must be finite, and is not for 1 objects.* row 119"),
        (put("latent_1", [np.inf] * 120), "latent_1 must be finite, and is not for 120"),
        (put("umap_y", True), "umap_y must be numbers, got bool"),
        (put("lof", [-np.inf] + [1.0] * 119), "lof must not be infinite.* in row 0"),
        (put("object_id", np.arange(120) / 2), "must be text or whole numbers.* floating"),
        (put("object_id", ["a"] * 119 + [None]), "object_id must be text or whole numbers"),
        (put("object_id", [["a"]] * 120), "object_id must be text or whole numbers"),
    ],
)
def test_damaged_atlas_says_what_is_wrong(own, damage, says):
    damage(own / "atlas")
    with pytest.raises(ValueError, match=says):
        Atlas(own / "atlas")


def flip(path, byte):
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[byte] ^= 0x10
    path.write_bytes(content)


@pytest.mark.parametrize("folder", ["survey", "atlas"])
def test_no_changed_byte_of_a_catalogue_goes_unnoticed(own, folder, rng):
    """Headers of pages have no checksum of their own, but nothing in them that is shown."""
    path, opened = own / folder / "catalog.parquet", {"survey": Survey, "atlas": Atlas}[folder]
    content, expected = path.read_bytes(), opened(own / folder).catalog
    footer = int.from_bytes(content[-8:-4], "little") + 8
    n_noticed = 0
    for byte in rng.integers(4, len(content) - footer, 60):
        path.write_bytes(content)
        flip(path, byte)
        try:
            found = opened(own / folder).catalog
        except ValueError:
            n_noticed += 1
        else:
            pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert n_noticed > 30


@pytest.mark.parametrize("name", ["flow", "strangeness", "neighbours"])
def test_no_changed_byte_of_what_goes_with_a_catalogue_goes_unnoticed(own, name, rng):
    (path,) = (own / "atlas").glob(f"{name}.*")
    content = path.read_bytes()
    getattr(Atlas(own / "atlas"), name)
    for byte in [*rng.integers(300, len(content) * 0.9, 20), len(content) // 2]:
        path.write_bytes(content)
        flip(path, byte)
        with pytest.raises(ValueError, match=f"{name}.*(build the atlas again|not a readable)"):
            getattr(Atlas(own / "atlas"), name)


def test_an_atlas_without_checksums_opens(own):
    info = read_json(own / "atlas" / "atlas.json", what="atlas")
    assert set(info.pop("checksums")) == {"flow.safetensors", "strangeness.safetensors"}
    write_json(own / "atlas" / "atlas.json", info)
    catalog = pd.read_parquet(own / "atlas" / "catalog.parquet")
    catalog.to_parquet(own / "atlas" / "catalog.parquet", write_page_checksum=False)
    atlas = Atlas(own / "atlas")
    assert np.isfinite(atlas.flow.log_p(atlas.latents)).all()
    assert atlas.strangeness is not None
    pd.testing.assert_frame_equal(atlas.catalog, catalog)


def test_catalogue_is_read_as_pandas_reads_it_whatever_its_index(own):
    path = own / "atlas" / "catalog.parquet"
    whole = pd.read_parquet(path)
    whole.set_index(np.arange(len(whole)) // 2).to_parquet(path)
    pd.testing.assert_frame_equal(Atlas(own / "atlas").catalog, whole)


def test_places_and_scores_may_be_missing(own):
    for name in ("umap_x", "lof"):
        put(name, [np.nan] * 3 + [1.0] * 117)(own / "atlas")
    assert np.isnan(Atlas(own / "atlas").catalog["lof"]).sum() == 3


@pytest.mark.parametrize("column", [
    {"z": pa.array([0.1]), "rows": 80_000_000},
    {"object_id": pa.array(["a" * 500_000]), "rows": 20_000},
], ids=["numbers", "text"])  # fmt: skip
def test_a_small_file_that_would_fill_the_memory_is_not_read(own, column):
    """Equal values are stored once, so that gigabytes fit into some kilobytes."""
    n_row = column.pop("rows")
    ((name, values),) = column.items()
    codes = pa.array(np.zeros(n_row, np.int8))
    table = pa.table({name: pa.DictionaryArray.from_arrays(codes, values)})
    path = own / "atlas" / "catalog.parquet"
    pq.write_table(table, path, store_schema=False, compression="zstd", data_page_size=2**28)
    edit(n_object=n_row)(own / "atlas")
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ValueError, match="would take .* GB of memory"):
        Atlas(own / "atlas")


def test_a_graph_that_leads_nowhere_is_refused(own):
    path = own / "atlas" / "neighbours.npz"
    right = dict(np.load(path))
    for indices, says in (
        (right["indices"] + 1, "indices must be rows, 0 to 119"),
        (right["indices"].astype(float), "whole numbers"),
        (right["indices"][:, :2], "one shape"),
    ):
        np.savez(path, indices=indices, distances=right["distances"])
        with pytest.raises(ValueError, match=says):
            _ = Atlas(own / "atlas").neighbours
    np.savez_compressed(path, indices=np.zeros((80_000_000, 2), np.int32), distances=[0.0])
    with pytest.raises(ValueError, match="would take .* GB of memory"):
        _ = Atlas(own / "atlas").neighbours


def test_damaged_parts_say_what_is_wrong_when_asked_for(own):
    (own / "atlas" / "neighbours.npz").write_bytes(b"")
    (own / "atlas" / "flow.safetensors").unlink()
    (own / "atlas" / "model" / "model.safetensors").write_bytes(b"no")
    atlas = Atlas(own / "atlas")
    for part, says in (
        ("neighbours", "neighbours.npz is not a readable"),
        ("flow", "flow.safetensors is not a readable flow"),
        ("model", "model.safetensors"),
    ):
        with pytest.raises(ValueError, match=says):
            getattr(atlas, part)


def run(*arguments):
    return main(["atlas", *map(str, arguments)])


def test_mistakes_end_with_status_2_and_leave_nothing(own, capsys):
    few = write_survey(own / "few", n_object=49)
    other = own / "desi"
    write_survey(other, n_object=60, grid=Survey(own / "survey").grid.__class__(
        scale="linear", start=3600, step=4.0, n_pixel=1500))  # fmt: skip
    out = own / "new"
    for arguments, says in (
        ((own / "survey", own / "pca", "--out", own / "atlas"), "exists; choose another --out"),
        ((few, own / "pca", "--out", out), "at least 50 objects, got 49"),
        ((own / "nowhere", own / "pca", "--out", out), "does not exist"),
        ((own / "survey", own / "nowhere", "--out", out), "does not exist"),
        ((own / "survey", own / "survey", "--out", out), "is not a model"),
        ((other, own / "spender", "--out", out), "grid must be one that the model encodes"),
        ((own / "survey", own / "pca", "--out", out, "--jobs", 0), "jobs must be -1 or positive"),
    ):
        assert run(*arguments) == 2
        assert says in capsys.readouterr().err
        assert not out.exists()


def test_broken_latents_name_their_objects(own, monkeypatch):
    real = load_model(own / "pca")
    monkeypatch.setattr(atlas_build, "load_model", lambda *_, **__: real)

    def encode(spectra):
        latents = np.zeros((len(spectra), real.n_latent), np.float32)
        latents[3] = np.nan
        return latents

    monkeypatch.setattr(real, "encode", encode)
    config = AtlasConfig(survey=own / "survey", model=own / "pca", out=own / "new")
    with pytest.raises(ValueError, match="266-51602-0004"):
        make_atlas(Survey(own / "survey"), config, progress=False)


@pytest.mark.slow
def test_killed_build_goes_on_at_the_stage_it_was_in(own):
    out = own / "new"
    command = [sys.executable, "-m", "model", "atlas", own / "survey", own / "pca", "--out", out]
    process = subprocess.Popen(
        [*map(str, command)], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    flow = own / ".new.partial" / "flow.safetensors"
    deadline = time.monotonic() + 120
    while not flow.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert flow.exists()
    assert not out.exists()
    kept = {path: path.stat().st_mtime_ns for path in (own / ".new.partial").rglob("*.parquet")}
    kept[flow] = flow.stat().st_mtime_ns
    assert kept
    assert run(own / "survey", own / "pca", "--out", out) == 0
    assert (out / "flow.safetensors").stat().st_mtime_ns == kept[flow], "the flow was kept"
    assert not (own / ".new.partial").exists()
    assert not (out / ".work").exists()
    pd.testing.assert_frame_equal(Atlas(out).catalog, Atlas(own / "atlas").catalog)


def test_leftovers_of_another_job_are_not_used(own, monkeypatch):
    config = AtlasConfig(survey=own / "survey", model=own / "pca", out=own / "new")

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(atlas_build, "fit_flow", stop)
    with pytest.raises(KeyboardInterrupt):
        make_atlas(Survey(own / "survey"), config, progress=False)
    assert (own / ".new.partial" / ".work" / "encode").is_dir()
    monkeypatch.undo()
    build(own / "survey", own / "spender", own / "new")
    assert Atlas(own / "new").model.kind == "spender"
    pd.testing.assert_frame_equal(Atlas(own / "new").catalog, Atlas(own / "atlas_spender").catalog)


def test_a_stopped_atlas_starts_anew_where_the_spectra_changed(own, monkeypatch, capsys):
    config = AtlasConfig(survey=own / "survey", model=own / "pca", out=own / "new", maps=("pca",))

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(atlas_build, "fit_flow", stop)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            make_atlas(Survey(own / "survey"), config, progress=False)
    assert "anew" not in capsys.readouterr().err
    monkeypatch.undo()
    flux = zarr.open_group(str(own / "survey" / "spectra.zarr"), mode="r+")["flux"]
    flux[:] = flux[:][::-1]
    make_atlas(Survey(own / "survey"), config, progress=False)
    assert "starts anew: what the survey holds changed" in capsys.readouterr().err
    atlas = Atlas(own / "new")
    latents = atlas.model.encode(atlas.source.read(slice(0, 120)))
    np.testing.assert_allclose(atlas.latents, latents, rtol=1e-5, atol=1e-5)


def test_an_atlas_stopped_in_its_last_step_is_whole(own, monkeypatch):
    out = own / "new"
    config = AtlasConfig(survey=own / "survey", model=own / "pca", out=out, maps=("pca",))

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(working_folder.shutil, "rmtree", stop)
        with pytest.raises(KeyboardInterrupt):
            make_atlas(Survey(own / "survey"), config, progress=False)
    assert (out / ".work").is_dir()
    atlas = Atlas(out)
    latents = atlas.model.encode(atlas.source.read(slice(0, 120)))
    np.testing.assert_allclose(atlas.latents, latents, rtol=1e-5, atol=1e-5)
    assert run(own / "survey", own / "pca", "--out", out) == 2
    assert not (out / ".work").exists()
    assert len(Atlas(out)) == 120


@pytest.fixture
def stopped(own, monkeypatch):
    """Settings of an atlas that was stopped after its neighbours were found."""
    config = AtlasConfig(survey=own / "survey", model=own / "pca", out=own / "new", maps=("pca",))

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(atlas_build, "fit_flow", stop)
        with pytest.raises(KeyboardInterrupt):
            make_atlas(Survey(own / "survey"), config, progress=False)
    return config


def test_a_block_that_lacks_a_file_is_made_again(stopped, own):
    next((own / ".new.partial" / ".work" / "encode").glob("*.windows.npz")).unlink()
    make_atlas(Survey(own / "survey"), stopped, progress=False)
    ours, whole = Atlas(own / "new").catalog, Atlas(own / "atlas").catalog
    for name in ("latent_0", "strangeness"):
        np.testing.assert_array_equal(ours[name], whole[name])


def test_a_stopped_atlas_whose_removal_was_cut_short_is_not_gone_on_with(stopped, own, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", stop)
        with pytest.raises(KeyboardInterrupt):
            make_atlas(Survey(own / "survey"), replace(stopped, seed=7), progress=False)
    flow = own / ".new.partial" / "flow.safetensors"
    flow.write_bytes(b"half removed")
    make_atlas(Survey(own / "survey"), stopped, progress=False)
    assert np.isfinite(Atlas(own / "new").catalog["neg_log_p"]).all()


@pytest.mark.parametrize("name", ["job.json", "neighbours.npz", "encode/*.npz", "encode/*.parquet"])
def test_damage_to_what_a_stopped_atlas_left_says_what_to_remove(stopped, own, capsys, name):
    path = next((own / ".new.partial" / ".work").glob(name))
    path.write_bytes(path.read_bytes()[:100] if name != "job.json" else b"")
    assert run(own / "survey", own / "pca", "--out", own / "new", "--maps", "pca") == 2
    told = capsys.readouterr().err
    assert str(path) in told
    if name == "job.json":
        path = own / ".new.partial"
        assert f"remove {path} to start anew" in told
        shutil.rmtree(path)
    else:
        assert "remove it to start its stage anew" in told
        path.unlink()
    assert run(own / "survey", own / "pca", "--out", own / "new", "--maps", "pca") == 0


@pytest.mark.parametrize("seed", [1, 7])
def test_two_makers_of_one_atlas_do_not_meet(own, monkeypatch, seed):
    config = AtlasConfig(survey=own / "survey", model=own / "pca", out=own / "new", maps=("pca",))
    fit, refused = atlas_build.fit_flow, []

    def fit_while_another_begins(*arguments, **settings):
        with pytest.raises(ValueError, match="another process is writing") as error:
            make_atlas(Survey(own / "survey"), replace(config, seed=seed), progress=False)
        refused.append(error)
        return fit(*arguments, **settings)

    monkeypatch.setattr(atlas_build, "fit_flow", fit_while_another_begins)
    make_atlas(Survey(own / "survey"), config, progress=False)
    assert len(refused) == 1
    np.testing.assert_array_equal(
        Atlas(own / "new").catalog["neg_log_p"], Atlas(own / "atlas").catalog["neg_log_p"]
    )


def test_identifiers_are_hashed_as_one_text_though_some_at_a_time(monkeypatch):
    ids = pd.Series([f"0266-51602-{k:04d}" for k in range(30)])
    whole = hashlib.sha256("\n".join(ids).encode()).hexdigest()
    for rows in (7, 10, 30, 100):
        monkeypatch.setattr(working_folder, "GROUP_ROWS", rows)
        assert working_folder._digest(ids) == whole


def test_a_conditional_flow_gives_a_score_that_place_gives_too(tiny_atlas_path, tmp_path):
    tiny, out = tiny_atlas_path.parent, tmp_path / "atlas"
    flow = FlowSettings(flow_conditional=True, flow_passes=3)
    config = AtlasConfig(survey=tiny / "survey", model=tiny_atlas_path / "model", out=out,
                         maps=("pca",), flow=flow)  # fmt: skip
    make_atlas(Survey(tiny / "survey"), config, progress=False)
    atlas = Atlas(out)
    assert "neg_log_p_conditional" in [score.column for score in atlas.scores]
    assert "neg_log_p_conditional" not in [item.column for item in Atlas(tiny_atlas_path).scores]
    placed = Placer(atlas).place(atlas.source.read([7])).row
    ours = atlas.catalog["neg_log_p_conditional"].iloc[7]
    assert placed["neg_log_p_conditional"] == pytest.approx(ours, abs=1e-3)
    with pytest.raises(ValueError, match="flow_passes must be at least 1"):
        FlowSettings(flow_passes=0)


def test_many_objects_are_mapped_or_read_where_that_can_not_be(own, monkeypatch, caplog):
    whole = Atlas(own / "atlas")
    monkeypatch.setattr("model.atlas.atlas.MANY", 1)
    mapped = Atlas(own / "atlas")
    assert (own / "atlas" / "columns").is_dir()
    pd.testing.assert_frame_equal(mapped.catalog, whole.catalog)
    np.testing.assert_array_equal(mapped.latents, whole.latents)
    assert len(mapped.source) == len(whole)

    def full(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr("model.atlas.atlas.map_catalog", full)
    pd.testing.assert_frame_equal(Atlas(own / "atlas").catalog, whole.catalog)
    assert "disk full" in caplog.text
