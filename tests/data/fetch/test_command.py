"""What is asked for of each archive, and what is left in the folder."""

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pandas as pd
import pytest

from data.__main__ import main
from data.fetch.command import fetch_with
from data.fetch.desi import wanted_files
from data.fetch.wanted import Cone, FetchConfig
from data.fetch.web import Web
from data.grid import INSTRUMENTS
from data.healpix import pixel_numbers
from data.ingest.formats import read_file
from tests.fixtures.archive import Archive

SPECTRUM = b"SIMPLE  = a spectrum"
REDUX = "/dr17/sdss/spectro/redux"
IRON = "/dr1/spectro/redux/iron/healpix"


def write_list(path: Path, text: str) -> Path:
    (path / "list.csv").write_text(text)
    return path / "list.csv"


def test_sdss_by_list_tries_each_reduction_and_tells_what_is_not_there(
    archive: Archive, web: Web, tmp_path: Path, capsys
):
    archive.files[f"{REDUX}/26/spectra/lite/0266/spec-0266-51602-0001.fits"] = SPECTRUM
    archive.files[f"{REDUX}/103/spectra/lite/2801/spec-2801-54331-0007.fits"] = SPECTRUM
    archive.files[f"{REDUX}/v5_13_2/spectra/lite/10000/spec-10000-57346-1000.fits"] = SPECTRUM
    names = "object_id\n266-51602-0001\n2801-54331-7\n10000-57346-1000\n300-51000-0001\n"
    config = FetchConfig(
        archive="sdss", out=tmp_path / "out", list=write_list(tmp_path, names), server=archive.url
    )
    with pytest.raises(OSError, match="1 files could not be had"):
        fetch_with(config, web)
    found = sorted(path.name for path in config.out.rglob("*.fits"))
    assert found == [
        "spec-0266-51602-0001.fits", "spec-10000-57346-1000.fits", "spec-2801-54331-0007.fits",
    ]  # fmt: skip
    assert "3 files fetched, 0 were there, 1 failed" in capsys.readouterr().err
    failed = pd.read_csv(config.out / "failed.csv")
    assert failed["file"].tolist() == ["0300/spec-0300-51000-0001.fits"]
    assert "404" in failed["reason"][0]
    asked = len(archive.asked)
    archive.files[f"{REDUX}/104/spectra/lite/0300/spec-0300-51000-0001.fits"] = SPECTRUM
    fetch_with(config, web)  # again: only what is not there
    assert {path for path, _ in archive.asked[asked:]} == {
        f"{REDUX}/{run}/spectra/lite/0300/spec-0300-51000-0001.fits" for run in ("26", "103", "104")
    }
    assert not (config.out / "failed.csv").exists()


def test_sdss_by_cone_and_condition_asks_skyserver(archive: Archive, web: Web, tmp_path: Path):
    asked: list[dict[str, list[str]]] = []

    def search(query: str, _: bytes) -> bytes:
        asked.append(parse_qs(query))
        return (
            b"#Table1\nplate,mjd,fiber,run2d,ra,dec\n"
            b"266,51602,1,26,0.05,0.0\n266,51602,2,26,0.09,0.09\n"
        )

    archive.answers["/dr17/en/tools/search/x_results.aspx"] = search
    archive.files[f"{REDUX}/26/spectra/lite/0266/spec-0266-51602-0001.fits"] = SPECTRUM
    config = FetchConfig(
        archive="sdss", out=tmp_path, cone=(0.0, 0.0, 0.1), query="z < 0.1", server=archive.url
    )
    fetch_with(config, web)
    assert [path.name for path in tmp_path.rglob("*.fits")] == ["spec-0266-51602-0001.fits"]
    sql = asked[0]["cmd"][0]
    assert "WHERE (z < 0.1) AND (ra BETWEEN 0" in sql
    assert "359.9" in sql  # the cone reaches over right ascension 0
    assert asked[0]["format"] == ["csv"]


def test_desi_by_list_is_checked_by_the_sums_of_the_archive(
    archive: Archive, web: Web, tmp_path: Path
):
    folder = f"{IRON}/main/dark/100/10016"
    names = [f"{kind}-main-dark-10016.fits" for kind in ("coadd", "redrock")]
    sums = "".join(f"{hashlib.sha256(SPECTRUM).hexdigest()}  {name}\n" for name in names)
    archive.files[f"{folder}/redux_iron_healpix_main_dark_100_10016.sha256sum"] = sums.encode()
    archive.files |= {f"{folder}/{name}": SPECTRUM for name in names}
    archive.faults[f"{folder}/{names[0]}"] = ["drop", "503", "redirect"]
    config = FetchConfig(
        archive="desi", out=tmp_path / "out", server=archive.url,
        list=write_list(tmp_path, "survey,program,healpix\nmain,dark,10016\n"),
    )  # fmt: skip
    fetch_with(config, web)
    assert sorted(path.name for path in config.out.rglob("*.fits")) == names
    archive.files[f"{folder}/{names[0]}"] = SPECTRUM + b"!"
    other = FetchConfig(
        archive="desi", out=tmp_path / "other", server=archive.url, list=config.list
    )
    with pytest.raises(OSError, match="SHA-256"):
        fetch_with(other, web)


