"""A folder is written by one process at a time, and takes its name when it is whole."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data.partial import folder as folder_module
from data.partial.folder import empty, held, made_beside
from tests.fixtures.paths import ROOT

HOLD = """
import subprocess, sys, time
from pathlib import Path
from data.partial.folder import held
with held(Path(sys.argv[1]), out=Path("out")):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(child.pid, flush=True)
    time.sleep(600)
"""


def test_a_folder_is_free_when_its_process_is_killed_though_one_it_started_lives(tmp_path: Path):
    folder = tmp_path / "folder"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            with pytest.raises(ValueError, match="another process is writing out; wait"):
                held(folder, out=Path("out")).__enter__()
            process.kill()
            process.wait()
            os.kill(child, 0)  # it lives
            with held(folder, out=Path("out")):
                pass
        finally:
            process.kill()
            os.kill(child, signal.SIGKILL)


def test_a_file_system_without_locks_is_written_to(tmp_path, monkeypatch):
    def none(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    with held(tmp_path / "a", out=tmp_path / "a"):
        (tmp_path / "a" / "file").touch()
    assert (tmp_path / "a" / "file").exists()


def test_a_folder_that_was_finished_while_it_was_opened_is_not_the_one_held(tmp_path, monkeypatch):
    partial, lock, locked = tmp_path / "partial", folder_module._lock, []

    def finished_by_another(descriptor: int, out: Path) -> None:
        if not locked:
            partial.rename(out)
        locked.append(descriptor)
        lock(descriptor, out)

    monkeypatch.setattr(folder_module, "_lock", finished_by_another)
    with held(partial, out=tmp_path / "out"):
        (partial / "new").touch()
    assert len(locked) == 2
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize("was_there", [False, True])
def test_an_empty_folder_is_removed_by_whom_made_it(tmp_path: Path, was_there):
    if was_there:
        (tmp_path / "a").mkdir()
    with pytest.raises(KeyboardInterrupt), held(tmp_path / "a", out=tmp_path / "a"):
        raise KeyboardInterrupt
    assert (tmp_path / "a").exists() == was_there


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "disk full"), KeyboardInterrupt()])
def test_a_folder_takes_its_name_when_it_is_whole_and_goes_after_an_error(tmp_path, error):
    out = tmp_path / "out"

    def fail() -> None:
        with made_beside(out) as partial:
            (partial / "half").write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert os.listdir(tmp_path) == []
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "left").touch()  # by a command that was killed
    with made_beside(out) as partial:
        (partial / "whole").touch()
        with pytest.raises(ValueError, match="another process is writing"):
            made_beside(out).__enter__()
    assert os.listdir(out) == ["whole"]
    with pytest.raises(ValueError, match="exists; choose another"):
        made_beside(out).__enter__()
    assert os.listdir(tmp_path) == ["out"]


def test_what_tells_that_a_folder_can_be_gone_on_with_is_removed_first(tmp_path, monkeypatch):
    for name in ("a", "m", "z"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.rmtree", stop)
    with pytest.raises(KeyboardInterrupt):
        empty(tmp_path, first=["m/file", "none"])
    assert [(tmp_path / name / "file").exists() for name in "amz"] == [True, False, True]
