"""A survey of spectra of any instrument: resampled, with redshifts from a list."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from data.__main__ import main
from data.grid import INSTRUMENTS
from data.ingest.formats import read_file
from data.ingest.generic.assumed import Assumed
from data.ingest.generic.own_grid import AIR_ASSUMED, VACUUM_ASSUMED
from data.survey import Survey
from tests.fixtures.spectrum_files import write_sdss


@pytest.fixture
def spectra(tmp_path: Path) -> list[Path]:
    """Two spectra with a line at 6000 Angstrom, and the list of their redshifts."""
    wave = np.linspace(3900.0, 9000.0, 8001)
    flux = 10 + 500 * np.exp(-0.5 * ((wave - 6000) / 5) ** 2)
    for k in range(2):
        table = Table({"wavelength": wave, "flux": flux * (k + 1), "error": np.full(8001, 0.5)})
        table.write(tmp_path / f"mine{k}.csv")
    (tmp_path / "list.csv").write_text("object_id,z,class\nmine0,0.05,GALAXY\nmine1,0.06,GALAXY\n")
    return [tmp_path / f"mine{k}.csv" for k in range(2)]


def ingest(spectra: list[Path], *words: str) -> Survey:
    out = spectra[0].parent / "survey"
    files, catalog = [str(path) for path in spectra], str(spectra[0].with_name("list.csv"))
    assert main(["ingest", *files, "--catalog", catalog, "--out", str(out), *words]) == 0
    return Survey(out)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_spectra_of_any_grid_are_resampled_onto_the_one_asked_for(spectra, instrument):
    survey = ingest(spectra, "--instrument", instrument)
    assert survey.catalog["object_id"].tolist() == ["mine0", "mine1"]
    assert survey.catalog["z"].tolist() == [0.05, 0.06]
    assert survey.catalog["instrument"].tolist() == ["other", "other"]
    assert survey.catalog["norm"].to_numpy() == pytest.approx([10, 20], rel=1e-3)
    wave = INSTRUMENTS[instrument].wave
    flux = survey.read(slice(0, 2)).flux
    lines = np.abs(wave - 6000) < 50
    centres = (flux[:, lines] - 1) @ wave[lines] / (flux[:, lines] - 1).sum(axis=1)
    np.testing.assert_allclose(centres, 6000, atol=0.1)


def test_air_is_said_by_the_user(spectra, capsys):
    survey = ingest(spectra, "--air")
    assert f"2 spectra: {AIR_ASSUMED}" in capsys.readouterr().err
    wave = survey.grid.wave
    flux = survey.read(slice(0, 2)).flux[0]
    lines = np.abs(wave - 6001.66) < 50
    centre = (flux[lines] - 1) @ wave[lines] / (flux[lines] - 1).sum()
    assert centre == pytest.approx(6001.66, abs=0.1)  # 6000 A in air


def test_other_spectra_join_those_of_a_survey(spectra, capsys):
    folder = spectra[0].parent
    sdss = [write_sdss(folder / f"spec-{k}.fits", FIBERID=k, PLUG_RA=float(k)) for k in (1, 2, 3)]
    survey = ingest([*spectra, *sdss])
    said = capsys.readouterr().err
    assert "2 spectra: resampled onto the sdss grid from wavelengths of their own" in said
    assert f"2 spectra: {VACUUM_ASSUMED}" in said
    assert sorted(survey.catalog["instrument"]) == ["other", "other", "sdss", "sdss", "sdss"]
    assert survey.grid.matches(INSTRUMENTS["sdss"])


def test_a_list_of_paths_gives_the_redshifts_of_files(spectra):
    folder = spectra[0].parent
    (folder / "sub").mkdir()
    moved = spectra[1].rename(folder / "sub" / "mine1.csv")
    (folder / "list.csv").write_text(
        f"path,z,class\nmine0.csv,0.05,GALAXY\n{moved.resolve()},0.06,GALAXY\n"
    )
    survey = ingest([folder / "mine0.csv", folder / "sub"], "--instrument", "boss")
    assert survey.catalog.set_index("object_id")["z"].to_dict() == {"mine0": 0.05, "mine1": 0.06}


def test_text_spectra_are_found_in_folders_but_not_the_catalogue(spectra, capsys):
    Table.read(spectra[1]).write(spectra[1].with_suffix(".ecsv"))
    spectra[1].unlink()
    folder = spectra[0].parent
    words = [str(folder), "--catalog", str(folder / "list.csv"), "--out", str(folder / "survey")]
    assert main(["ingest", *words]) == 0
    assert "of 2 files" in capsys.readouterr().out
    assert Survey(folder / "survey").catalog["object_id"].tolist() == ["mine0", "mine1"]


def test_spectra_without_errors_are_taken_with_an_assumed_noise(spectra, capsys):
    for path in spectra:
        table = Table.read(path)
        table.remove_column("error")
        table.write(path, overwrite=True)
    files = [str(path) for path in spectra]
    words = [*files, "--catalog", str(spectra[0].with_name("list.csv")), "--instrument", "sdss"]
    assert main(["ingest", *words, "--out", str(spectra[0].with_name("none"))]) == 2
    assert "rejected, no errors (e.g. mine0.csv: the table has flux" in capsys.readouterr().out
    survey = ingest(spectra, "--instrument", "sdss", "--assumed-snr", "20")
    assert "2 spectra: no errors: noise taken as the median flux over 20" in capsys.readouterr().err
    assert len(survey) == 2
    (raw,) = read_file(spectra[0], assumed=Assumed(assumed_snr=20))
    np.testing.assert_allclose(np.median(raw.flux) * np.sqrt(raw.ivar), 20)


@pytest.mark.parametrize(
    ("column", "words", "left_out"),
    [
        ("and_mask", (), [7]),
        ("and_mask", ("--mask-bits", "BADFLAT"), [5]),
        ("and_mask", ("--mask-bits", "none"), []),
        ("quality", (), [5, 7]),
        ("quality", ("--mask-bits", "none"), []),
    ],
)
def test_masks_of_tables_follow_the_bits_asked_for(spectra, column, words, left_out):
    wave = INSTRUMENTS["sdss"].wave[:3000]
    mask = np.zeros(3000, int)
    mask[[1505, 1507]] = 1 << 2, 1 << 16  # BADFLAT, which the default uses; NEARBADPIXEL
    for path in spectra:
        columns = {"wavelength": wave, "flux": np.ones(3000), "error": np.full(3000, 0.1)}
        Table({**columns, column: mask}).write(path, overwrite=True)
    survey = ingest(spectra, *words)
    ivar = survey.read([0]).ivar[0]
    assert (np.flatnonzero(ivar[1500:1520] == 0)).tolist() == left_out
