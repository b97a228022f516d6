"""Spectra that a user brings are read and placed; what can not be is told in words."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from explorer.guests.placing import MOST_TRIALS, Upload, place_uploads, redshifts
from explorer.start_page import DEMO
from explorer.state.dataset import Dataset
from explorer.state.planes import plane_of
from tests.browser.chromium import HOSTILE
from tests.fixtures.brought import as_file, table_of
from tests.fixtures.explorer import open_tiny

ROW = 17


@pytest.fixture(scope="module")
def dataset(tiny_atlas_path: Path) -> Dataset:
    return open_tiny(tiny_atlas_path)


def ecsv(dataset: Dataset, row: int = ROW, *, z: bool = True) -> bytes:
    return as_file(table_of(dataset.atlas, row, z=z), "ascii.ecsv")


@pytest.mark.parametrize("layout", ["fits", "ascii.ecsv"])
def test_an_object_of_the_atlas_finds_its_own_place(dataset: Dataset, layout: str) -> None:
    suffix = layout.removeprefix("ascii.")
    upload = Upload(f"mine.{suffix}", as_file(table_of(dataset.atlas, ROW), layout))
    (guest,) = place_uploads(dataset, [upload], trials=(), air=False).guests
    assert (guest.name, guest.file) == ("mine", f"mine.{suffix}")
    assert guest.placed.neighbours[0] == ROW
    plane = plane_of(dataset, "pca")
    x, y = guest.position(plane)  # near: ingest scales by the median of the noisy spectrum
    assert abs(x - plane.x[ROW]) < 0.05 * np.ptp(plane.x)
    assert abs(y - plane.y[ROW]) < 0.05 * np.ptp(plane.y)
    assert set(guest.shares) == set(dataset.scores)


def test_without_a_redshift_it_is_asked_for_and_trials_are_compared(dataset: Dataset) -> None:
    uploads = [Upload("mine.csv", as_file(table_of(dataset.atlas, ROW, z=False), "ascii.csv"))]
    asked = place_uploads(dataset, uploads, trials=(), air=False)
    assert asked.guests == []
    assert "no redshift; type one above" in asked.left_out[0]
    z = float(dataset.catalog["z"].iloc[ROW])
    tried = place_uploads(dataset, uploads, trials=(z, z + 0.02), air=False).guests
    assert [guest.z for guest in tried] == [z, z + 0.02]


def test_what_can_not_be_read_is_told_and_the_rest_is_placed(dataset: Dataset) -> None:
    good = ecsv(dataset)
    uploads = [
        Upload("../../../etc/passwd", b"root:x:0:0"),
        Upload(f"{HOSTILE}.ecsv", good),
        Upload("half.ecsv", good[: len(good) // 2]),
        Upload("half.fits", as_file(table_of(dataset.atlas, ROW), "fits")[:3000]),
        Upload("empty.fits", b""),
        Upload("evil.pkl", b"cos\nsystem\n(S'touch /tmp/x'\ntR."),
        Upload(f"{HOSTILE}.ecsv", good),
    ]
    arrivals = place_uploads(dataset, uploads, trials=(), air=False)
    assert [guest.file for guest in arrivals.guests][0] == f"{HOSTILE}.ecsv"
    told = "\n".join(arrivals.left_out)
    for name in ("etc/passwd", "half.fits", "empty.fits", "evil.pkl"):
        assert name in told
    assert "a pickle" in told


def test_nothing_is_left_on_disk(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place_uploads(dataset, [Upload("mine.ecsv", ecsv(dataset))], trials=(), air=False)
    assert list(tmp_path.iterdir()) == []


def test_redshifts_are_numbers() -> None:
    assert redshifts("") == ()
    assert redshifts(" 0.08, 0.09;0.1 ") == (0.08, 0.09, 0.1)
    for wrong in ("a", "0.1, nan", "11", "inf"):
        with pytest.raises(ValueError, match="redshifts are numbers"):
            redshifts(wrong)
    with pytest.raises(ValueError, match=f"at most {MOST_TRIALS}"):
        redshifts("0.1 " * (MOST_TRIALS + 1))


def test_real_sdss_spectra_are_placed(real_spectra: Path) -> None:
    path = real_spectra / "sdss" / "spec-0266-51602-0107.fits"
    uploads = [Upload(path.name, path.read_bytes())]
    (guest,) = place_uploads(open_tiny(DEMO), uploads, trials=(), air=False).guests
    assert guest.name == "0266-51602-0107"
    assert guest.z == pytest.approx(0.123, abs=1e-3)


def test_a_spectrum_of_another_instrument_is_refused_with_both_names(real_spectra: Path) -> None:
    path = sorted((real_spectra / "desi").glob("coadd-*.fits"))[0]
    uploads = [Upload(path.name, path.read_bytes())]
    arrivals = place_uploads(open_tiny(DEMO), uploads, trials=(0.1,), air=False)
    assert arrivals.guests == []
    told = "a spectrum of DESI, but the model of this atlas encodes the pixels of SDSS only"
    assert told in arrivals.left_out[0]
