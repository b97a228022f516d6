import threading
import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from data.arrays import FloatArray
from data.grid import WaveGrid
from data.spectra import Spectra
from data.survey import Survey
from data.survey_writer import SurveyWriter
from model.batches.epoch_order import epoch_order
from model.batches.loader import BatchLoader

CPU = torch.device("cpu")
GRID = WaveGrid(scale="log", start=3.6, step=1e-3, n_pixel=7)


class CountingSource:
    """Spectra whose flux is their row number; it counts how often each row is read."""

    def __init__(self, n: int, *, chunk_rows: int = 4, grid: WaveGrid = GRID) -> None:
        self.grid, self.chunk_rows, self.n = GRID, chunk_rows, n
        self.catalog = pd.DataFrame({"object_id": np.arange(n).astype(str), "z": np.zeros(n)})
        self.ids = self.catalog["object_id"].to_numpy()
        self.reads = np.zeros(n, dtype=int)
        self.largest = 0

    def __len__(self) -> int:
        return self.n

    def read(self, indices: FloatArray | list[int] | slice) -> Spectra:
        rows = np.arange(self.n)[indices]
        self.largest = max(self.largest, len(rows))
        np.add.at(self.reads, rows, 1)
        flux = np.repeat(rows[:, None], self.grid.n_pixel, axis=1).astype(np.float32)
        return Spectra(grid=self.grid, flux=flux, ivar=flux + 1, z=rows / 1000)

    def reference(self) -> dict[str, object]:
        return {"kind": "counting"}


def _loader(source: CountingSource, rows: FloatArray, **options: object) -> BatchLoader:
    settings = {"batch_size": 5, "seed": 3, "device": CPU, "window_rows": 16} | options
    return BatchLoader(source, rows, **settings)  # type: ignore[arg-type]


def _rows(batches: object) -> list[list[int]]:
    return [batch.rows.tolist() for batch in batches]  # type: ignore[attr-defined]


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 120),
    batch_size=st.integers(1, 40),
    window_rows=st.integers(1, 60),
    block_rows=st.integers(1, 20),
    seed=st.integers(0, 2**31),
)
def test_every_spectrum_comes_exactly_once(n, batch_size, window_rows, block_rows, seed):
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(rng.random(n) < 0.7)
    if not len(rows):
        rows = np.array([0])
    source = CountingSource(n, chunk_rows=block_rows)
    options = {"batch_size": batch_size, "window_rows": window_rows, "seed": seed}
    streamed = _loader(source, rows, keep_bytes=0, **options)
    assert not streamed.kept
    batches = list(streamed.epoch(2))
    seen = np.concatenate([batch.rows for batch in batches])
    assert sorted(seen) == rows.tolist()
    assert source.reads.max() == 1, "a row was read from the source twice in one epoch"
    for batch in batches:
        assert torch.equal(batch.flux[:, 0], batch.rows.float())
        assert torch.equal(batch.ivar, batch.flux + 1)
        assert torch.allclose(batch.z, batch.rows / 1000)
    kept = _loader(source, rows, **options)
    assert kept.kept
    assert _rows(kept.epoch(2)) == _rows(batches)


def test_epochs_differ_and_repeat_by_seed():
    loader = _loader(CountingSource(40), np.arange(40))
    first, second = _rows(loader.epoch(0)), _rows(loader.epoch(1))
    assert first != second
    assert first == _rows(_loader(CountingSource(40), np.arange(40)).epoch(0))
    assert first != _rows(_loader(CountingSource(40), np.arange(40), seed=4).epoch(0))


@pytest.mark.parametrize("keep_bytes", [0, None])
def test_epoch_resumes_at_any_batch(keep_bytes):
    loader = _loader(CountingSource(43), np.arange(43), keep_bytes=keep_bytes)
    whole = _rows(loader.epoch(1))
    for first in range(len(loader) + 1):
        assert _rows(loader.epoch(1, first_batch=first)) == whole[first:]


