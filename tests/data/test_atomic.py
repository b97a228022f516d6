import os
import sys

import pytest

from data.atomic import can_write, partial_folder, replace_folder, replacing


def test_a_file_takes_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with replacing(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.json"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_flushed_file_is_on_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    path = tmp_path / "a"
    states = []
    monkeypatch.setattr(os, "fsync", lambda _: states.append(path.exists()))
    with replacing(path, flush=True) as partial:
        partial.write_bytes(b"content")
    assert states == [False]
    assert path.read_bytes() == b"content"


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_takes_the_place_of_another(tmp_path, there):
    path = tmp_path / "survey"
    if there:
        path.mkdir()
        (path / "old").touch()
    partial = partial_folder(path)
    partial.mkdir()
    (partial / "new").touch()
    replace_folder(partial, path)
    assert os.listdir(tmp_path) == ["survey"]
    assert os.listdir(path) == ["new"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files without a name")
def test_to_ask_whether_a_folder_can_be_written_shows_no_file_to_others(tmp_path):
    os.utime(tmp_path, ns=(0, 0))
    assert can_write(tmp_path)
    assert tmp_path.stat().st_mtime_ns == 0, "a name was added to the folder"


def test_a_folder_that_is_not_there_can_not_be_written(tmp_path):
    assert not can_write(tmp_path / "none")
