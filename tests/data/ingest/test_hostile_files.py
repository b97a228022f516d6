"""Files that are damaged, absurd or hostile: told, and nothing waits or fills the memory."""

import gzip
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from data.__main__ import main
from data.ingest.batch import read_batch
from data.ingest.criteria import Criteria
from data.ingest.damage import IMPOSSIBLE_PIXELS
from data.ingest.fits.file import FitsFile
from data.ingest.formats import read_file
from data.ingest.grids import one_grid
from data.ingest.raw_spectrum import NO_MASK
from data.survey import Survey
from tests.fixtures.paths import ROOT
from tests.fixtures.spectrum_files import sdss_columns, write_sdss


def run(*words: object) -> int:
    return main(["ingest", *map(str, words), "--jobs", "1"])


def test_a_pipe_is_not_waited_for(tmp_path, capsys):
    write_sdss(tmp_path / "in" / "spec-a.fits")
    os.mkfifo(tmp_path / "in" / "x.fits")
    assert run(tmp_path / "in", "--out", tmp_path / "s") == 0
    assert "it is a pipe" in capsys.readouterr().out
    with pytest.raises(ValueError, match="it is a pipe"):
        FitsFile(tmp_path / "in" / "x.fits")


def test_a_compressed_file_that_swells_does_not_fill_the_memory(tmp_path):
    plain = write_sdss(tmp_path / "in" / "spec-a.fits").read_bytes()
    bomb = gzip.compress(plain + bytes(400_000_000), 9)
    (tmp_path / "in" / "bomb.fits.gz").write_bytes(bomb)
    assert len(bomb) < 1_000_000
    done = subprocess.run(
        [sys.executable, "-m", "data", "ingest", tmp_path / "in", "--out", tmp_path / "s"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "it swells to more than" in done.stdout
    assert len(Survey(tmp_path / "s")) == 1


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"FIBERID": -2147483447}, "damaged: fiber must be 0 to 100000"),
        ({"PLUG_DEC": 2.5e11}, "damaged: dec must be -90 to 90"),
        ({"PLUG_RA": -1e30}, "damaged: ra must be"),
        ({"Z": 1e9}, "damaged: z must be"),
    ],
)
def test_absurd_facts_are_refused(tmp_path, facts, reason):
    whole = write_sdss(tmp_path / "in" / "spec-b.fits", FIBERID=2, PLUG_RA=10.0)
    write_sdss(whole.with_name("spec-a.fits"), **facts)
    assert run(whole.parent, "--out", tmp_path / "s") == 0
    assert reason in (tmp_path / "s" / "rejected.csv").read_text()


@pytest.mark.parametrize("value", [-9999.0, np.nan, 0.0])
def test_placeholders_of_positions_are_no_damage(tmp_path, value):
    path = write_sdss(tmp_path / "spec-a.fits", PLUG_RA=value, PLUG_DEC=value)
    assert next(read_file(path)).problem == ""


def test_flux_in_another_unit_is_refused(tmp_path):
    columns = sdss_columns()
    columns["flux"], columns["ivar"] = columns["flux"] * 1e-17, columns["ivar"].astype("f8") * 1e34
    path = write_sdss(tmp_path / "spec-a.fits", columns=columns)
    assert next(read_file(path)).problem.startswith("flux not in its unit: a noise of 5e-18")


def test_a_file_without_mask_is_told(tmp_path, capsys):
    columns = sdss_columns()
    del columns["and_mask"]
    write_sdss(tmp_path / "in" / "spec-a.fits", columns=columns)
    assert run(tmp_path / "in", "--out", tmp_path / "s") == 0
    assert f"WARNING: 1 spectra: {NO_MASK}" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [None, ""])
def test_no_class_is_not_taken_for_a_galaxy(tmp_path, kind, capsys):
    write_sdss(tmp_path / "in" / "spec-a.fits", CLASS=kind)
    assert run(tmp_path / "in", "--out", tmp_path / "s") == 2
    assert "rejected, no class" in capsys.readouterr().out
    assert run(tmp_path / "in", "--out", tmp_path / "s", "--classes", "all") == 0


