"""What is exported is what ingest reads: the same objects, the same spectra."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from data.__main__ import main
from data.grid import INSTRUMENTS
from data.partial.folder import made_beside
from data.parts import read_parts
from data.survey import Survey
from data.survey_writer import Block, SurveyWriter

N_SDSS, N_DESI = 30, 12
N = N_SDSS + N_DESI
GRIDS = {name: INSTRUMENTS[name] for name in ("sdss", "desi")}


def catalog(rng: np.random.Generator) -> pd.DataFrame:
    """Objects in pairs, 5 arcsec apart, so that some lie across borders of partitions."""
    ra, dec = rng.uniform(150, 158, N // 2), rng.uniform(-4, 4, N // 2)
    return pd.DataFrame({
        "object_id": [f"{39627745524713200 + row}" for row in range(N)],
        "ra": np.concatenate([ra, ra + 5 / 3600]), "dec": np.concatenate([dec, dec]),
        "z": rng.uniform(0.02, 0.2, N), "z_err": np.full(N, 1e-5),
        "class": ["GALAXY"] * (N - 1) + ["QSO"], "subclass": [""] * N,
        "zwarning": np.zeros(N), "norm": rng.lognormal(2, 0.5, N), "log_mass": rng.normal(10, 1, N),
    })  # fmt: skip


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    rng = np.random.default_rng(3)
    rows = catalog(rng)
    path = tmp_path_factory.mktemp("export") / "survey"
    with SurveyWriter(path, grid=GRIDS, info={"instrument": "sdss, desi"}) as writer:
        blocks = []
        for name, some in (("sdss", slice(0, N_SDSS)), ("desi", slice(N_SDSS, N))):
            part = rows.iloc[some].reset_index(drop=True)
            flux = rng.normal(1, 0.1, (len(part), GRIDS[name].n_pixel)).astype(np.float32)
            ivar = rng.uniform(50, 150, flux.shape).astype(np.float32)
            ivar[rng.random(ivar.shape) < 0.05] = 0
            blocks.append(Block(name, part, flux, ivar))
        writer.append_blocks(blocks)
    return Survey(path)


def exported(survey: Survey, out: Path, to: str, *options: str) -> Path:
    assert main(["export", str(survey.path), "--to", to, "--out", str(out), *options]) == 0
    return out


def physical(survey: Survey) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return flux and ivar in 1e-17 erg/s/cm2/A by object_id."""
    norm, found = survey.catalog["norm"].to_numpy(), {}
    for places, spectra in read_parts(survey, np.arange(len(survey))):
        for place, flux, ivar in zip(places, spectra.flux, spectra.ivar, strict=True):
            found[survey.ids[place]] = flux * norm[place], ivar / norm[place] ** 2
    return found


