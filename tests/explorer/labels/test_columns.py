"""Labels as columns of a session."""

from pathlib import Path
from threading import Event

import numpy as np
import pytest
from bokeh.document import Document

from explorer.labels import columns as label_columns
from explorer.labels.columns import LabelColumns
from explorer.labels.label import Label
from explorer.labels.shared import label_news, label_store
from explorer.state.dataset import CLASS, GRADE, NOTE, Dataset
from explorer.state.state import ExplorerState
from tests.fixtures.explorer import new_state
from tests.fixtures.server import Browser, run, until


def graded(state: ExplorerState) -> list[int]:
    return np.flatnonzero(np.isfinite(state.dataset.numeric(GRADE))).tolist()


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
    assert graded(other) == [5, 7]
    assert columns


def test_a_label_given_while_the_file_is_read_hides_no_other(
    own_atlas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, may_end, got = label_columns._read, Event(), list[int]()

    def slowly(dataset: Dataset) -> dict[str, Label]:
        labels = read(dataset)
        may_end.wait(60)
        return labels

    monkeypatch.setattr(label_columns, "_read", slowly)

    async def work(_document: Document, _browser: Browser) -> None:
        state = new_state(own_atlas)
        store, ids = label_store(state.dataset), state.dataset.ids
        store.put(ids[5], who="a", grade=4)
        columns = LabelColumns(state)
        columns._heard(store.put(ids[7], who="b", grade=3))
        may_end.set()
        await until(lambda: GRADE in state.dataset.catalog)
        got[:] = graded(state)

    run(work)
    assert got == [5, 7]