@pytest.mark.parametrize("cone", [(150.0, 2.0, 1.5), (0.1, 0.0, 0.3), (10.0, 89.8, 0.5)])
def test_desi_by_cone_finds_every_pixel_it_touches(tmp_path: Path, rng, cone):
    files = wanted_files(
        FetchConfig(archive="desi", out=tmp_path, cone=cone, programs=("main/dark",))
    )
    dec = cone[1] + rng.uniform(-cone[2], cone[2], 20_000)
    spread = cone[2] / max(np.cos(np.radians(cone[1])), 1e-3)
    ra, dec = cone[0] + rng.uniform(-spread, spread, len(dec)), np.minimum(dec, 90)
    near = Cone(*cone).holds(ra, dec)
    assert near.sum() > 10
    inside = set(pixel_numbers(ra[near], dec[near], order=6).tolist())
    found = {int(item.name.split("/")[3]) for item in files}
    assert inside <= found
    assert not any(item.certain for item in files)


def test_desi_pixels_without_spectra_are_no_failure(
    archive: Archive, web: Web, tmp_path: Path, capsys
):
    config = FetchConfig(archive="desi", out=tmp_path, cone=(150, 2, 0.1), server=archive.url)
    fetch_with(config, web)
    assert "0 files fetched, 0 were there, 0 failed" in capsys.readouterr().err


class Sparcl:
    """The service, as far as it is asked."""

    def __init__(self, archive: Archive, n: int) -> None:
        self.searches: list[Any] = []
        archive.answers |= {
            "/api/datafields/": lambda _query, _body: json.dumps([
                {"data_release": "DESI-DR1", "origdp": own, "newdp": name}
                for own, name in self.names.items()
            ]).encode(),
            "/api/find/": self.find,
            "/api/spectras/": self.spectra,
        }  # fmt: skip
        self.n = n

    names = {
        "sparcl_id": "sparcl_id", "specid": "specid", "data_release": "data_release", "ra": "ra",
        "dec": "dec", "z": "redshift", "spectype": "spectype", "wavelength": "wavelength",
        "flux": "flux", "ivar": "ivar",
    }  # fmt: skip

    def find(self, _query: str, body: bytes) -> bytes:
        self.searches.append(json.loads(body))
        return json.dumps([{"status": {}}, *(
            {"sparcl_id": f"id-{row:04d}", "data_release": "DESI-DR1", "ra": 150.0,
             "dec": 2 + row * 1e-4}
            for row in range(self.n)
        )]).encode()  # fmt: skip

    def spectra(self, _query: str, body: bytes) -> bytes:
        grid = INSTRUMENTS["desi"]
        return json.dumps([{"status": {}}, *(
            {"sparcl_id": name, "specid": 39627745524713206 + int(name[3:]), "ra": 150.0,
             "dec": 2.0, "z": 0.1, "spectype": "GALAXY", "wavelength": grid.wave[:50].tolist(),
             "flux": [1.0] * 50, "ivar": [4.0] * 50}
            for name in json.loads(body)
        )]).encode()  # fmt: skip


def test_sparcl_records_come_in_blocks_that_ingest_reads(
    archive: Archive, web: Web, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr("data.fetch.sparcl.BLOCK", 4)
    sparcl = Sparcl(archive, n=10)
    archive.faults["/api/spectras/"] = ["429 5", "drop"]
    config = FetchConfig(
        archive="sparcl", out=tmp_path, server=archive.url,
        query='{"redshift": [0.05, 0.2]}', cone=(150.0, 2.0, 0.1),
    )  # fmt: skip
    fetch_with(config, web)
    search = sparcl.searches[0]["search"]
    assert ["z", 0.05, 0.2] in search
    assert ["data_release", "DESI-DR1"] in search
    files = sorted(tmp_path.glob("*.parquet"))
    assert len(files) == 3
    raws = [raw for path in files for raw in read_file(path)]
    assert len(raws) == 10
    assert raws[1].facts["object_id"] == "39627745524713207"
    assert (raws[0].instrument, raws[0].facts["z"]) == ("desi", 0.1)
    files[1].unlink()
    before = archive.counted("/api/spectras/")
    fetch_with(config, web)  # again: only the block that is not there
    assert archive.counted("/api/spectras/") == before + 1


def test_wrong_wishes_are_told(tmp_path: Path, capsys):
    out = str(tmp_path / "out")
    lists = {name: write_list_as(tmp_path, name, text) for name, text in (
        ("sdss", "ra,dec\n1,2\n"), ("zero", "plate,mjd,fiber\n266,51602,x\n"),
        ("pixel", "survey,program,healpix\nmain,dark,99999\n"),
    )}  # fmt: skip
    for options, message in (
        (["sdss"], "say what to fetch"),
        (["sdss", "--cone", "1", "2"], "RA DEC RADIUS"),
        (["sdss", "--cone", "1", "2", "3", "--jobs", "20"], "1..8"),
        (["sdss", "--list", lists["sdss"]], "it lacks fiber, mjd, plate"),
        (["sdss", "--list", lists["zero"]], "fiber must lie in 1..999999"),
        (["desi", "--list", lists["pixel"]], "healpix must lie in 0..49151"),
        (["sdss", "--list", "absent.csv"], "--list absent.csv can not be read: No such file"),
        (["desi", "--query", "z < 1"], "sparcl takes queries"),
        (["desi", "--cone", "1", "2", "3", "--release", "dr9"], "edr, dr1"),
    ):
        assert main(["fetch", *options, "--out", out]) == 2
        assert message in capsys.readouterr().err


def write_list_as(folder: Path, name: str, text: str) -> str:
    (folder / f"{name}.csv").write_text(text)
    return str(folder / f"{name}.csv")
