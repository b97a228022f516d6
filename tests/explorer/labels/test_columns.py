"""Labels as columns of a session."""

from pathlib import Path

import numpy as np

from explorer.labels.columns import LabelColumns
from explorer.labels.shared import label_news, label_store
from explorer.state.dataset import CLASS, GRADE, NOTE
from tests.fixtures.explorer import new_state


def test_labels_are_columns_that_follow(own_atlas: Path) -> None:
    state = new_state(own_atlas)
    dataset = state.dataset
    columns = LabelColumns(state)
    assert GRADE not in dataset.catalog
    store, news = label_store(dataset), label_news(dataset)
    label = store.put(dataset.ids[5], who="a", grade=4, kind="blend")
    news.publish(label, sender=None)
    assert dataset.numeric(GRADE)[5] == 4
    assert np.isnan(dataset.numeric(GRADE)).sum() == 119
    assert dataset.classes(CLASS).names == ("blend",)
    assert NOTE not in dataset.catalog
    state.calculate_columns({"good": "label_grade >= 3"})
    state.param.update(filters={"label_grade >= 3": True}, colour=CLASS)
    news.publish(store.put(dataset.ids[7], who="a", grade=3, note="x"), sender=None)
    assert np.flatnonzero(state.shown).tolist() == [5, 7]
    assert np.flatnonzero(dataset.numeric("good") == 1).tolist() == [5, 7]
    assert dataset.catalog[NOTE].iloc[7] == "x"
    news.publish(store.put(dataset.ids[5], who="a", kind=""), sender=None)
    assert state.colour == "z"  # no class is given any more
    store.close()
    other = new_state(own_atlas)
    assert LabelColumns(other)
    assert np.flatnonzero(np.isfinite(other.dataset.numeric(GRADE))).tolist() == [5, 7]
    assert columns
