"""The store gives back what it got, in any pieces, through any crash; damage is told."""

import os
import shutil
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.atomic import partial_folder
from data.grid import WaveGrid
from data.joined import JoinedSource
from data.json_file import read_json, write_json
from data.mock.survey import MockSurvey
from data.partial.part import CHUNK_ROWS, PartWriter
from data.source import content_hash
from data.spectra import SpectrumSource
from data.survey import Survey
from data.survey_writer import Block, SurveyWriter, finish_interrupted

GRID = WaveGrid(scale="log", start=3.58, step=1e-3, n_pixel=30)
ON_DISK = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=12
)


def objects(start: int, stop: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows that can be told apart: flux and ivar say which object they belong to."""
    index = np.arange(start, stop)
    rows = pd.DataFrame({"object_id": [f"obj-{i}" for i in index], "z": 0.01 * (index + 1.0)})
    flux = np.outer(index + 1, np.arange(1, 31)).astype("f4")
    return rows, flux, flux + 1


def write(out: Path, sizes: list[int], **options: Any) -> None:
    with SurveyWriter(out, grid=GRID, info={"instrument": "test"}, **options) as writer:
        start = writer.n_row
        for size in sizes:
            writer.append(*objects(start, start + size))
            start += size


def check(survey: Survey, n_object: int) -> None:
    rows, flux, ivar = objects(0, n_object)
    pd.testing.assert_frame_equal(survey.catalog, rows)
    spectra = survey.read(slice(None))
    np.testing.assert_array_equal(spectra.flux, flux)
    np.testing.assert_array_equal(spectra.ivar, ivar)
    np.testing.assert_allclose(spectra.wave, GRID.wave)
    np.testing.assert_array_equal(spectra.z, rows["z"])


@given(sizes=st.lists(st.integers(0, 300), min_size=1, max_size=4).filter(any))
@ON_DISK
def test_survey_gives_back_what_was_appended_in_any_pieces(tmp_path: Path, sizes):
    out = tmp_path / "survey"
    shutil.rmtree(out, ignore_errors=True)
    write(out, sizes)
    survey = Survey(out)
    check(survey, sum(sizes))
    assert isinstance(survey, SpectrumSource)
    assert sorted(p.name for p in out.iterdir()) == [
        "catalog.parquet",
        "spectra.zarr",
        "survey.json",
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["survey"]


@given(rows=st.lists(st.integers(0, 299), max_size=40))
@ON_DISK
def test_rows_come_in_the_order_asked_for(tmp_path: Path, rows):
    if not (tmp_path / "survey").exists():
        write(tmp_path / "survey", [300])
    survey = Survey(tmp_path / "survey")
    spectra = survey.read(rows)
    _, flux, _ = objects(0, 300)
    np.testing.assert_array_equal(spectra.flux, flux[np.array(rows, int)])
    np.testing.assert_array_equal(spectra.z, survey.catalog["z"].to_numpy()[np.array(rows, int)])


@given(data=st.data(), n_row=st.integers(1, 300))
@ON_DISK
def test_compact_keeps_each_spectrum_with_its_row(tmp_path: Path, data, n_row):
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=n_row, max_size=n_row)))
    if not keep.any():
        keep[0] = True
    out = tmp_path / "survey"
    shutil.rmtree(out, ignore_errors=True)
    with SurveyWriter(out, grid=GRID, info={}) as writer:
        writer.append(*objects(0, n_row))
        writer.compact(writer.catalog(), keep)
    survey = Survey(out)
    index = np.array([int(name.split("-")[1]) for name in survey.catalog["object_id"]])
    np.testing.assert_array_equal(np.sort(index), np.flatnonzero(keep))
    _, flux, ivar = objects(0, n_row)
    np.testing.assert_array_equal(survey.read(slice(None)).flux, flux[index])
    np.testing.assert_array_equal(survey.read(slice(None)).ivar, ivar[index])


class Stop(Exception):
    """Stands for whatever ends a run."""


def write_then_stop(out: Path, sizes: list[int], **options: Any) -> None:
    with SurveyWriter(out, grid=GRID, info={"instrument": "test"}, **options) as writer:
        for size in sizes:
            writer.append(*objects(writer.n_row, writer.n_row + size), note={"size": size})
        raise Stop


def stopped(out: Path, sizes: list[int], torn: str = "") -> None:
    """Begin a survey and stop, with half a line in the journal if `torn`."""
    with pytest.raises(Stop):
        write_then_stop(out, sizes, resume=True)
    if torn:
        with (partial_folder(out) / "journal.jsonl").open("a") as journal:
            journal.write(torn)


@pytest.mark.parametrize("torn", ["", '{"n_row": 9', '{"n_row": 999, "note": {}}'])
def test_a_stopped_writer_goes_on_after_its_last_whole_step(tmp_path: Path, torn):
    out = tmp_path / "survey"
    stopped(out, [100, 60], torn)
    assert not out.exists()
    with SurveyWriter(out, grid=GRID, info={"instrument": "test"}, resume=True) as writer:
        assert writer.n_row == 160
        assert writer.notes == [{"size": 100}, {"size": 60}]
        writer.append(*objects(160, 300))
    check(Survey(out), 300)


def test_spectra_without_their_line_in_the_journal_are_dropped(tmp_path: Path):
    out = tmp_path / "survey"
    stopped(out, [100, 60])
    journal = partial_folder(out) / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0])
    write(out, [150], resume=True)
    check(Survey(out), 250)


@pytest.mark.parametrize("step", range(4))
def test_a_writer_stopped_in_its_last_steps_is_finished(tmp_path: Path, monkeypatch, step):
    out = tmp_path / "survey"
    keep = np.arange(300) % 3 != 0

    def run() -> None:
        with SurveyWriter(out, grid=GRID, info={}, resume=True) as writer:
            if not writer.n_row:
                writer.append(*objects(0, 300))
            writer.compact(writer.catalog(), keep)

    steps = ["data.survey_writer.write_json", "zarr.Array.resize", "shutil.rmtree", "os.rename"]

    def fail(*_: Any, **__: Any) -> None:
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(steps[step], fail)
        with pytest.raises(Stop):
            run()
    assert not out.exists()
    if not finish_interrupted(out):
        run()
    survey = Survey(out)
    assert len(survey) == 200
    index = np.array([int(name.split("-")[1]) for name in survey.catalog["object_id"]])
    np.testing.assert_array_equal(survey.read(slice(None)).flux, objects(0, 300)[1][index])


def test_a_failed_writer_leaves_nothing(tmp_path: Path):
    with pytest.raises(Stop):
        write_then_stop(tmp_path / "s", [3])
    assert list(tmp_path.iterdir()) == []


def test_an_empty_survey_is_refused(tmp_path: Path):
    with (
        pytest.raises(ValueError, match="at least one spectrum"),
        SurveyWriter(tmp_path / "s", grid=GRID, info={}),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("resume", [True, False])
def test_two_writers_of_one_survey_do_not_meet(tmp_path: Path, resume):
    with SurveyWriter(tmp_path / "s", grid=GRID, info={}, resume=True) as writer:
        writer.append(*objects(0, 3))
        with (
            pytest.raises(ValueError, match="another process is writing"),
            SurveyWriter(tmp_path / "s", grid=GRID, info={}, resume=resume),
        ):
            pass
    check(Survey(tmp_path / "s"), 3)


def test_a_survey_whose_removal_was_cut_short_is_not_gone_on_with(tmp_path: Path, monkeypatch):
    out = tmp_path / "s"
    with pytest.raises(Stop):
        write_then_stop(out, [3], resume=True)

    def stop(*_: object, **__: object) -> None:
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", stop)
        with pytest.raises(Stop), SurveyWriter(out, grid=GRID, info={}):
            pass
    with SurveyWriter(out, grid=GRID, info={}, resume=True) as writer:
        assert writer.n_row == 0
        writer.append(*objects(0, 3))
    check(Survey(out), 3)


def test_overwrite_replaces_a_survey_and_nothing_else(tmp_path: Path):
    out = tmp_path / "survey"
    write(out, [3])
    with pytest.raises(ValueError, match="exists; choose another"):
        write(out, [5])
    with pytest.raises(Stop):
        write_then_stop(out, [5], overwrite=True)
    check(Survey(out), 3)
    write(out, [5], overwrite=True)
    check(Survey(out), 5)
    (tmp_path / "precious").mkdir()
    with pytest.raises(ValueError, match="is not a survey"):
        write(tmp_path / "precious", [3], overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["precious", "survey"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r, f, i: (r, f[:, :-1], i), "must have shape"),
        (lambda r, f, i: (r, f * np.nan, i), "must be finite"),
        (lambda r, f, i: (r, f, -i), "ivar >= 0"),
        (lambda r, f, i: (r.drop(columns="z"), f, i), "must have object_id and z"),
    ],
)
def test_spectra_that_do_not_fit_are_refused(tmp_path: Path, change, message):
    with SurveyWriter(tmp_path / "s", grid=GRID, info={}) as writer:
        writer.append(*objects(0, 2))
        with pytest.raises(ValueError, match=message):
            writer.append(*change(*objects(2, 4)))
    check(Survey(tmp_path / "s"), 2)


@pytest.mark.parametrize(
    "name",
    [
        "catalog.parquet",
        "survey.json",
        "spectra.zarr/zarr.json",
        "spectra.zarr/flux/zarr.json",
        "spectra.zarr/flux/c/0/0",
        "spectra.zarr/ivar/c/1/0",
    ],
)
@pytest.mark.parametrize("damage", ["remove", "cut", "empty", "change"])
def test_damage_to_any_file_is_told(tmp_path: Path, name, damage):
    out = tmp_path / "survey"
    write(out, [CHUNK_ROWS + 20])
    path = out / name
    content = path.read_bytes()
    if damage == "remove":
        path.unlink()
    else:
        middle = len(content) // 2
        changed = content[:middle] + bytes(b ^ 255 for b in content[middle : middle + 9])
        new = {"cut": content[:middle], "empty": b"", "change": changed + content[middle + 9 :]}
        path.write_bytes(new[damage])
    with pytest.raises(ValueError, match=r"survey|damaged|JSON"):
        Survey(out).read(slice(None))


def test_each_missing_chunk_is_counted_before_anything_is_read(tmp_path: Path):
    write(tmp_path / "s", [5 * CHUNK_ROWS + 1])
    assert len(Survey(tmp_path / "s")) == 5 * CHUNK_ROWS + 1
    for number in (0, 5):  # the last one is not full
        (tmp_path / "s" / "spectra.zarr" / "ivar" / "c" / str(number) / "0").unlink()
    with pytest.raises(ValueError, match=r"damaged: 2 chunks of spectra\.zarr are missing"):
        Survey(tmp_path / "s")


def test_a_chunk_of_spectra_without_data_is_not_a_missing_one(tmp_path: Path):
    catalog, flux, ivar = objects(0, 2 * CHUNK_ROWS)
    flux[:CHUNK_ROWS], ivar[:CHUNK_ROWS] = 0, 0
    with SurveyWriter(tmp_path / "s", grid=GRID, info={}) as writer:
        writer.append(catalog, flux, ivar)
    spectra = Survey(tmp_path / "s").read(np.arange(2 * CHUNK_ROWS))
    np.testing.assert_array_equal(spectra.flux, flux)
    np.testing.assert_array_equal(spectra.ivar, ivar)


def test_rows_that_do_not_exist_are_refused(tmp_path: Path):
    write(tmp_path / "s", [5])
    for rows in ([5], [-1], [0, 99]):
        with pytest.raises(ValueError, match=r"indices must lie in 0\.\.4"):
            Survey(tmp_path / "s").read(rows)


def test_missing_and_foreign_folders_are_told(tmp_path: Path):
    with pytest.raises(ValueError, match="does not exist"):
        Survey(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is not a survey: it has no survey.json"):
        Survey(tmp_path)
    write(tmp_path / "s", [2])
    info = read_json(tmp_path / "s" / "survey.json", what="survey")
    write_json(tmp_path / "s" / "survey.json", info | {"schema_version": 99})
    with pytest.raises(ValueError, match="has survey schema 99"):
        Survey(tmp_path / "s")


def test_json_is_never_half_written(tmp_path: Path, monkeypatch):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(Stop))
    with pytest.raises(Stop):
        write_json(path, {"a": 2})
    assert read_json(path, what="thing") == {"a": 1}


def test_blocks_on_several_grids_are_added_together_or_not_at_all(tmp_path: Path, monkeypatch):
    """Stopped between the first and the second grid of one append, and gone on with."""
    grids = {"one": GRID, "two": WaveGrid(scale="linear", start=4000.0, step=2.0, n_pixel=7)}
    other = objects(0, 5)[0], np.full((5, 7), 3.0, "f4"), np.ones((5, 7), "f4")

    def run() -> None:
        with SurveyWriter(tmp_path / "s", grid=grids, info={}, resume=True) as writer:
            if not writer.notes:
                writer.append_blocks([Block("one", *objects(0, 20))], note={"step": 1})
            writer.append_blocks([Block("one", *objects(20, 40)), Block("two", *other)])

    append = PartWriter.append

    def stop_at_second(part: PartWriter, *values: Any) -> None:
        if part.grid.n_pixel == 7:
            raise Stop
        append(part, *values)

    with monkeypatch.context() as patch:
        patch.setattr(PartWriter, "append", stop_at_second)
        with pytest.raises(Stop):
            run()
    run()
    survey = Survey(tmp_path / "s")
    assert [(part.name, part.start, part.stop) for part in survey.parts] == [
        ("one", 0, 40), ("two", 40, 45),
    ]  # fmt: skip
    np.testing.assert_array_equal(survey.read(slice(0, 40)).flux, objects(0, 40)[1])
    np.testing.assert_array_equal(survey.read([41, 44]).flux, 3.0)


def test_of_several_grids_the_one_that_is_left_makes_a_plain_survey(tmp_path: Path):
    grids = {"one": GRID, "two": WaveGrid(scale="linear", start=4000.0, step=2.0, n_pixel=7)}
    with SurveyWriter(tmp_path / "s", grid=grids, info={}) as writer:
        other = objects(100, 102)[0], np.ones((2, 7), "f4"), np.ones((2, 7), "f4")
        writer.append_blocks([Block("two", *other), Block("one", *objects(0, 30))])
        writer.compact(writer.catalog(), np.arange(32) % 32 < 30)
    check(Survey(tmp_path / "s"), 30)
    stored = sorted(path.name for path in (tmp_path / "s" / "spectra.zarr").iterdir())
    assert stored == ["flux", "ivar", "wave", "zarr.json"]


def test_spectra_of_an_object_store_are_read_from_there(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("data.survey.STORES", ("memory://",))
    out, address = tmp_path / "survey", "memory://bucket/spectra.zarr"
    write(out, [300])
    store = fsspec.filesystem("memory")
    store.put(str(out / "spectra.zarr"), "/bucket/spectra.zarr", recursive=True)
    shutil.rmtree(out / "spectra.zarr")
    write_json(
        out / "survey.json", read_json(out / "survey.json", what="survey") | {"spectra": address}
    )
    check(Survey(out), 300)
    np.testing.assert_array_equal(Survey(out).read([280, 3]).flux, objects(0, 300)[1][[280, 3]])
    lost = next(name for name in store.find("/bucket/spectra.zarr/ivar") if "zarr.json" not in name)
    store.rm(lost)
    with pytest.raises(ValueError, match="lacks spectra"):
        Survey(out).read(slice(None))
    store.rm("/bucket", recursive=True)
    with pytest.raises(ValueError, match="not a complete survey"):
        Survey(out)


@pytest.mark.parametrize("address", ["file:///etc", "s4://bucket/spectra.zarr"])
def test_addresses_of_other_kinds_are_refused(tmp_path: Path, address):
    write(tmp_path / "survey", [3])
    info = read_json(tmp_path / "survey" / "survey.json", what="survey")
    write_json(tmp_path / "survey" / "survey.json", info | {"spectra": address})
    with pytest.raises(ValueError, match="must lie in a folder"):
        Survey(tmp_path / "survey")


def test_content_hash_is_that_of_a_copy_and_tells_changed_spectra_and_rows(tmp_path: Path):
    survey = tmp_path / "survey"
    write(survey, [300])
    shutil.copytree(survey, tmp_path / "copy", copy_function=shutil.copyfile)

    def told(folder: str) -> str:
        return content_hash(Survey(tmp_path / folder).reference())

    first = told("survey")
    assert told("copy") == first
    group = zarr.open_group(str(tmp_path / "copy" / "spectra.zarr"), mode="r+")
    array: Any = group["flux"]
    array[200, 3] += 1e-3
    assert told("copy") != first
    array[200, 3] = Survey(survey).read([200]).flux[0, 3]
    assert told("copy") == first
    rows = Survey(survey).catalog
    rows.loc[7, "z"] += 0.1
    rows.to_parquet(tmp_path / "copy" / "catalog.parquet", index=False)
    assert told("copy") != first


def test_content_hash_of_other_sources_is_that_of_what_they_are_made_of(tmp_path: Path):
    write(tmp_path / "survey", [5])
    survey = Survey(tmp_path / "survey")
    mocks = [MockSurvey(n=3, seed=seed) for seed in (1, 2)]
    joined = [JoinedSource([survey, mock]) for mock in mocks]
    sources = [survey, *mocks, *joined]
    assert len({content_hash(source.reference()) for source in sources}) == len(sources)
