import numpy as np
import pandas as pd
import pytest

from model.store.identifiers import Identifiers


@pytest.fixture
def ids():
    return Identifiers(pd.Series(["0266-51602-0107", "b", "é", "b", "3"]))


def test_rows_and_ids_are_found_by_each_other(ids):
    assert len(ids) == 5
    assert [ids.row(name) for name in ("b", "é", "none", "")] == [1, 2, None, None]
    assert (ids[2], ids[np.int64(4)]) == ("é", "3")
    assert ids[[4, 0, 4]].tolist() == ["3", "0266-51602-0107", "3"]
    assert ids[np.array([], dtype=int)].tolist() == []
    assert ids[:].tolist() == ["0266-51602-0107", "b", "é", "b", "3"]
    assert ids[1:3].tolist() == ["b", "é"]


def test_many_are_looked_up_at_once(ids):
    assert ids.rows(["3", "none", "b", "3"]) == {"3": 4, "b": 1}
    assert ids.rows([]) == {}


def test_ids_that_are_whole_numbers_keep_all_digits():
    ids = Identifiers(pd.Series([39627745524713206, 27021598150202075]))
    assert ids[0] == "39627745524713206"
    assert ids.row("27021598150202075") == 1


def test_an_id_is_found_by_a_pattern_that_describes_all_of_it(ids):
    assert ids.matching("0*266-0*51602-0*107") == 0
    assert ids.matching("266-51602") is None
    assert ids.matching("b|3") == 1
