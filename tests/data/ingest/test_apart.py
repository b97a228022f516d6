"""Files are read in a process of their own, within limits."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from data.grid import INSTRUMENTS
from data.ingest.apart import ApartReader
from data.ingest.batch import read_batch
from data.ingest.criteria import Criteria
from data.ingest.grids import one_grid
from tests.fixtures.spectrum_files import write_sdss

CRITERIA = Criteria(grids=one_grid("atlas", INSTRUMENTS["sdss"]))


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    write_sdss(tmp_path / "spec-0266-51602-0107.fits")
    (tmp_path / "short.fits").write_bytes((tmp_path / "spec-0266-51602-0107.fits").read_bytes()[:9])
    return [str(path) for path in sorted(tmp_path.iterdir())]


def test_contents_are_those_read_here(files: list[str]) -> None:
    with ApartReader() as reader:
        apart, here = reader.read(files, CRITERIA), read_batch(files, CRITERIA)
    assert apart.rows == here.rows
    assert apart.rejected == here.rejected
    np.testing.assert_array_equal(apart.flux, here.flux)


def test_a_reader_that_dies_is_told_and_replaced(files: list[str]) -> None:
    with ApartReader() as reader:
        reader.read(files, CRITERIA)
        assert reader._process is not None
        os.kill(reader._process.pid, signal.SIGKILL)
        reader._process.wait()
        with pytest.raises(ValueError, match="crashed its reader"):
            reader.read(files, CRITERIA)
        assert len(reader.read(files, CRITERIA).rows) == 1


def test_a_file_that_takes_too_long_is_left(files: list[str]) -> None:
    with ApartReader(seconds=0.001) as reader:
        with pytest.raises(ValueError, match="took more than 0.001 s"):
            reader.read(files, CRITERIA)


def test_memory_is_limited(files: list[str]) -> None:
    with ApartReader(memory=3 * 2**30) as reader:
        reader.read(files, CRITERIA)
        assert reader._process is not None
        limits = Path(f"/proc/{reader._process.pid}/limits")
        if not limits.exists():
            pytest.skip("no /proc to look at")
        (line,) = [
            text
            for text in limits.read_text(encoding="utf-8").splitlines()
            if "address space" in text
        ]
    assert line.split()[3] == str(3 * 2**30)