@pytest.mark.parametrize("to", ["hats", "mmu", "parquet"])
def test_ingest_reads_the_same_spectra_back(survey: Survey, tmp_path: Path, to: str, capsys):
    out = exported(survey, tmp_path / "out", to, "--rows", "8")
    back = tmp_path / "back"
    command = ["ingest", str(out), "--out", str(back), "--classes", "all", "--jobs", "1"]
    assert main([*command, "--mask-bits", "all"]) == 0
    told = capsys.readouterr().err
    assert "taken as vacuum" not in told
    if to != "mmu":
        assert "unit" not in told
    again = Survey(back)
    assert {part.name for part in again.parts} == {"sdss", "desi"}
    before, after = physical(survey), physical(again)
    assert before.keys() == after.keys()
    for name, (flux, ivar) in before.items():
        kept = after[name][1] > 0  # ingest masks sky lines too
        assert kept.mean() > 0.7
        assert not (kept & (ivar == 0)).any()
        np.testing.assert_allclose(after[name][0][kept], flux[kept], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(after[name][1][kept], ivar[kept], rtol=1e-6)
    facts = [item.catalog.set_index("object_id").sort_index() for item in (survey, again)]
    for column in ("ra", "dec", "z", "z_err", "class"):
        pd.testing.assert_series_equal(facts[1][column], facts[0][column])


def partition_files(catalogue: Path) -> list[Path]:
    return sorted((catalogue / "dataset").glob("Norder=*/Dir=*/Npix=*.parquet"))


def test_margins_hold_what_is_close_outside(survey: Survey, tmp_path: Path):
    out = exported(survey, tmp_path / "sky", "hats", "--rows", "1", "--margin", "6")
    inside = {path.relative_to(out / "sky"): set(pd.read_parquet(path)["object_id"])
              for path in partition_files(out / "sky")}  # fmt: skip
    margin = {path.relative_to(out / "sky_margin"): set(pd.read_parquet(path)["object_id"])
              for path in partition_files(out / "sky_margin")}  # fmt: skip
    assert sum(map(len, inside.values())) == N
    assert max(map(len, inside.values())) <= 2
    split = 0
    pairs = zip(survey.ids[: N // 2], survey.ids[N // 2 :], strict=True)
    for pair in pairs:  # whoever has one of a pair has the other, inside or in its margin
        for path, ids in inside.items():
            if len(ids & set(pair)) == 1:
                split += 1
                assert set(pair) <= ids | margin[path]
    assert split
    for path, ids in margin.items():
        assert not ids & inside[path]


def test_hats_finds_its_catalogue_valid(survey: Survey, tmp_path: Path):
    validation = pytest.importorskip("hats.io.validation", reason="hats is not installed")
    out = exported(survey, tmp_path / "sky", "hats", "--rows", "8")
    assert validation.is_valid_collection(out, strict=True)


def test_lsdb_crossmatches_it(survey: Survey, tmp_path: Path):
    lsdb = pytest.importorskip("lsdb", reason="lsdb is not installed")
    opened = lsdb.open_catalog(exported(survey, tmp_path / "sky", "hats", "--rows", "1"))
    assert len(opened.compute()) == N
    near = opened.crossmatch(opened, radius_arcsec=6, n_neighbors=2, suffixes=("", "_other"))
    found = near.compute()
    assert len(found) == 2 * N  # each finds itself and the other of its pair, across borders
    first = opened.id_search({"object_id": survey.ids[0]}).compute().iloc[0]
    flux, _ = physical(survey)[survey.ids[0]]
    np.testing.assert_allclose(np.asarray(first["spectrum"]["flux"]), flux, rtol=1e-6)


def test_spectra_of_several_grids_are_padded_in_hdf5(survey: Survey, tmp_path: Path):
    out = exported(survey, tmp_path / "mmu", "mmu", "--name", "mine")
    files = sorted((out / "mine").glob("healpix=*/001-of-001.hdf5"))
    names: list[str] = []
    for path in files:
        with h5py.File(path) as file:
            assert f"healpix={file['healpix'][0]}" == path.parent.name
            names += [name.decode() for name in file["object_id"][:]]
            length = file["spectrum_lambda"].shape[1]
            assert file["spectrum_flux"].shape == file["spectrum_mask"].shape
            short = (file["spectrum_lambda"][:] < 0).any(axis=1)
            assert length in (GRIDS["sdss"].n_pixel, GRIDS["desi"].n_pixel)
            assert not short.any() or length == GRIDS["desi"].n_pixel
    assert sorted(names) == sorted(survey.ids)


def test_files_are_written_in_row_groups(survey: Survey, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("data.export.command.GROUP_ROWS", 5)
    out = exported(survey, tmp_path / "out", "parquet", "--rows", "20")
    files = [pq.ParquetFile(path) for path in sorted(out.glob("*.parquet"))]
    assert [file.metadata.num_rows for file in files] == [20, 20, 2]
    assert [file.num_row_groups for file in files] == [4, 4, 1]
    ids = np.concatenate([file.read(["object_id"])["object_id"].to_numpy() for file in files])
    np.testing.assert_array_equal(ids, survey.ids)


def test_an_atlas_gives_its_columns(own_atlas: Path, tmp_path: Path):
    out = tmp_path / "out"
    assert main(["export", str(own_atlas), "--to", "parquet", "--out", str(out)]) == 0
    table = pq.read_table(out / "part-00000.parquet")
    atlas = pd.read_parquet(own_atlas / "catalog.parquet")
    assert {"latent_0", "umap_x", "strangeness"} <= set(table.column_names)
    np.testing.assert_array_equal(table["latent_0"].to_numpy(), atlas["latent_0"])


def test_objects_without_position_are_left_out_and_told(tmp_path: Path, rng, capsys):
    rows = catalog(rng).iloc[:3].assign(ra=[150.0, 0, -9999], dec=[1.0, 0, -9999])
    grid = replace(GRIDS["sdss"], n_pixel=50)
    for name, table in (("some", rows), ("none", rows.drop(columns=["ra"]))):
        with SurveyWriter(tmp_path / name, grid=grid, info={"instrument": "a"}) as writer:
            writer.append(table, np.ones((3, 50), "f4"), np.ones((3, 50), "f4"))
    out = exported(Survey(tmp_path / "some"), tmp_path / "hats", "hats")
    assert "2 objects without a position" in capsys.readouterr().err
    assert pq.read_table(partition_files(out / "hats")[0]).num_rows == 1
    command = ["export", str(tmp_path / "none"), "--to", "hats", "--out", str(tmp_path / "x")]
    assert main(command) == 2
    assert "no ra and dec" in capsys.readouterr().err
    assert main([*command[:-1], str(out)]) == 2
    assert "exists" in capsys.readouterr().err


def test_a_failed_export_leaves_nothing_behind(survey: Survey, tmp_path: Path, capsys, monkeypatch):
    def full(records: object, folder: Path, **_: object) -> None:
        (folder / "part-00000.parquet").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("data.export.command._write_parquet", full)
    words = ["export", str(survey.path), "--to", "parquet", "--out", str(tmp_path / "e")]
    assert main(words) == 2
    assert "No space left" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_two_exports_of_one_folder_do_not_meet(survey: Survey, tmp_path: Path, capsys):
    out = tmp_path / "e"
    with made_beside(out) as partial:
        (partial / "of the first").touch()
        words = ["export", str(survey.path), "--to", "parquet", "--out", str(out)]
        assert main(words) == 2
        assert "another process is writing" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["of the first"]
