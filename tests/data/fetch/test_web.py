"""Downloads are whole and right, or they are not there."""

import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import numpy as np
import pytest

from data.fetch.web import FIRST_WAIT, LONGEST_WAIT, N_TRY, PIECE, Absent, Refused, Web
from tests.data.fetch.conftest import Clock
from tests.fixtures.archive import Archive

CONTENT = b"SIMPLE  =" + np.random.default_rng(1).bytes(300_000)
KEPT = len(CONTENT) // 2 // PIECE * PIECE
SUM = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def served(archive: Archive) -> Archive:
    archive.files["/a.fits"] = CONTENT
    return archive


@pytest.mark.parametrize(
    "faults",
    [[], ["drop"], ["drop", "drop", "drop"], ["redirect"], ["503"], ["500", "drop", "redirect"],
     ["drop", "no-range"]],
)  # fmt: skip
def test_a_file_comes_whole_whatever_happens(
    served: Archive, web: Web, tmp_path: Path, faults: list[str]
):
    served.faults["/a.fits"] = faults
    web.download(f"{served.url}/a.fits", tmp_path / "a.fits", sha256=SUM)
    assert (tmp_path / "a.fits").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a.fits"]


def test_what_came_is_not_asked_for_again(served: Archive, web: Web, tmp_path: Path):
    served.faults["/a.fits"] = ["drop"]
    web.download(f"{served.url}/a.fits", tmp_path / "a.fits")
    assert [asked for _, asked in served.asked] == [None, f"bytes={KEPT}-"]


def test_another_run_goes_on_where_one_was_stopped(
    served: Archive, clock: Clock, web: Web, tmp_path: Path
):
    served.faults["/a.fits"] = ["drop"]
    with pytest.raises(OSError, match="tried 1 times"):
        Web(clock=clock, sleep=clock.sleep, n_try=1).download(
            f"{served.url}/a.fits", tmp_path / "a.fits"
        )
    assert not (tmp_path / "a.fits").exists()
    web.download(f"{served.url}/a.fits", tmp_path / "a.fits", sha256=SUM)
    assert served.asked[-1][1] == f"bytes={KEPT}-"
    assert (tmp_path / "a.fits").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_fetched_anew(served: Archive, web: Web, tmp_path: Path):
    (tmp_path / "a.fits.partial").write_bytes(b"SIMPLE  = of yesterday")
    (tmp_path / "a.fits.partial.tag").write_text('"yesterday"')
    web.download(f"{served.url}/a.fits", tmp_path / "a.fits", sha256=SUM)
    assert (tmp_path / "a.fits").read_bytes() == CONTENT


def test_waits_as_long_as_the_archive_asks(served: Archive, clock: Clock, web: Web, tmp_path: Path):
    later = format_datetime(datetime.now(tz=UTC) + timedelta(seconds=100), usegmt=True)
    served.faults["/a.fits"] = ["429 7", f"503 {later}", "429 100000"]
    web.download(f"{served.url}/a.fits", tmp_path / "a.fits")
    assert clock.slept[0] == 7
    assert 30 < clock.slept[1] <= 100
    assert clock.slept[2] == LONGEST_WAIT


def test_one_refusal_makes_all_wait(served: Archive, clock: Clock, web: Web):
    served.files["/b"] = b"b"
    served.faults["/a.fits"] = ["429 60"] * N_TRY
    with pytest.raises(OSError, match="at last status 429"):
        web.get(f"{served.url}/a.fits")
    before = clock.now
    web.get(f"{served.url}/b")
    assert clock.now - before == pytest.approx(60)


def test_waits_twice_as_long_each_time_and_gives_up(
    served: Archive, clock: Clock, web: Web, tmp_path: Path
):
    served.faults["/a.fits"] = ["500"] * 100
    with pytest.raises(OSError, match=f"tried {N_TRY} times, at last status 500"):
        web.download(f"{served.url}/a.fits", tmp_path / "a.fits")
    assert clock.slept == [FIRST_WAIT * 2**number for number in range(N_TRY - 1)]
    assert served.counted("/a.fits") == N_TRY


def test_what_is_not_there_is_not_asked_for_again(served: Archive, web: Web, tmp_path: Path):
    with pytest.raises(Absent, match="status 404"):
        web.download(f"{served.url}/b.fits", tmp_path / "b.fits")
    assert served.counted("/b.fits") == 1


@pytest.mark.parametrize(("content", "message"), [(b"<html>", "no FITS"), (CONTENT[:-1], "SHA")])
def test_what_is_wrong_is_thrown_away(
    served: Archive, web: Web, tmp_path: Path, content: bytes, message: str
):
    served.files["/a.fits"] = content
    with pytest.raises(Refused, match=message):
        web.download(f"{served.url}/a.fits", tmp_path / "a.fits", sha256=SUM)
    assert not list(tmp_path.iterdir())


def test_an_unreachable_archive_is_told(web: Web, tmp_path: Path):
    with pytest.raises(OSError, match="ConnectionError"):
        web.download("http://127.0.0.1:9/a.fits", tmp_path / "a.fits")
