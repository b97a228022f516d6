"""Which grid spectra of other instruments get: that of most files."""

import numpy as np
import pytest

from data.ingest.grids import N_LOOKED_INTO, grid_from_data, most_frequent
from data.ingest.raw_spectrum import OTHER


def test_no_more_files_are_read_than_a_majority_takes():
    read = iter(["sdss"] * N_LOOKED_INTO)
    assert most_frequent(read) == "sdss"
    assert len(list(read)) == N_LOOKED_INTO - (N_LOOKED_INTO // 2 + 1)


@pytest.mark.parametrize(
    ("instruments", "expected"),
    [
        (["boss"] * 10 + ["sdss"] * 11 + ["desi"] * 10, "sdss"),
        ([OTHER] * 20 + ["desi"], "desi"),
        ([OTHER] * 3, "boss"),
        ([], "boss"),
    ],
)
def test_other_instruments_count_for_nothing(instruments, expected):
    assert most_frequent(instruments) == expected


def test_a_gap_does_not_widen_the_steps():
    wave = np.arange(4000.0, 7000.0, 2.0)
    grid = grid_from_data([wave[(wave < 5000) | (wave > 5500)]] * 3)
    assert grid.step == pytest.approx(2.0)
    assert grid.n_pixel == len(wave)
