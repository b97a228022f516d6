import numpy as np
import pandas as pd
import pytest

from data.ingest.duplicates import best_of_object


@pytest.mark.parametrize("value", [0.0, -9999.0, np.nan])
def test_objects_of_unknown_position_are_all_kept(value):
    rows = np.arange(1000)
    catalog = pd.DataFrame(
        {"object_id": rows.astype(str), "ra": value, "dec": value, "snr": rows / 10}
    )
    assert np.array_equal(best_of_object(catalog), rows)


def test_the_best_spectrum_stands_for_its_object_and_the_first_of_equals():
    catalog = pd.DataFrame(
        {
            "object_id": ["a", "b", "c", "a", "d"],
            "ra": [10.0, 10.0 + 1.0 / 3600, 20.0, 0.0, 10.0 + 6.0 / 3600],
            "dec": [5.0, 5.0, 5.0, 0.0, 5.0],
            "snr": [3.0, 7.0, 1.0, 7.0, 2.0],
        }
    )
    assert list(best_of_object(catalog)) == [1, 1, 2, 1, 4]
