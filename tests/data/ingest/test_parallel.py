"""Files read by the workers of a Dask cluster: the same survey, whatever files do to them."""

from pathlib import Path

import numpy as np
import pandas as pd

from data.__main__ import main
from data.ingest import command
from data.ingest.criteria import Criteria
from data.ingest.grids import one_grid
from data.ingest.parallel import read_batches
from data.ingest.sample_cuts import SampleCuts
from data.survey import Survey
from tests.fixtures.dask_cluster import kill_a_worker
from tests.fixtures.deadly import Deadly
from tests.fixtures.spectrum_files import write_sdss

N_FILE = 9


def _files(folder: Path) -> list[str]:
    for k in range(N_FILE):
        write_sdss(folder / f"spec-{k}.fits", seed=k, FIBERID=k, PLUG_RA=100 + k)
    return sorted(map(str, folder.glob("*.fits")))


def test_a_cluster_makes_the_survey_of_one_machine_though_a_worker_is_killed(
    scheduler, tmp_path, monkeypatch
):
    _files(tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "MAX_FILES", 1)
    append, appended = command._append, []

    def append_and_kill(*arguments):
        append(*arguments)
        appended.append(arguments)
        if len(appended) == N_FILE + 2:  # the second of the cluster's
            kill_a_worker(scheduler)

    monkeypatch.setattr(command, "_append", append_and_kill)
    for out, words in (("here", ["--jobs", "1"]), ("there", ["--scheduler", scheduler])):
        assert main(["ingest", "in", "--out", out, *words]) == 0
    here, there = Survey("here"), Survey("there")
    pd.testing.assert_frame_equal(here.catalog, there.catalog)
    first, second = here.read(slice(None)), there.read(slice(None))
    np.testing.assert_array_equal(first.flux, second.flux)
    np.testing.assert_array_equal(first.ivar, second.ivar)


def test_a_file_that_kills_workers_is_the_only_one_lost(scheduler, tmp_path):
    files = _files(tmp_path)
    write_sdss(tmp_path / "spec-bomb.fits", CLASS="BOMB")
    criteria = Criteria(grids=one_grid("sdss"), cuts=SampleCuts(classes=Deadly(["GALAXY"])))
    work = [files[:3], [*files[3:5], str(tmp_path / "spec-bomb.fits")], files[5:]]
    found = list(read_batches(work, criteria, jobs=1, scheduler=scheduler))
    assert sum(len(batch.rows) for batch in found) == N_FILE
    rejected = [item for batch in found for item in batch.rejected]
    assert [Path(item.file).name for item in rejected] == ["spec-bomb.fits"]
    assert rejected[0].kind == "reader crashed"
