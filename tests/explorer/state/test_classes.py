"""Columns of text: few values, hundreds, and one for each object."""

from pathlib import Path

import numpy as np
import pytest

from explorer.map.key import class_rows
from explorer.state import kinds as kinds_module
from explorer.state.calculated import calculate
from explorer.state.kinds import OTHER_VALUES
from tests.fixtures.explorer import open_tiny


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 20 values be many."""
    monkeypatch.setattr(kinds_module, "MAX_CLASSES", 20)


def test_rare_values_are_one_class_and_all_are_counted(tiny_atlas_path: Path) -> None:
    words = np.array([f"w{min(row, 40)}" if row else None for row in range(120)], dtype=object)
    dataset = open_tiny(tiny_atlas_path, word=words)
    assert "word" in dataset.class_columns
    classes = dataset.classes("word")
    assert classes.n_value == 40
    assert len(classes.names) == 21
    assert classes.names[0] == "w40"
    assert classes.names[-1] == OTHER_VALUES
    assert sum(classes.counts) == 119
    np.testing.assert_array_equal(np.bincount(classes.codes[1:], minlength=21), classes.counts)
    rows = class_rows(classes, None)
    assert sum(count for _name, count, _colour in rows) == 120
    assert rows[-2][0] == "28 others"
    rare = next(word for word in words[1:] if word not in classes.names)
    assert calculate(dataset, f"word == '{rare}'").passes.sum() == 1


def test_names_of_single_objects_are_no_classes(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path, file=[f"f{row}" for row in range(120)])
    assert dataset.kinds.left_out == {"file": 120}
    assert "file" not in dataset.class_columns
