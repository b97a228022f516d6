"""Which of several spectra of one object is kept."""

import numpy as np
import pandas as pd

from data.ingest.duplicates import best_of_object, repeat_reasons


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