@pytest.mark.parametrize("keep_bytes", [0, None])
@pytest.mark.parametrize("world", [2, 3, 7])
def test_processes_share_the_batches_of_one(world, keep_bytes):
    rows = np.arange(43)
    alone = _rows(_loader(CountingSource(43), rows).epoch(0))
    shares = [
        list(
            _loader(CountingSource(43), rows, rank=rank, world=world, keep_bytes=keep_bytes).epoch(
                0
            )
        )
        for rank in range(world)
    ]
    for number, expected in enumerate(alone):
        parts = [share[number] for share in shares]
        assert len({len(part.rows) for part in parts}) == 1, "shares must be equally long"
        counted = [part.rows[part.counted > 0] for part in parts]
        assert torch.cat(counted).tolist() == expected
        for part in parts:
            assert part.n_global == len(expected)
            assert not part.ivar[part.counted == 0].any()


def test_a_window_is_made_of_whole_blocks():
    order, windows = epoch_order(np.arange(1000), block_rows=10, window_rows=100, seed=0, epoch=0)
    for start, stop in zip(windows[:-1], windows[1:], strict=True):
        blocks, size = np.unique(order[start:stop] // 10, return_counts=True)
        assert (size == 10).all()
        assert len(blocks) == 10
        assert (np.diff(blocks) > 1).any(), "blocks of a window must come from everywhere"


def test_window_bounds_what_is_read_at_once():
    source = CountingSource(5000)
    loader = _loader(source, np.arange(5000), keep_bytes=0, window_rows=200, batch_size=64)
    assert sum(len(batch.rows) for batch in loader.epoch(0)) == 5000
    assert source.largest <= 204


@pytest.mark.parametrize("world", [2, 3])
def test_processes_together_read_each_spectrum_once(world):
    n, total = 420, 0
    for rank in range(world):
        source = CountingSource(n)
        loader = _loader(
            source, np.arange(n), batch_size=60, window_rows=100, keep_bytes=0,
            rank=rank, world=world,
        )  # fmt: skip
        _rows(loader.epoch(0))
        total += source.reads
    assert (total == 1).all()


def test_memory_of_an_epoch_does_not_grow_with_the_survey():
    peaks, grid = [], WaveGrid(scale="log", start=3.6, step=1e-3, n_pixel=400)
    for n in (2000, 12_000):
        source = CountingSource(n, grid=grid)
        loader = _loader(source, np.arange(n), keep_bytes=0, window_rows=200, batch_size=64)
        tracemalloc.start()
        for _ in loader.epoch(0):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    spectra = 10_000 * grid.n_pixel * 2 * np.dtype(np.float32).itemsize
    assert peaks[1] - peaks[0] < 0.2 * spectra


def test_validation_comes_in_order():
    loader = _loader(CountingSource(43), np.arange(0, 43, 2), keep_bytes=0)
    seen = np.concatenate([batch.rows for batch in loader.in_order()])
    assert seen.tolist() == list(range(0, 43, 2))


def test_error_of_the_source_reaches_the_caller():
    class BrokenSource(CountingSource):
        def read(self, indices):
            raise OSError("disk gone")

    loader = _loader(BrokenSource(20), np.arange(20), keep_bytes=0)
    with pytest.raises(OSError, match="disk gone"):
        list(loader.epoch(0))


def test_leaving_an_epoch_early_ends_its_threads():
    before = threading.active_count()
    loader = _loader(CountingSource(500), np.arange(500), keep_bytes=0)
    batches = loader.epoch(0)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= before


def test_no_rows_is_refused():
    with pytest.raises(ValueError, match="batch size >= 1 and rows"):
        _loader(CountingSource(4), np.array([], dtype=int))


def test_reads_a_survey_on_disk(tmp_path, rng):
    flux = rng.normal(size=(300, GRID.n_pixel)).astype(np.float32)
    rows = pd.DataFrame({"object_id": np.arange(300).astype(str), "z": rng.random(300)})
    with SurveyWriter(tmp_path / "survey", grid=GRID, info={}) as writer:
        writer.append(rows, flux, np.abs(flux))
    survey = Survey(tmp_path / "survey")
    some = np.flatnonzero(rng.random(300) < 0.5)
    loader = BatchLoader(
        survey, some, batch_size=32, seed=0, device=CPU, window_rows=128, keep_bytes=0
    )
    for batch in loader.epoch(0):
        torch.testing.assert_close(batch.flux.numpy(), flux[batch.rows])