def test_a_table_that_does_not_match_its_checksum_is_refused(tmp_path):
    path = write_sdss(tmp_path / "spec-a.fits")
    with fits.open(path) as hdus:
        hdus.writeto(path, overwrite=True, checksum=True)
    assert next(read_file(path)).problem == ""
    with fits.open(path) as hdus:
        offset = hdus[1].fileinfo()["datLoc"]
    content = bytearray(path.read_bytes())
    content[offset + 1000] ^= 64
    Path(path).write_bytes(content)
    with pytest.raises(ValueError, match="do not match their checksum"):
        next(read_file(path))


def test_a_fact_that_lost_its_decimals_or_is_missing_is_told(tmp_path, capsys):
    write_sdss(tmp_path / "in" / "spec-a.fits", PLUG_RA=146, ZWARNING=None)
    assert run(tmp_path / "in", "--out", tmp_path / "s") == 0
    told = capsys.readouterr().err
    assert "is a whole number: were its decimals lost?" in told
    assert "not in the file: zwarning" in told


def test_parts_of_a_file_that_contradict_each_other_are_refused(tmp_path):
    path = write_sdss(tmp_path / "spec-a.fits", PLUG_RA=359.9999)
    for card, problem in (
        ({"PLATEID": 266, "FIBERID": 1, "PLUG_RA": 0.0001, "PLUG_DEC": -1.04}, ""),
        ({"PLATEID": 267}, "contradiction: the file says plate 267 and 266"),
        ({"PLUG_RA": 12.0}, "contradiction: the file says ra 12 and 359.9999"),
    ):
        with fits.open(path) as hdus:
            hdus[0].header.update(card)
            hdus.writeto(tmp_path / "changed.fits", overwrite=True)
        assert next(read_file(tmp_path / "changed.fits")).problem == problem


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("flux", 1e30, "flux not in its unit"),
        ("flux", -9999.0, "impossible values"),
        ("flux", 1e-34, "impossible values: the median of |flux| over its error"),
        ("ivar", -1.0, "impossible values"),
        ("ivar", 1e12, "impossible values"),
    ],
)
def test_values_that_no_measurement_has_are_refused_or_left_out(tmp_path, name, value, reason):
    for part, accepted in ((slice(None), False), (slice(100, 200), True)):
        columns = sdss_columns()
        columns[name][part] = value
        path = write_sdss(tmp_path / "spec-a.fits", columns=columns)
        criteria = Criteria(grids=one_grid("sdss"), norm=None)
        read = read_batch([str(path)], criteria)
        if accepted and value != 1e-34:  # a hundred zeros are nothing to be told
            assert IMPOSSIBLE_PIXELS in read.remarks
            assert read.flux[0].max() < 20
        elif not accepted:
            assert read.rejected[0].reason.startswith(reason)


def test_a_spectrum_that_is_not_the_one_of_its_table_is_told(tmp_path):
    for stated, told in ((20.0, False), (3.0, True)):
        path = write_sdss(tmp_path / "spec-a.fits", SN_MEDIAN_ALL=stated)
        read = read_batch([str(path)], Criteria(grids=one_grid("sdss")))
        assert any("SN_MEDIAN_ALL" in remark for remark in read.remarks) == told


def test_units_and_air_in_headers_are_believed(tmp_path):
    path = write_sdss(tmp_path / "spec-a.fits")
    for word, value, reason in (
        ("BUNIT", "1E-17 erg/cm^2/s/Ang", ""), ("BUNIT", "Jy", "bad unit"),
        ("VACUUM", True, ""), ("VACUUM", False, "wavelengths in air"),
    ):  # fmt: skip
        fits.setval(path, "BUNIT", value="1E-17 erg/cm^2/s/Ang")
        fits.setval(path, word, value=value)
        if reason:
            with pytest.raises(ValueError, match=reason):
                next(read_file(path))
        else:
            assert next(read_file(path)).problem == ""
