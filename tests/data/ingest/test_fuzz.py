"""Mutants of spectrum files: none crashes, hangs or fills the memory; what is accepted is right.

`pytest tests/data/ingest/test_fuzz.py --mutants 2000` makes more of them.
"""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.table import Table

from data.grid import INSTRUMENTS, WaveGrid
from data.ingest.batch import FileContents, read_batch
from data.ingest.criteria import Criteria
from data.ingest.damage import fact_problem
from data.ingest.formats import read_file
from data.ingest.grids import one_grid
from data.ingest.sample_cuts import SampleCuts
from data.survey import Survey
from tests.data.ingest.generic.test_records import desi_datasets, sparcl_records, write_hdf5
from tests.data.ingest.test_spplate import write_plate, write_redshifts
from tests.fixtures import fits_mutations
from tests.fixtures.mutations import mutants
from tests.fixtures.paths import ROOT
from tests.fixtures.spectrum_files import write_desi, write_sdss

MEMORY = 2 << 30
"""Bytes that reading may take, libraries included."""


BASE_GRID = {"sdss": "sdss", "plate": "boss", "desi": "desi", "records": "desi"}
KINDS = ("sdss", "plate", "desi", "records", "fibres", "table")


def write(kind: str, folder: Path) -> Path:
    """Write a file of spectra of one of the `KINDS`, and what belongs beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "sdss":
        return write_sdss(folder / "spec-0266-51602-0001.fits")
    if kind == "plate":
        write_redshifts(folder / "spZbest-0266-51602.fits")
        write_plate(folder / "spPlate-0266-51602.fits")
        return folder / "spPlate-0266-51602.fits"
    if kind == "desi":
        ids = [39627745524713206, 39627745524713207]
        return write_desi(folder / "coadd-1.fits", targetids=ids, z=[0.1013, 0.1021])
    if kind == "records":
        path = folder / "records.fits"
        columns = sparcl_records()
        del columns["sparcl_id"]  # with it a record without specid would still be identified
        columns |= {"ra": [10.3, 11.3, 12.3], "dec": [-1.3, 0.3, 1.3]}
        Table({key: np.array(value) for key, value in columns.items()}).write(path)
        return path
    return write_own_grid(folder, table=kind == "table")


def write_own_grid(folder: Path, *, table: bool) -> Path:
    """Write two spectra of 2dF, or one in a table, with wavelengths of their own."""
    wave = 4000.0 + 1.7 * np.arange(2500)
    flux = np.random.default_rng(3).normal(30, 2, (2, len(wave))).astype("f4")
    if table:
        columns = Table({"wave": wave, "flux": flux[0], "err": np.full(len(wave), 2.0)})
        columns["wave"].unit, columns["flux"].unit = "Angstrom", "1e-17 erg / (s cm2 Angstrom)"
        columns.meta |= {"VACUUM": True, "Z": 0.1234, "RA": 10.3, "DEC": 2.3}
        columns.write(folder / "own.fits")
        return folder / "own.fits"
    fibres = Table(
        {"NAME": ["a", "b"], "TYPE": ["P", "P"], "RA": [0.6181, 0.6139], "DEC": [-0.5045, -0.5126]}
    )
    hdus = [fits.PrimaryHDU(flux), fits.ImageHDU(flux**0 * 4, name="VARIANCE")]
    axis = {"CRVAL1": 4000.0, "CDELT1": 1.7, "CRPIX1": 1.0, "CUNIT1": "Angstrom", "Z": 0.1234}
    hdus[0].header.update(axis)
    fits.HDUList([*hdus, fits.BinTableHDU(fibres, name="FIBRES")]).writeto(folder / "2df.fits")
    return folder / "2df.fits"


@pytest.fixture(params=[*KINDS, "parquet", "hdf5"])
def original(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "parquet":
        pd.DataFrame(sparcl_records()).to_parquet(tmp_path / "records.parquet")
        return tmp_path / "records.parquet"
    if request.param == "hdf5":
        wave = {"spectrum_lambda": np.tile(INSTRUMENTS["desi"].wave, (3, 1))}
        return write_hdf5(tmp_path / "records.hdf5", desi_datasets(**wave))
    return write(request.param, tmp_path / request.param)


def ingest(folder: Path, out: Path, *, seconds: float) -> subprocess.CompletedProcess[str]:
    """Ingest a folder in a process whose memory is bounded."""
    return subprocess.run(
        [sys.executable, "-m", "data", "ingest", folder, "--out", out, "--classes", "all",
         "--instrument", "sdss", "--jobs", "1"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=seconds,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY)),
    )  # fmt: skip


def test_no_mutant_stops_the_rest_and_each_is_accepted_or_told(original, tmp_path, n_mutant):
    folder = tmp_path / "in"
    folder.mkdir()
    content = original.read_bytes()
    for number, (name, mutant) in enumerate(mutants(content, n=n_mutant, seed=7)):
        (folder / f"{number:05d}-{name}{original.suffix}").write_bytes(mutant)
    whole = write_sdss(folder / "whole.fits", PLUG_RA=10.0, FIBERID=999)
    done = ingest(folder, tmp_path / "s", seconds=120 + n_mutant)
    assert done.returncode == 0, done.stderr[-2000:]
    survey = Survey(tmp_path / "s")
    assert str(whole) in set(survey.catalog["file"])
    lines = (tmp_path / "s" / "rejected.csv").read_text().splitlines()[1:]
    told = {line.split(",")[0].rsplit("/", 1)[-1] for line in lines}
    accepted = {Path(name).name for name in survey.catalog["file"]}
    assert told | accepted == {path.name for path in folder.iterdir()}
    assert not any("reader crashed" in line for line in lines)


def test_what_is_read_of_a_mutant_is_what_astropy_reads(tmp_path, n_mutant):
    """Where astropy can not read cards that do not matter, the bytes tell what the file has."""
    whole = write_sdss(tmp_path / "spec-0266-51602-0001.fits")
    content, undamaged = whole.read_bytes(), read_with_astropy(whole)
    assert undamaged is not None
    with fits.open(whole) as hdus:
        start, layout, n_row = hdus[1].fileinfo()["datLoc"], hdus[1].data.dtype, len(hdus[1].data)
    path = tmp_path / "mutant.fits"
    n_read = 0
    for name, mutant in mutants(content, n=n_mutant, seed=8):
        path.write_bytes(mutant)
        try:
            (raw,) = read_file(path)
        except (ValueError, OSError):
            continue
        if not np.isfinite(raw.facts["z"]) or fact_problem(raw.facts):  # the command rejects it
            continue
        n_read += 1
        theirs = read_with_astropy(path)
        if theirs is None:
            table = np.frombuffer(mutant, layout, n_row, start)
            theirs = {key.lower(): table[key] for key in layout.names} | {"z": undamaged["z"]}
        for ours, column in ((raw.flux, "flux"), (raw.ivar, "ivar")):
            np.testing.assert_array_equal(ours, theirs[column], err_msg=name)
        uniform = np.asarray(theirs["loglam"], float)
        wave = INSTRUMENTS[raw.instrument]
        assert np.abs(wave.start + wave.step * raw.pixel - uniform).max() < 0.1 * wave.step, name
        z = theirs["z"] if np.isfinite(theirs["z"]) else undamaged["z"]
        assert raw.facts["z"] == pytest.approx(z), name
    assert 0 < n_read < n_mutant


@pytest.mark.parametrize("kind", KINDS)
def test_what_differs_in_a_changed_file_is_told(kind, tmp_path, n_mutant):
    own = WaveGrid(scale="linear", start=4000.0, step=1.7, n_pixel=2500)
    grids = one_grid("own", own) if kind in ("fibres", "table") else one_grid(BASE_GRID[kind])
    criteria = Criteria(grids=grids, cuts=SampleCuts(classes=()), norm=None)
    path = write(kind, tmp_path)
    content, whole = path.read_bytes(), read_batch([str(path)], criteria)
    assert whole.rows
    rng = np.random.default_rng(9)
    for number in range(n_mutant):
        mutation = fits_mutations.MUTATIONS[number % len(fits_mutations.MUTATIONS)]
        with fits.open(io.BytesIO(content), memmap=False) as hdus:
            changed = fits.HDUList([hdu.copy() for hdu in hdus])
        what = mutation.__name__, mutation(changed, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            changed.writeto(path, overwrite=True, output_verify="ignore")
        read = read_batch([str(path)], criteria)
        assert read.rows or read.rejected, what
        assert not [r for r in read.rejected if "Error" in r.reason], (what, read.rejected)
        told = read.remarks - whole.remarks
        assert told or not differences(read, whole), (what, differences(read, whole))


def differences(read: FileContents, whole: FileContents) -> list[str]:
    """Return in what objects as read differ from those of the undamaged file; masks may grow."""
    known = {row["object_id"]: number for number, row in enumerate(whole.rows)}
    found: list[str] = []
    for row, flux, ivar in zip(read.rows, read.flux, read.ivar, strict=True):
        number = known.get(row["object_id"])
        if number is None:
            found.append(f"object {row['object_id']}")
            continue
        before = whole.rows[number]
        found += [
            f"{name}: {before[name]} became {row[name]}"
            for name in ("z", "ra", "dec", "class", "zwarning", "instrument")
            if row[name] != pytest.approx(before[name], abs=1e-4, nan_ok=True)
        ]
        used = ivar > 0
        same = (flux == whole.flux[number]) & (ivar == whole.ivar[number])
        found += [f"{np.sum(used & ~same)} pixels"] if np.any(used & ~same) else []
    return found


def read_with_astropy(path: Path) -> dict[str, Any] | None:
    """Return columns and redshift as astropy reads them; None if it can not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with fits.open(path) as hdus:
                table, facts = hdus[1].data, hdus[2].data if len(hdus) > 2 else None
                columns: dict[str, Any] = {name.lower(): table[name].copy() for name in table.names}
                names = {} if facts is None else {name.lower(): name for name in facts.names}
                z = float(facts[names["z"]][0]) if facts is not None and "z" in names else np.nan
                return columns | {"z": z}
        except Exception:  # noqa: BLE001 - whatever a damaged file makes it raise
            return None
