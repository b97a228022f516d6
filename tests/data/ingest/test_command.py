"""The whole command: every real file accepted or told why not, whatever else is in the folder."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from data.__main__ import main
from data.grid import INSTRUMENTS, NORM_RANGE
from data.ingest import command
from data.ingest.criteria import Criteria
from data.ingest.formats import read_file
from data.ingest.grids import one_grid
from data.ingest.parallel import read_batches
from data.ingest.sample_cuts import SampleCuts
from data.lines import sky as sky_lines
from data.parts import read_parts
from data.survey import Survey
from data.survey_writer import partial_folder
from tests.fixtures.deadly import Deadly
from tests.fixtures.paths import ROOT
from tests.fixtures.spectrum_files import sdss_columns, write_desi, write_sdss


def run(*words: object) -> int:
    return main(["ingest", *map(str, words), "--jobs", "1"])


def reasons(path: Path) -> dict[str, str]:
    """File name (with object, where one is named) -> reason."""
    with path.open(newline="", encoding="utf-8") as table:
        return {Path(row["file"]).name: row["reason"] for row in csv.DictReader(table)}


@pytest.fixture(scope="module")
def real_survey(real_spectra: Path, tmp_path_factory: pytest.TempPathFactory) -> Survey:
    out = tmp_path_factory.mktemp("real") / "survey"
    assert run(real_spectra / "sdss", "--out", out, "--instrument", "sdss") == 0
    return Survey(out)


def test_every_real_file_is_accepted_or_told_why_not(real_spectra: Path, real_survey: Survey):
    names = {path.name for path in (real_spectra / "sdss").glob("*.fits")}
    accepted = {Path(name).name for name in real_survey.catalog["file"]}
    told = reasons(real_survey.path / "rejected.csv")
    assert accepted | told.keys() == names
    assert not accepted & told.keys()
    with (real_spectra / "catalog.csv").open() as table:
        rows = {Path(row["file"]).name: row for row in csv.DictReader(table)}
    for name, row in rows.items():
        if row["is_sky"] == "True":
            assert told[name] == "sky fibre"
        elif row["class"] != "GALAXY":
            assert told[name] == f"class not wanted: {row['class']}"
        elif float(row["z"]) < -0.01:
            assert told[name].startswith("redshift outside the sample")
    clean = {
        name
        for name, row in rows.items()
        if row["class"] == "GALAXY"
        and row["zwarning"] in ("0.0", "16.0")
        and float(row["snr"]) >= 5
        and float(row["z"]) > 0.003
    }
    kinds = Counter(told[name].split(":")[0] for name in clean & told.keys())
    assert set(kinds) <= {"duplicate", "all pixels masked"}
    assert len(clean & accepted) > 100


def test_one_spectrum_of_each_real_object_is_kept(real_spectra: Path, real_survey: Survey):
    table = pd.read_csv(real_spectra / "catalog.csv")
    galaxies = table[(table["class"] == "GALAXY") & table["object_group"].notna()]
    told = reasons(real_survey.path / "rejected.csv")
    accepted = {Path(name).name for name in real_survey.catalog["file"]}
    for _, group in galaxies.groupby("object_group"):
        names = [Path(name).name for name in group["file"]]
        kept = [name for name in names if name in accepted]
        dropped = [name for name in names if told.get(name, "").startswith("duplicate")]
        assert len(kept) == (1 if len(dropped) or kept else 0)
        if dropped:  # masks differ from the pipeline's, and so may close calls
            snr = group.set_index(group["file"].str.split("/").str[-1])["snr"]
            assert snr[kept[0]] >= 0.95 * snr[dropped].max()
        for name in dropped:
            best, own = re.findall(r"S/N (\d+\.\d+), this one has (\d+\.\d+)", told[name])[0]
            assert float(best) >= float(own)


def test_real_spectra_are_stored_as_the_contract_says(real_survey: Survey):
    catalog, spectra = real_survey.catalog, real_survey.read(slice(None))
    assert catalog["object_id"].is_unique
    assert np.isfinite(spectra.flux).all()
    assert (catalog["z"] >= -0.01).all()
    assert (catalog["norm"] > 0).all()
    sky = sky_lines.mask(real_survey.grid)
    assert not spectra.ivar[:, sky].any()
    rest = spectra.wave / (1 + spectra.z[:, None])
    window = (rest > NORM_RANGE[0]) & (rest < NORM_RANGE[1]) & (spectra.ivar > 0)
    for k in range(len(spectra)):
        assert np.median(spectra.flux[k][window[k]]) == pytest.approx(1, abs=0.02)
        with fits.open(catalog["file"][k]) as hdus:
            table = hdus[1].data
            pixel = np.rint((table["loglam"].astype(float) - 3.578) / 1e-4).astype(int)
            inside = (pixel >= 0) & (pixel < 3921) & np.isfinite(table["flux"])
            expected = table["flux"][inside] / catalog["norm"][k]
        np.testing.assert_allclose(spectra.flux[k][pixel[inside]], expected, rtol=1e-4, atol=1e-6)


def test_signal_to_noise_agrees_with_the_pipeline(real_survey: Survey, real_spectra: Path):
    table = pd.read_csv(real_spectra / "catalog.csv")
    table["name"] = table["file"].str.split("/").str[-1]
    own = real_survey.catalog.assign(name=real_survey.catalog["file"].str.split("/").str[-1])
    both = own.merge(table, on="name", suffixes=("", "_pipeline"))
    both = both[(both["snr_pipeline"] > 3) & (both["instrument"] == "sdss")]
    assert len(both) > 80
    ratio = both["snr"] / both["snr_pipeline"]
    assert ratio.median() == pytest.approx(1, abs=0.05)
    assert ((ratio > 0.8) & (ratio < 1.25)).mean() > 0.95


def test_survey_says_where_it_comes_from(real_survey: Survey, real_spectra: Path):
    provenance = real_survey.info["provenance"]
    assert provenance["inputs"] == [str((real_spectra / "sdss").resolve())]
    assert provenance["n_file"] == 284
    assert {"numpy", "zarr", "python"} <= provenance["software"].keys()
    assert sum(provenance["rejected"].values()) + len(real_survey) == 284
    assert real_survey.info["instrument"] == "sdss"


def test_desi_galaxies_are_accepted_and_the_rest_told(real_spectra: Path, tmp_path: Path, capsys):
    assert run(real_spectra / "desi", "--out", tmp_path / "s") == 0
    survey = Survey(tmp_path / "s")
    assert len(survey.catalog) == 2
    np.testing.assert_allclose(np.sort(survey.catalog["z"]), [0.00727, 0.36874], atol=1e-5)
    told = reasons(tmp_path / "s" / "rejected.csv")
    assert told["spectra-main-dark-9144-bad-format.fits"].startswith("missing parts")
    assert told["coadd-main-dark-9144.fits"].startswith("no redshift")
    assert "2 accepted" in capsys.readouterr().out
    assert run(real_spectra / "desi" / "bad", "--out", tmp_path / "t") == 2
    assert not (tmp_path / "t").exists()
    assert reasons(tmp_path / "t-rejected.csv")


def galaxies(folder: Path, n: int, **facts: object) -> None:
    for k in range(n):
        own = {"FIBERID": k + 1, "PLUG_RA": 100 + 0.1 * k} | facts
        write_sdss(folder / f"spec-0266-51602-{k + 1:04d}.fits", seed=k, **own)


def with_columns(**changes: object) -> dict[str, np.ndarray]:
    columns = sdss_columns()
    for name, change in changes.items():
        columns[name] = change(columns[name])  # type: ignore[operator]
    return columns


def test_no_bad_file_stops_the_rest(tmp_path: Path, capsys):
    folder = tmp_path / "in"
    galaxies(folder, 2)
    good = (folder / "spec-0266-51602-0001.fits").read_bytes()
    bad = {
        "text.fits": b"hello world\n" * 500,
        "empty.fits": b"",
        "cut.fits": good[: len(good) // 2],
        "zeros.fits": bytes(9000),
        "cut.fits.gz": b"\x1f\x8b\x08",
    }
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    write_sdss(folder / "masked.fits", columns=with_columns(ivar=lambda x: 0 * x))
    write_sdss(folder / "flagged.fits", columns=with_columns(and_mask=lambda x: x + (1 << 23)))
    write_sdss(folder / "nan.fits", columns=with_columns(flux=lambda x: x * np.nan))
    write_sdss(folder / "negative.fits", columns=with_columns(flux=lambda x: -x))
    write_sdss(folder / "wide.fits", columns=with_columns(ivar=lambda x: np.stack([x, x], 1)))
    write_sdss(folder / "reversed.fits", columns=with_columns(loglam=lambda x: x[::-1]))
    write_sdss(folder / "shifted.fits", columns=with_columns(loglam=lambda x: x + 1))
    write_sdss(folder / "huge.fits", columns=with_columns(loglam=lambda x: x * 1e30))
    columns = sdss_columns()
    del columns["ivar"]
    write_sdss(folder / "columns.fits", columns=columns)
    for name, z in {
        "missing": None,
        "minus": -0.02,
        "not": np.nan,
        "far": 9.0,
    }.items():
        write_sdss(folder / f"z-{name}.fits", Z=z)
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(folder / "image.fits")
    (folder / "folder.fits").mkdir()
    (folder / "nowhere.fits").symlink_to(tmp_path / "nowhere")
    (folder / "loop").symlink_to(folder)
    os.link(folder / "spec-0266-51602-0001.fits", folder / "linked.fits")

    assert run(folder, folder, "--out", tmp_path / "s") == 0

    told = reasons(tmp_path / "s" / "rejected.csv")
    expected = {
        "text.fits": "not a FITS file",
        "empty.fits": "file is empty",
        "cut.fits": "truncated FITS file",
        "zeros.fits": "not a FITS file",
        "cut.fits.gz": "damaged gzip",
        "masked.fits": "all pixels masked",
        "flagged.fits": "all pixels masked",
        "nan.fits": "all pixels masked",
        "negative.fits": "norm not positive",
        "wide.fits": "bad shape",
        "reversed.fits": "bad wavelengths",
        "shifted.fits": "outside coverage",
        "huge.fits": "bad wavelengths",
        "columns.fits": "missing columns: ivar",
        "z-missing.fits": "no redshift",
        "z-not.fits": "no redshift",
        "z-minus.fits": "redshift outside the sample: z must be -0.01 to inf, got -0.02",
        "z-far.fits": "norm range not covered",
        "image.fits": "no spectrum",
        "nowhere.fits": "unreadable: No such file",
    }
    assert told.keys() == expected.keys()
    for name, start in expected.items():
        assert told[name].startswith(start), name
    assert len(Survey(tmp_path / "s")) == 2
    shown = capsys.readouterr().out
    assert "2 accepted" in shown
    for start in expected.values():
        assert start.split(":")[0] in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["."], "no spectrum files in"),
        ([".", "--jobs", "-1"], "--jobs must be 0 or more"),
        ([".", "--catalog", "none.csv"], "none.csv is not a file"),
    ],
)
def test_a_users_mistake_ends_with_status_2_and_no_survey(
    tmp_path: Path, monkeypatch, capsys, words, message
):
    monkeypatch.chdir(tmp_path)
    if "--catalog" in words:
        galaxies(tmp_path / "in", 1)
    assert main(["ingest", *words, "--out", "survey"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert not (tmp_path / "survey").exists()


def test_a_folder_that_can_not_be_read_is_told(tmp_path: Path, monkeypatch):
    galaxies(tmp_path / "in", 1)
    locked = tmp_path / "in" / "locked"
    locked.mkdir()
    scandir = os.scandir

    def guarded(path: str):  # as the system does for users other than root
        if str(path) == str(locked):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert run(tmp_path / "in", "--out", tmp_path / "s") == 0
    assert reasons(tmp_path / "s" / "rejected.csv") == {"locked": "unreadable: Permission denied"}


def test_markup_in_a_cell_and_bytes_in_a_name_arrive_as_text(tmp_path: Path):
    script = "<script>alert('x')</script>"
    write_sdss(tmp_path / "in" / "spec-1.fits", SUBCLASS=script, PLATE=None)
    os.rename(
        os.fsencode(tmp_path / "in" / "spec-1.fits"),
        os.fsencode(tmp_path / "in") + b"/spec-\xff.fits",
    )
    assert run(tmp_path / "in", "--out", tmp_path / "s") == 0
    row = Survey(tmp_path / "s").catalog.iloc[0]
    assert row["subclass"] == script
    assert row["file"].endswith("spec-\ufffd.fits")


def test_repeats_keep_the_best_signal_to_noise(tmp_path: Path):
    folder = tmp_path / "in"
    for k, noise in enumerate((4.0, 16.0, 1.0)):
        columns = with_columns(ivar=lambda x, noise=noise: x * 0 + np.float32(noise))
        place = {"PLUG_RA": 10.0 + 0.4 * k / 3600, "PLUG_DEC": 0.0}
        write_sdss(folder / f"spec-{k}.fits", columns=columns, FIBERID=k + 1, **place)
    write_sdss(folder / "spec-far.fits", FIBERID=9, PLUG_RA=10.0 + 5 / 3600, PLUG_DEC=0.0)
    write_sdss(folder / "spec-same-id.fits", FIBERID=9, PLUG_RA=50.0, seed=3)
    assert run(folder, "--out", tmp_path / "s") == 0
    catalog = Survey(tmp_path / "s").catalog
    assert sorted(catalog["object_id"]) == ["0266-51602-0002", "0266-51602-0009"]
    told = reasons(tmp_path / "s" / "rejected.csv")
    assert len(told) == 3
    assert told["spec-0.fits"].startswith("duplicate: 0266-51602-0002 observes the same object")


@pytest.mark.parametrize("place", [(0.0, 0.0), (-9999.0, -9999.0), (np.nan, np.nan)])
def test_objects_without_position_are_not_one_object(tmp_path: Path, place):
    galaxies(tmp_path / "in", 3, PLUG_RA=place[0], PLUG_DEC=place[1])
    assert run(tmp_path / "in", "--out", tmp_path / "s") == 0
    assert len(Survey(tmp_path / "s")) == 3


def test_catalogue_by_identifier_fills_what_files_lack(tmp_path: Path):
    (tmp_path / "in").mkdir()
    write_desi(tmp_path / "in" / "coadd-1.fits", targetids=[39, 40])
    table = tmp_path / "extra.csv"
    table.write_text("TARGETID,Z,SPECTYPE,lgm_tot_p50\n40,0.2,GALAXY,10.5\n39,0.1,GALAXY,-9999\n")
    assert run(tmp_path / "in", "--out", tmp_path / "s", "--catalog", table) == 0
    catalog = Survey(tmp_path / "s").catalog.set_index("object_id")
    assert catalog["z"].to_dict() == {"39": 0.1, "40": 0.2}
    assert catalog["class"].to_dict() == {"39": "GALAXY", "40": "GALAXY"}
    assert np.isnan(catalog["log_mass"]["39"])
    assert catalog["log_mass"]["40"] == 10.5


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".fits", ".ecsv"])
def test_catalogue_by_position_in_any_format(tmp_path: Path, suffix):
    from astropy.table import Table

    galaxies(tmp_path / "in", 3, Z=None, PLUG_DEC=5.0)
    ra = np.array([100.1, 100.0 + 1 / 3600, 100.2 + 3 / 3600, 7.0])
    frame = pd.DataFrame({"RA": ra, "DEC": 5.0, "redshift": [0.11, 0.10, 0.12, 0.5]})
    frame["note"] = ["b", "a", "too far", "elsewhere"]
    path = tmp_path / f"extra{suffix}"
    if suffix == ".csv":
        frame.to_csv(path, index=False)
    elif suffix == ".parquet":
        frame.to_parquet(path)
    else:
        Table.from_pandas(frame).write(path)
    code = run(tmp_path / "in", "--out", tmp_path / "s", "--catalog", path, "--match", "radec")
    assert code == 0
    catalog = Survey(tmp_path / "s").catalog.set_index("object_id")
    assert catalog["z"].to_dict() == {"0266-51602-0001": 0.10, "0266-51602-0002": 0.11}
    assert catalog["note"].to_dict() == {"0266-51602-0001": "a", "0266-51602-0002": "b"}
    assert reasons(tmp_path / "s" / "rejected.csv").keys() == {"spec-0266-51602-0003.fits"}


def test_catalogue_of_odd_types_is_stored(tmp_path: Path):
    galaxies(tmp_path / "in", 2)
    path = tmp_path / "extra.csv"
    path.write_text(
        "object_id,class,plate,mixed,<b>name</b>,when,flag\n"
        "266-51602-1,3,unknown,1.5,<i>x</i>,2020-01-01,True\n"
        "266-51602-2,4,266,text,,2020-01-02,False\n"
    )
    assert run(tmp_path / "in", "--out", tmp_path / "s", "--catalog", path) == 0
    catalog = Survey(tmp_path / "s").catalog
    assert list(catalog["class"]) == ["GALAXY", "GALAXY"]
    assert list(catalog["mixed"]) == ["1.5", "text"]
    assert catalog["<b>name</b>"][0] == "<i>x</i>"


def test_catalogue_without_what_it_needs_is_told(tmp_path: Path, capsys):
    galaxies(tmp_path / "in", 1)
    path = tmp_path / "extra.csv"
    path.write_text("name,mass\na,1\n")
    for match, message in (("id", "must have a column object_id"), ("radec", "ra and dec")):
        code = run(tmp_path / "in", "--out", tmp_path / "s", "--catalog", path, "--match", match)
        assert code == 2
        assert message in capsys.readouterr().err


def boss_columns() -> dict[str, np.ndarray]:
    columns = sdss_columns(n_pixel=4600)
    columns["loglam"] = (3.5530 + 1e-4 * np.arange(4600)).astype("f4")
    return columns


def mixed_files(folder: Path) -> None:
    """Write two galaxies of SDSS, one of BOSS and three of DESI."""
    write_desi(folder / "coadd-1.fits", targetids=[2**60 + 1, 5, 7], z=[0.1, 0.2, 0.3])
    galaxies(folder, 2)
    write_sdss(folder / "spec-boss.fits", columns=boss_columns(), FIBERID=9, PLUG_RA=9.0)


def test_each_spectrum_goes_on_the_grid_of_its_instrument(tmp_path: Path, capsys):
    (tmp_path / "in").mkdir()
    mixed_files(tmp_path / "in")
    assert run(tmp_path / "in", "--out", tmp_path / "s") == 0
    told = capsys.readouterr().err
    assert "grid boss: 1 spectra on 4686 pixels" in told
    assert "limits redshifts to -0.01..0.74" in told  # 9332 A / 5355 A - 1: a tenth of the window
    survey = Survey(tmp_path / "s")
    assert [(p.name, p.grid, p.start, p.stop) for p in survey.parts] == [
        ("sdss", INSTRUMENTS["sdss"], 0, 2),
        ("boss", INSTRUMENTS["boss"], 2, 3),
        ("desi", INSTRUMENTS["desi"], 3, 6),
    ]
    assert survey.info["schema_version"] == 2
    assert survey.info["instrument"] == "sdss, boss, desi"
    assert survey.catalog["instrument"].tolist() == ["sdss"] * 2 + ["boss"] + ["desi"] * 3
    assert survey.catalog["object_id"].iloc[3] == str(2**60 + 1)
    for part, words in zip(survey.parts, ("spec-[0-9]*", "spec-boss*", "coadd-*"), strict=True):
        assert run(*sorted((tmp_path / "in").glob(words)), "--out", tmp_path / part.name) == 0
        alone = Survey(tmp_path / part.name)
        assert (alone.info["schema_version"], alone.grid) == (1, part.grid)
        assert (tmp_path / part.name / "spectra.zarr" / "flux").is_dir()
        ours, theirs = survey.read(slice(part.start, part.stop)), alone.read(slice(None))
        np.testing.assert_array_equal(ours.flux, theirs.flux)
        np.testing.assert_array_equal(ours.ivar, theirs.ivar)
    with pytest.raises(ValueError, match="rows 1 to 2 lie on several grids"):
        survey.read([1, 2])
    read = {places.tolist()[0]: spectra for places, spectra in read_parts(survey, [4, 0, 5])}
    np.testing.assert_array_equal(read[0].flux, survey.read([4, 5]).flux)
    assert main(["info", str(tmp_path / "s")]) == 0
    assert "boss: 3540.0 to 10411.2 A" in capsys.readouterr().out


def test_all_spectra_go_on_one_grid_where_that_is_asked_for(tmp_path: Path):
    (tmp_path / "in").mkdir()
    mixed_files(tmp_path / "in")
    assert run(tmp_path / "in", "--out", tmp_path / "s") == 0
    assert run(tmp_path / "in", "--out", tmp_path / "b", "--instrument", "boss") == 0
    told = reasons(tmp_path / "b" / "rejected.csv")
    assert told == {
        "coadd-1.fits": "other grid: desi pixels do not fit the boss grid; leave --instrument out"
    }
    several, wide = Survey(tmp_path / "s"), Survey(tmp_path / "b")
    assert wide.grid == INSTRUMENTS["boss"]
    row = wide.catalog["object_id"].tolist().index(several.catalog["object_id"].iloc[0])
    flux = wide.read([row]).flux[0, 290 : 290 + 3921] * wide.catalog["norm"].iloc[row]
    own = several.read([0]).flux[0] * several.catalog["norm"].iloc[0]
    np.testing.assert_allclose(own, flux, rtol=1e-5)


def test_a_name_gives_other_instruments_a_grid_made_from_their_data(tmp_path: Path, capsys):
    galaxies(tmp_path / "in", 1)
    wave = 4200.0 + 2.5 * np.arange(1500)
    for number in range(2):
        lines = ["wavelength,flux,error"]
        lines += [f"{w},{1 + number + 0.1 * np.sin(w)},0.1" for w in wave]
        (tmp_path / "in" / f"mine-{number}.csv").write_text("\n".join(lines))
    table = tmp_path / "z.csv"
    table.write_text("object_id,z,class\nmine-0,0.1,GALAXY\nmine-1,0.2,GALAXY\n")
    files = sorted((tmp_path / "in").iterdir())
    words = (*files, "--catalog", table, "--instrument", "vimos")
    assert run(*words, "--out", tmp_path / "s") == 0
    survey = Survey(tmp_path / "s")
    assert [part.name for part in survey.parts] == ["sdss", "vimos"]
    np.testing.assert_allclose(survey.parts[1].grid.wave, wave, atol=1e-6)
    assert survey.catalog["instrument"].tolist() == ["sdss", "vimos", "vimos"]
    spectra, norm = survey.read([2]), survey.catalog["norm"].iloc[2]
    inside = spectra.ivar[0] > 0
    assert inside.mean() > 0.8  # all but strong sky lines
    np.testing.assert_allclose(
        spectra.flux[0][inside] * norm, (2 + 0.1 * np.sin(wave))[inside], rtol=1e-5
    )
    assert run(files[-1], "--instrument", "vimos", "--out", tmp_path / "t") == 2
    assert "no file looked into has wavelengths of its own" in capsys.readouterr().err


def test_the_norm_is_of_another_window_or_none_on_request(tmp_path: Path, capsys):
    galaxies(tmp_path / "in", 1)
    for name, words in (("a", ()), ("b", ("4500", "5000")), ("c", ("none",))):
        norm = ("--norm", *words) if words else ()
        assert run(tmp_path / "in", "--out", tmp_path / name, *norm) == 0
    first, other, none = (Survey(tmp_path / name) for name in "abc")
    assert other.info["normalisation"] == {"statistic": "median", "rest_range": [4500.0, 5000.0]}
    assert none.info["normalisation"] == {"statistic": "none"}
    assert none.catalog["norm"].tolist() == [1.0]
    flux = none.read([0]).flux[0]
    for survey, window in ((first, NORM_RANGE), (other, (4500.0, 5000.0))):
        spectra = survey.read([0])
        rest = spectra.wave / (1 + spectra.z[0])
        used = (rest > window[0]) & (rest < window[1]) & (spectra.ivar[0] > 0)
        assert np.median(flux[used]) == pytest.approx(survey.catalog["norm"].iloc[0], rel=1e-3)
    for words in (("1",), ("6000", "5000"), ("a", "b")):
        assert run(tmp_path / "in", "--out", tmp_path / "d", "--norm", *words) == 2
        assert "--norm takes two rest-frame wavelengths" in capsys.readouterr().err


def test_classes_are_chosen_by_name(tmp_path: Path):
    galaxies(tmp_path / "in", 1)
    write_sdss(tmp_path / "in" / "qso.fits", CLASS="QSO   ", FIBERID=2, PLUG_RA=1.0)
    for words, expected in (
        ([], ["GALAXY"]),
        (["--classes", "qso"], ["QSO"]),
        (["--classes", "all"], ["GALAXY", "QSO"]),
    ):
        out = tmp_path / "-".join(["s", *words])
        assert run(tmp_path / "in", "--out", out, *words) == 0
        assert sorted(Survey(out).catalog["class"]) == expected


def test_the_number_of_processes_changes_nothing(tmp_path: Path, monkeypatch):
    """Nor on which of several grids a spectrum comes to lie, and in which row."""
    monkeypatch.setattr(command, "MAX_FILES", 3)  # several batches a process
    galaxies(tmp_path / "in", 8)
    mixed_files(tmp_path / "in")
    (tmp_path / "in" / "bad.fits").write_bytes(b"no")
    for out, jobs in (("one", "1"), ("two", "2")):
        words = [str(tmp_path / "in"), "--out", str(tmp_path / out), "--jobs", jobs]
        assert main(["ingest", *words]) == 0
    one, two = Survey(tmp_path / "one"), Survey(tmp_path / "two")
    pd.testing.assert_frame_equal(one.catalog, two.catalog)
    assert [part.name for part in one.parts] == ["sdss", "boss", "desi"]
    rows = list(range(len(one.catalog)))
    for (places, first), (others, second) in zip(
        read_parts(one, rows), read_parts(two, rows), strict=True
    ):
        np.testing.assert_array_equal(places, others)
        np.testing.assert_array_equal(first.flux, second.flux)
        np.testing.assert_array_equal(first.ivar, second.ivar)


def test_a_file_that_kills_its_reader_is_the_only_one_lost(tmp_path: Path):
    galaxies(tmp_path, 5)
    write_sdss(tmp_path / "spec-bomb.fits", CLASS="BOMB")
    files = sorted(map(str, tmp_path.glob("*.fits")))
    cuts = SampleCuts(classes=Deadly(["GALAXY"]))
    criteria = Criteria(grids=one_grid("sdss"), cuts=cuts)
    found = list(read_batches([files[:3], files[3:]], criteria, jobs=2))
    assert sum(len(batch.rows) for batch in found) == 5
    rejected = [item for batch in found for item in batch.rejected]
    assert [Path(item.file).name for item in rejected] == ["spec-bomb.fits"]
    assert rejected[0].kind == "reader crashed"


ORPHAN = """
import os, sys
from data.processes import start_pool
if __name__ == "__main__":
    pool = start_pool(1)
    print(pool.submit(os.getpid).result(), flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_readers_end_when_the_command_is_killed(tmp_path: Path):
    (tmp_path / "orphan.py").write_text(ORPHAN)
    done = subprocess.run(
        [sys.executable, "orphan.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    end = time.monotonic() + 30
    status = Path(f"/proc/{int(done.stdout)}")
    while status.exists():
        assert time.monotonic() < end
        time.sleep(0.05)


SLOW = """
import sys, time
import data.ingest.command, data.ingest.parallel
data.ingest.command.MAX_FILES = 4
read_batch = data.ingest.parallel.read_batch
def slow(files, criteria):
    time.sleep(0.15)
    return read_batch(files, criteria)
data.ingest.parallel.read_batch = slow
from data.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_killed_ingest_goes_on_where_it_was(tmp_path: Path, capsys):
    galaxies(tmp_path / "in", 60)
    (tmp_path / "in" / "bad.fits").write_bytes(b"no")
    (tmp_path / "in" / "spec-copy.fits").write_bytes(
        (tmp_path / "in" / "spec-0266-51602-0007.fits").read_bytes()
    )
    assert run(tmp_path / "in", "--out", tmp_path / "whole") == 0
    words = ["ingest", str(tmp_path / "in"), "--out", str(tmp_path / "s"), "--jobs", "1"]
    for least in (2, 6):
        process = subprocess.Popen([sys.executable, "-c", SLOW, *words], cwd=ROOT)
        journal = partial_folder(tmp_path / "s") / "journal.jsonl"
        end = time.monotonic() + 60
        while not journal.exists() or len(journal.read_bytes().splitlines()) <= least:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "s").exists()
    capsys.readouterr()
    assert run(tmp_path / "in", "--out", tmp_path / "s") == 0
    assert "going on:" in capsys.readouterr().err
    whole, resumed = Survey(tmp_path / "whole"), Survey(tmp_path / "s")
    pd.testing.assert_frame_equal(whole.catalog, resumed.catalog)
    np.testing.assert_array_equal(whole.read(slice(None)).flux, resumed.read(slice(None)).flux)
    np.testing.assert_array_equal(whole.read(slice(None)).ivar, resumed.read(slice(None)).ivar)
    assert reasons(tmp_path / "s" / "rejected.csv") == reasons(tmp_path / "whole" / "rejected.csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "s", "whole"]


def test_other_settings_do_not_go_on_with_a_stopped_ingest(tmp_path: Path, capsys, monkeypatch):
    galaxies(tmp_path / "in", 4)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("data.ingest.command._finish", stop)
        assert run(tmp_path / "in", "--out", tmp_path / "s") == 130
    assert run(tmp_path / "in", "--out", tmp_path / "s", "--instrument", "boss") == 2
    assert "--no-resume" in capsys.readouterr().err
    words = ["--instrument", "boss", "--no-resume"]
    assert run(tmp_path / "in", "--out", tmp_path / "s", *words) == 0
    assert Survey(tmp_path / "s").grid == INSTRUMENTS["boss"]


def test_overwrite_is_asked_for(tmp_path: Path, capsys):
    galaxies(tmp_path / "in", 2)
    assert run(tmp_path / "in", "--out", tmp_path / "s") == 0
    assert run(tmp_path / "in", "--out", tmp_path / "s") == 2
    assert "exists" in capsys.readouterr().err
    assert run(tmp_path / "in", "--out", tmp_path / "s", "--overwrite") == 0
    assert json.loads((tmp_path / "s" / "survey.json").read_text())["n_object"] == 2


def test_errors_and_warnings_go_with_the_redshift_taken(tmp_path: Path):
    """The file has z 0.1 with its error; the catalogue another z, or the same one rounded."""
    for number in (1, 2, 3):
        write_sdss(tmp_path / "in" / f"spec-{number}.fits", FIBERID=number, PLUG_RA=float(number))
    own = [next(iter(read_file(tmp_path / "in" / f"spec-{k}.fits"))).facts for k in (1, 2, 3)]
    table = tmp_path / "c.csv"
    rows = zip(own, (0.2, 0.3, own[2]["z"] + 1e-6), ("2e-3", "", ""), strict=True)
    lines = [f"{facts['object_id']},{z},{error}" for facts, z, error in rows]
    table.write_text("\n".join(["object_id,z,z_err", *lines]))
    words = (tmp_path / "in", "--catalog", table)
    assert run(*words, "--prefer", "catalog", "--out", tmp_path / "s") == 0
    catalog = Survey(tmp_path / "s").catalog
    assert catalog["z"].tolist()[:2] == [0.2, 0.3]
    assert catalog["z_err"].tolist()[0] == 2e-3
    assert np.isnan(catalog["z_err"].tolist()[1])
    assert catalog["z_err"].tolist()[2] == own[2]["z_err"]
    assert catalog["zwarning"].isna().tolist() == [True, True, False]
    assert run(*words, "--out", tmp_path / "t") == 0
    assert Survey(tmp_path / "t").catalog["z_err"].tolist() == [facts["z_err"] for facts in own]


def test_own_files_of_one_name_and_of_any_unit_are_all_kept(tmp_path: Path, capsys):
    wave = np.arange(4000.0, 9000.0, 2.0)
    for number in range(3):
        (tmp_path / f"g{number}").mkdir()
        flux = 1e7 * (1 + number) * np.ones(len(wave))
        pd.DataFrame({"wavelength": wave, "flux": flux, "error": np.sqrt(flux)}).to_csv(
            tmp_path / f"g{number}" / "spectrum.csv", index=False
        )
    (tmp_path / "notes.txt").write_text("no spectrum")
    table = tmp_path / "z.csv"
    table.write_text("path,z\n" + "".join(f"g{n}/spectrum.csv,0.{n + 1}\n" for n in range(3)))
    found = run(
        tmp_path, "--out", tmp_path / "out", "--catalog", table, "--classes", "all",
        "--instrument", "own",
    )  # fmt: skip
    assert found == 0
    survey = Survey(tmp_path / "out")
    assert sorted(survey.ids) == ["g0/spectrum", "g1/spectrum", "g2/spectrum"]
    assert (survey.catalog["mask_fraction"] < 0.2).all()
    np.testing.assert_allclose(survey.catalog.sort_values("object_id")["z"], [0.1, 0.2, 0.3])
    assert "1 files .txt or .dat" in capsys.readouterr().out


def test_integers_that_some_rows_lack_keep_their_digits():
    frame = command._frame([{"targetid": 39633345008634465, "z": 0.1}, {"z": 0.2}])
    assert frame["targetid"].tolist()[0] == 39633345008634465
    assert frame["targetid"].isna().tolist() == [False, True]
