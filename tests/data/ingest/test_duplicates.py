"""Which of several spectra of one object is kept."""

import numpy as np
import pandas as pd

from data.ingest.duplicates import best_of_object, repeat_reasons, tell_apart


def rows(**columns) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    usual = {"object_id": [f"o{k}" for k in range(n)], "ra": [150.0] * n, "dec": [2.0] * n}
    return pd.DataFrame(usual | {"snr": np.arange(1.0, n + 1)} | columns)


def test_the_highest_signal_to_noise_is_kept():
    table = rows(ra=[150.0, 150.0, 20.0])
    assert best_of_object(table).tolist() == [1, 1, 2]
    assert repeat_reasons(table, best_of_object(table))[0] == (
        "duplicate: o1 observes the same object with S/N 2.00, this one has 1.00"
    )


def test_a_sure_redshift_comes_before_signal_to_noise():
    table = rows(zwarning=[0, 4, np.nan])
    assert best_of_object(table).tolist() == [0, 0, 0]
    assert "a redshift warning" in repeat_reasons(table, best_of_object(table))[1]


def test_one_identifier_at_two_places_is_told_as_a_contradiction():
    table = rows(object_id=["a", "a"], ra=[150.0, 151.1])
    assert best_of_object(table).tolist() == [1, 1]
    assert repeat_reasons(table, best_of_object(table))[0].startswith(
        "contradiction: a is the identifier of another place too, 1.1 degrees away"
    )


def test_names_of_files_and_counts_are_no_identifiers():
    table = rows(
        object_id=["spectrum", "spectrum", "1", "1", "same", "same", "39633345008634465"] + ["a"],
        file=["g0/spectrum.fits", "g1/spectrum.fits", "x.parquet", "y.parquet", "g0/same.csv",
              "g1/same.csv", "z.fits", "b.fits"],
        z=[0.1, 0.2, 0.1, 0.1, 0.3, 0.3, 0.1, 0.1],
        norm=[1.0] * 8, snr=[5.0, 5.0, 5.0, 6.0, 7.0, 7.0, 5.0, 5.0],
        ra=[np.nan] * 8, dec=[np.nan] * 8,
    )  # fmt: skip
    assert tell_apart(table) == 4
    assert table["object_id"].tolist() == [
        "g0/spectrum", "g1/spectrum", "x/1", "y/1", "same", "same", "39633345008634465", "a",
    ]  # fmt: skip
    best = best_of_object(table)
    assert best.tolist() == [0, 1, 2, 3, 4, 4, 6, 7]


def test_as_many_folders_are_named_as_it_takes():
    table = rows(
        object_id=["s", "s", "s"], file=["/n1/red/s.csv", "/n2/red/s.csv", "/n2/blue/s.csv"],
        z=[0.1, 0.2, 0.3], norm=[1.0] * 3,
    )  # fmt: skip
    tell_apart(table)
    assert table["object_id"].tolist() == ["n1/red/s", "n2/red/s", "n2/blue/s"]
