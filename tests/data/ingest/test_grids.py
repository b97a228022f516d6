"""Which grid spectra of other instruments get: that of most files."""

import pytest

from data.ingest.grids import N_LOOKED_INTO, most_frequent
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
