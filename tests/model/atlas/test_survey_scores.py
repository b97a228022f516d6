"""Scores of a whole survey in bounded memory."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from model.atlas import survey_scores
from model.residuals.windows import Windows

BLOCK, N_WINDOW = 100, 200


def _strangeness(folder, n_block: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Return scores, and the most memory that making them took beside the scores, in bytes."""
    folder.mkdir()
    n = n_block * BLOCK
    scores = {"lof": rng.lognormal(0, 0.1, n), "snr": rng.lognormal(2, 0.5, n)}
    encoded = pd.DataFrame(scores | {"double_peaks": np.zeros(n)})
    paths = []
    for start in range(0, n, BLOCK):
        paths.append(folder / f"{start:09d}.windows.npz")
        values = rng.normal(size=(2, BLOCK, N_WINDOW)).astype(np.float32)
        Windows(values[0], 10 + values[1]).save(paths[-1])
    tracemalloc.start()
    scores = survey_scores._strangeness(encoded, folder, paths, (3000.0, 9000.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return scores, peak - scores.nbytes


def test_memory_does_not_grow_with_the_windows(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(survey_scores, "MOST_ROWS", 2 * BLOCK)
    few, small = _strangeness(tmp_path / "few", 4, rng)
    many, large = _strangeness(tmp_path / "many", 40, rng)
    assert len(few) == 4 * BLOCK
    assert len(many) == 40 * BLOCK
    windows = 36 * BLOCK * N_WINDOW * 2 * np.dtype(np.float32).itemsize
    assert large - small < 0.2 * windows


def test_the_sample_is_evenly_spaced_over_blocks_of_any_length(tmp_path, rng, monkeypatch):
    lengths = [5, 7, 1, 12]
    values = rng.normal(size=(sum(lengths), 3)).astype(np.float32)
    encoded = pd.DataFrame({"lof": np.ones(25), "snr": np.ones(25), "double_peaks": np.zeros(25)})
    paths, start = [], 0
    for length in lengths:
        paths.append(tmp_path / f"{start:09d}.windows.npz")
        Windows(values[start : start + length], values[start : start + length]).save(paths[-1])
        start += length
    taken = []

    def stop(windows: Windows, **_: object) -> None:
        taken.append(windows.residual)
        raise KeyboardInterrupt

    monkeypatch.setattr(survey_scores, "MOST_ROWS", 9)
    monkeypatch.setattr(survey_scores, "fit_strangeness", stop)
    with pytest.raises(KeyboardInterrupt):
        survey_scores._strangeness(encoded, tmp_path, paths, (3000.0, 9000.0))
    np.testing.assert_array_equal(taken[0], values[::3].astype(np.float16).astype(np.float32))
