"""A stopped ingest goes on only with what is as it was."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from data.__main__ import main
from data.atomic import partial_folder
from data.ingest.parallel import read_batches
from data.survey import Survey
from tests.fixtures.spectrum_files import write_desi, write_sdss

N_FILE = 12


def run(*words: object) -> int:
    return main(["ingest", *map(str, words), "--jobs", "1"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for k in range(N_FILE):
        name = f"spec-0266-51602-{k:04d}.fits"
        write_sdss(tmp_path / "in" / name, seed=k, FIBERID=k, PLUG_RA=100 + k)
    return tmp_path


def masses(folder: Path, order: list[int]) -> Path:
    rows = pd.DataFrame({"object_id": [f"0266-51602-{k:04d}" for k in order]})
    rows["log_mass"] = [8 + k / 10 for k in order]
    rows.to_csv(folder / "masses.csv", index=False)
    return folder / "masses.csv"


def stop(monkeypatch: pytest.MonkeyPatch, *words: object, after: int = 2) -> None:
    """Run an ingest that is interrupted after so many batches."""

    def some(*arguments: object, **settings: object):
        for number, batch in enumerate(read_batches(*arguments, **settings)):  # type: ignore[arg-type]
            if number == after:
                raise KeyboardInterrupt
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr("data.ingest.command.MAX_FILES", 3)
        patch.setattr("data.ingest.command.read_batches", some)
        assert run(*words) == 130


def told_masses(survey: Path) -> dict[str, float]:
    return Survey(survey).catalog.set_index("object_id")["log_mass"].round(6).to_dict()


RIGHT = {f"0266-51602-{k:04d}": 8 + k / 10 for k in range(N_FILE)}


def test_a_catalogue_sorted_anew_is_not_mixed_with_the_old_one(folder, monkeypatch, capsys):
    words = [folder / "in", "--out", folder / "s", "--catalog", masses(folder, list(range(N_FILE)))]
    stop(monkeypatch, *words)
    masses(folder, list(reversed(range(N_FILE))))
    assert run(*words) == 0
    assert "the catalogue has changed since the ingest was stopped" in capsys.readouterr().err
    assert told_masses(folder / "s") == pytest.approx(RIGHT)


def test_the_same_catalogue_goes_on(folder, monkeypatch, capsys):
    words = [folder / "in", "--out", folder / "s", "--catalog", masses(folder, list(range(N_FILE)))]
    stop(monkeypatch, *words)
    os.utime(folder / "masses.csv")
    assert run(*words) == 0
    assert "going on: 6 of 12 files were done" in capsys.readouterr().err
    assert told_masses(folder / "s") == pytest.approx(RIGHT)


def test_a_file_that_changed_is_read_again(folder, monkeypatch, capsys):
    words = [folder / "in", "--out", folder / "s"]
    stop(monkeypatch, *words)
    name = folder / "in" / "spec-0266-51602-0001.fits"
    before = name.stat()
    write_sdss(name, seed=99, FIBERID=1, PLUG_RA=101, Z=0.15)
    os.utime(name, ns=(before.st_atime_ns, before.st_mtime_ns))  # hides it from the usual look
    assert run(*words) == 0
    assert f"{name} has changed" in capsys.readouterr().err
    assert run(folder / "in", "--out", folder / "whole") == 0
    pd.testing.assert_frame_equal(Survey(folder / "s").catalog, Survey(folder / "whole").catalog)


def test_a_file_that_is_gone_is_not_kept(folder, monkeypatch):
    words = [folder / "in", "--out", folder / "s"]
    stop(monkeypatch, *words)
    (folder / "in" / "spec-0266-51602-0000.fits").unlink()
    assert run(*words) == 0
    assert len(Survey(folder / "s")) == N_FILE - 1


def test_files_that_came_later_are_read_too(folder, monkeypatch, capsys):
    words = [folder / "in", "--out", folder / "s"]
    stop(monkeypatch, *words)
    write_sdss(folder / "in" / "spec-0266-51602-0500.fits", FIBERID=500, PLUG_RA=200)
    assert run(*words) == 0
    assert "going on" in capsys.readouterr().err
    assert len(Survey(folder / "s")) == N_FILE + 1


def test_another_folder_is_not_mixed_in(folder, monkeypatch, capsys):
    stop(monkeypatch, folder / "in", "--out", folder / "s")
    shutil.copytree(folder / "in", folder / "other")
    assert run(folder / "other", "--out", folder / "s") == 2
    error = capsys.readouterr().err
    assert "begun with other settings (inputs:" in error
    assert "--no-resume" in error
    assert run(folder / "in", "--out", folder / "s") == 0


def test_a_redshift_file_that_changed_is_read_again(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for k in range(N_FILE):
        write_desi(tmp_path / "in" / f"coadd-{k:02d}.fits", targetids=[100 + k], z=[0.1])
    words = [tmp_path / "in", "--out", tmp_path / "s"]
    stop(monkeypatch, *words)
    write_desi(tmp_path / "in" / "coadd-00.fits", targetids=[100], z=[0.2])
    coadd = tmp_path / "in" / "coadd-00.fits"
    assert coadd.with_name("redrock-00.fits").is_file()
    assert run(*words) == 0
    assert Survey(tmp_path / "s").catalog.set_index("object_id")["z"]["100"] == 0.2


@pytest.mark.parametrize("changed", [False, True])
def test_a_survey_stopped_in_its_last_step(folder, monkeypatch, capsys, changed):
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    words = [folder / "in", "--out", folder / "s", "--catalog", masses(folder, list(range(N_FILE)))]
    with monkeypatch.context() as patch:
        patch.setattr("data.survey_writer.finish_interrupted", crash)
        assert run(*words) == 130
    assert (partial_folder(folder / "s") / "survey.json").is_file()
    if changed:
        masses(folder, list(reversed(range(N_FILE))))
        assert run(*words) == 2
        assert "--no-resume" in capsys.readouterr().err
        assert run(*words, "--no-resume") == 0
    else:
        assert run(*words) == 0
        assert "it is complete now" in capsys.readouterr().err
    assert told_masses(folder / "s") == pytest.approx(RIGHT)
