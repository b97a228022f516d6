"""Batches per second against spender's loader on the same spectra; memory of a big training.

The first part streams both from disk, shuffled; the second trains on a million mock spectra,
none of them stored, and reports the memory used: windows of spectra, not the survey.
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import torch
from spender.data.dataset import ParquetStream, write_dataset
from torch.utils.data import DataLoader

from benchmarks.pairs import time_pairs
from data.mock.survey import MockConfig, MockSurvey, mock
from data.survey import Survey
from model.batches.loader import BatchLoader
from model.splits import split_source
from model.training.config import TrainConfig
from model.training.settings import DeviceSettings, ReadingSettings, ScheduleSettings
from model.training.spender import train_spender

N_STORED, N_BIG = 8192, 1_000_000
BATCH, WINDOW = 256, 4096
CPU = torch.device("cpu")


def main() -> None:
    """Print ratio and memory."""
    with tempfile.TemporaryDirectory() as folder:
        compare_loaders(Path(folder))
        train_on_a_million(Path(folder))


def compare_loaders(folder: Path) -> None:
    """Time one shuffled epoch of `N_STORED` spectra, both ways with a buffer of `WINDOW` rows."""
    mock(MockConfig(out=folder / "survey", n=N_STORED, seed=1))
    survey = Survey(folder / "survey")
    files = _write_parquet(survey, folder / "parquet")
    loader = BatchLoader(
        survey,
        np.arange(N_STORED),
        batch_size=BATCH,
        seed=0,
        device=CPU,
        window_rows=WINDOW,
        keep_bytes=0,
    )
    stream = ParquetStream(files, ("spec", "w", "z"), shuffle=True, buffer_size=WINDOW, seed=0)
    theirs = DataLoader(stream, batch_size=BATCH)
    pairs = time_pairs(
        lambda: _count(len(batch.z) for batch in loader.epoch(0)),
        lambda: _count(len(batch[2]) for batch in theirs),
        n_pair=5,
    )
    print(f"epoch of {N_STORED} spectra, streamed: {pairs.line('ours', 'spender')}")
    kept = BatchLoader(survey, np.arange(N_STORED), batch_size=BATCH, seed=0, device=CPU)
    start = time.perf_counter()
    _count(len(batch.z) for batch in kept.epoch(0))
    print(f"the same, kept in memory: {time.perf_counter() - start:.3g} s")


def train_on_a_million(folder: Path) -> None:
    """Train on streamed mock spectra for two minutes."""
    source = MockSurvey(n=N_BIG, seed=2)
    config = TrainConfig(
        survey=Path("mock"),
        out=folder / "model",
        schedule=ScheduleSettings(minutes=2.0, valid_every=20),
        reading=ReadingSettings(batch_size=32, memory_gb=0.0, window_rows=1024, valid_max=256),
        hardware=DeviceSettings(device="cpu"),
        warm_start=False,
    )
    start = time.perf_counter()
    splits = split_source(source, object_class="any", rest_first=2359.0)
    print(f"catalogue and splits of {N_BIG}: {time.perf_counter() - start:.0f} s")
    before = psutil.Process().memory_info().rss
    trained = train_spender(config, source, splits)
    assert trained is not None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    whole = N_BIG * source.grid.n_pixel * 8
    print(
        f"{trained.facts['steps']} steps of 32: {before / 1e9:.2f} GB before, {peak / 1e9:.2f} GB "
        f"at the highest, {(peak - before) / whole:.1%} of the {whole / 1e9:.0f} GB of the survey"
    )


def _write_parquet(survey: Survey, out: Path) -> list[str]:
    n_pixel = survey.grid.n_pixel

    class Features:
        arrow_schema = pa.schema(
            [
                ("spec", pa.list_(pa.float32(), n_pixel)),
                ("w", pa.list_(pa.float32(), n_pixel)),
                ("z", pa.float32()),
                ("number", pa.int64()),
            ]
        )

    def batches() -> Any:
        for start in range(0, len(survey), 1024):
            spectra = survey.read(slice(start, start + 1024))
            yield {
                "spec": spectra.flux,
                "w": spectra.ivar,
                "z": spectra.z,
                "number": np.arange(start, start + len(spectra)),
            }

    write_dataset(str(out), batches(), Features, ["number"], fractions={"train": 1.0})
    return sorted(str(path) for path in (out / "data").glob("*.parquet"))


def _count(sizes: Any) -> None:
    total = sum(sizes)
    assert total == N_STORED, f"an epoch gave {total} spectra of {N_STORED}"


if __name__ == "__main__":
    main()
