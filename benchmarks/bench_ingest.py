"""Files per second: the whole ingest against reading alone with specutils, same real files.

Headers parsed in one run are forgotten before the next, as if every file were new.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from pathlib import Path

from specutils import Spectrum

from benchmarks.pairs import time_pairs
from data.ingest.batch import read_batch
from data.ingest.command import ingest
from data.ingest.config import IngestConfig
from data.ingest.criteria import Criteria
from data.ingest.fits import header
from data.ingest.grids import one_grid
from data.ingest.sample_cuts import SampleCuts
from tests.fixtures.paths import REAL_SPECTRA

N_FILE = 140


def main() -> None:
    """Print both ratios; both sides use one process."""
    if not REAL_SPECTRA.is_dir():
        print(f"skipped: no real spectra at {REAL_SPECTRA}")
        return
    warnings.simplefilter("ignore")
    paths = sorted((REAL_SPECTRA / "sdss").glob("*.fits"))
    paths = [path for path in paths[:: max(len(paths) // N_FILE, 1)] if _specutils_can_read(path)]
    criteria = Criteria(grids=one_grid("boss"), cuts=SampleCuts(classes=()))

    def theirs() -> None:
        for path in paths:
            Spectrum.read(path)

    def ours() -> None:
        header.parsed.cache_clear()
        read_batch([str(path) for path in paths], criteria)

    pairs = time_pairs(ours, theirs, n_pair=5)
    print(f"{len(paths)} files, read and prepared: {pairs.line('ours', 'specutils (reads only)')}")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "survey"

        def whole() -> None:
            config = IngestConfig(path=tuple(paths), out=out, jobs=1, overwrite=True)
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                ingest(config)

        pairs = time_pairs(whole, theirs, n_pair=5)
    print(f"{len(paths)} files, whole command: {pairs.line('ours', 'specutils (reads only)')}")


def _specutils_can_read(path: Path) -> bool:
    try:
        Spectrum.read(path)
    except Exception as error:  # whatever it raises, it did not read the file
        print(f"specutils can not read {path.name}: {type(error).__name__}; left out for both")
        return False
    return True
