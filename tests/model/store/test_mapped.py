import os
import shutil
import sys

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.store import mapped
from model.store.mapped import CONTENTS, FOLDER, let_go, map_catalog

N = 1000


@pytest.fixture
def path(tmp_path, monkeypatch, rng):
    """A catalogue of columns of every kind."""
    monkeypatch.setattr(mapped, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    catalog = pd.DataFrame(
        {
            "object_id": [f"é-{row}" for row in range(N)],
            "z": rng.uniform(size=N),
            "umap_x": rng.normal(size=N).astype(np.float32),
            "targetid": np.arange(N) + 39627745524713206,
            "tile": pd.array([None if row % 3 else row for row in range(N)], dtype="Int64"),
            "class": ["GALAXY" if row % 2 else None for row in range(N)],
            "primary": np.arange(N) % 2 == 0,
        }
    )
    catalog.loc[5, "umap_x"] = np.nan
    (tmp_path / "atlas").mkdir()
    catalog.to_parquet(tmp_path / "atlas" / "catalog.parquet", index=False, row_group_size=300)
    return tmp_path / "atlas" / "catalog.parquet"


def read(path, *, check=lambda _: None, needed=("z",), n_object=N):
    return map_catalog(path, n_object=n_object, needed=needed, check=check, progress=False)


def test_a_mapped_catalogue_is_the_one_that_is_read(path):
    for _written, _mapped in range(2), range(2):
        catalog = read(path)
        pd.testing.assert_frame_equal(catalog, pd.read_parquet(path))
        assert not catalog["umap_x"].to_numpy().flags.owndata
        record = catalog.iloc[5]
        assert (record["targetid"], record["tile"]) == (39627745524713211, pd.NA)
    assert sorted(os.listdir(path.parent)) == ["catalog.parquet", FOLDER]


def test_a_catalogue_is_checked_once_for_what_is_needed(path):
    checked = []
    for needed in (["z"], ["z"], ["z", "lof"], ["lof"]):
        read(path, needed=needed, check=checked.append)
    assert len(checked) == 2


def test_another_catalogue_of_that_name_is_mapped_anew(path):
    read(path)
    catalog = pd.read_parquet(path)
    catalog["z"] += 1
    catalog.to_parquet(path, index=False)
    pd.testing.assert_frame_equal(read(path), catalog)


def test_what_is_refused_leaves_nothing(path):
    def refuse(_):
        raise ValueError("no")

    with pytest.raises(ValueError, match="^no$"):
        read(path, check=refuse)
    with pytest.raises(ValueError, match="1000 rows, atlas.json says 999"):
        read(path, n_object=999)
    assert os.listdir(path.parent) == ["catalog.parquet"]


def test_a_folder_that_can_not_be_written_has_its_columns_in_the_cache(path, monkeypatch, tmp_path):
    monkeypatch.setattr(mapped, "can_write", lambda _: False)
    pd.testing.assert_frame_equal(read(path), pd.read_parquet(path))
    assert os.listdir(path.parent) == ["catalog.parquet"]
    checked = []
    read(path, check=checked.append)
    assert not checked
    assert len(os.listdir(tmp_path / "cache")) == 1


def test_columns_that_a_killed_process_left_are_removed_in_time(path):
    old, new = (path.parent / f".{FOLDER}-{name}" for name in ("old", "new"))
    old.mkdir()
    new.mkdir()
    os.utime(old, (0, 0))
    read(path)
    assert not old.exists()
    assert new.exists(), "another process may be at it"


def test_of_two_processes_at_once_both_have_the_catalogue(path, monkeypatch):
    rename = os.rename

    def late(partial, folder):
        shutil.copytree(partial, folder)
        rename(partial, folder)

    monkeypatch.setattr(mapped.os, "rename", late)
    pd.testing.assert_frame_equal(read(path), pd.read_parquet(path))
    assert sorted(os.listdir(path.parent)) == ["catalog.parquet", FOLDER]


def test_a_full_disk_is_told_as_such_and_leaves_nothing(path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mapped.pa, "OSFile", full)
    with pytest.raises(OSError, match="No space left"):
        read(path)
    assert os.listdir(path.parent) == ["catalog.parquet"]


@pytest.mark.parametrize("damage", ["truncated", "missing", "offsets", "swapped"])
def test_a_damaged_column_is_told(path, damage):
    read(path)
    column = path.parent / FOLDER / "0.arrow"
    if damage == "truncated":
        os.truncate(column, column.stat().st_size // 2)
    elif damage == "missing":
        column.unlink()
    elif damage == "swapped":
        shutil.copy(path.parent / FOLDER / "1.arrow", column)
    else:  # text that begins where there is none
        table = pa.ipc.open_file(column).read_all()
        _valid, offsets, text = table.column(0).chunk(0).buffers()
        wrong = np.frombuffer(offsets, np.int64).copy()
        wrong[7] = 2**40
        array = pa.Array.from_buffers(
            pa.large_string(), N, [None, pa.py_buffer(wrong.tobytes()), text]
        )
        batch = pa.record_batch([array], schema=table.schema)
        with pa.OSFile(str(column), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_batch(batch)
    with pytest.raises(ValueError, match=r"0\.arrow|columns"):
        read(path)


def test_a_missing_or_damaged_catalogue_is_told(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="can not be read"):
        read(path)
    path.unlink()
    with pytest.raises(ValueError, match="incomplete"):
        read(path)


def test_numbers_are_not_in_memory_until_they_are_looked_at(tmp_path):
    n_object = 4_000_000
    path = tmp_path / "catalog.parquet"
    numbers = pa.table({f"c{number}": np.arange(n_object, dtype=np.float64) for number in range(8)})
    pq.write_table(numbers, path)
    del numbers
    read(path, needed=(), n_object=n_object)
    process = psutil.Process()
    pa.default_memory_pool().release_unused()
    before = process.memory_info().rss
    catalog = read(path, needed=(), n_object=n_object)
    assert catalog["c3"].iloc[17] == 17
    assert process.memory_info().rss - before < 0.2 * 8 * n_object * 8
    assert (path.parent / FOLDER / CONTENTS).exists()
    assert catalog["c4"].sum() == n_object * (n_object - 1) / 2
    looked_at = process.memory_info().rss
    let_go(catalog["c4"])
    if sys.platform == "linux":
        assert looked_at - process.memory_info().rss > 0.8 * 8 * n_object
    assert catalog["c4"].iloc[-1] == n_object - 1, "read again"


def test_only_what_is_mapped_is_let_go(path, monkeypatch):
    monkeypatch.setattr(mapped, "MANY", 0)
    catalog = read(path).assign(own=np.arange(float(N)))
    many = pd.Series(np.arange(1e6))
    for values in (*(catalog[name] for name in catalog), many, many.astype("Int64"), many[:0]):
        let_go(values)
    pd.testing.assert_frame_equal(catalog.drop(columns="own"), pd.read_parquet(path))
    np.testing.assert_array_equal(catalog["own"], np.arange(float(N)))
    np.testing.assert_array_equal(many, np.arange(1e6))
