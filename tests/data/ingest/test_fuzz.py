"""Mutants of spectrum files: none crashes, hangs or fills the memory; what is accepted is right.

`pytest tests/data/ingest/test_fuzz.py --mutants 2000` makes more of them.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data.grid import INSTRUMENTS
from data.ingest.formats import read_file
from data.survey import Survey
from tests.fixtures.mutations import mutants
from tests.fixtures.paths import ROOT
from tests.fixtures.spectrum_files import write_desi, write_sdss

MEMORY = 2 << 30
"""Bytes that reading may take, libraries included."""


@pytest.fixture(params=["sdss", "desi"])
def original(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "sdss":
        return write_sdss(tmp_path / "spec-0266-51602-0001.fits")
    return write_desi(tmp_path / "coadd-1.fits", targetids=[39, 40])


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
        (folder / f"{number:05d}-{name}.fits").write_bytes(mutant)
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
        if not np.isfinite(raw.facts["z"]):  # the command rejects it
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
