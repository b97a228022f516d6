"""Labels leave as VI files and come back, told to every session."""

from pathlib import Path

from explorer.labels.label import Label
from explorer.labels.news import LabelNews
from explorer.labels.place import FILE
from explorer.labels.store import LabelStore
from explorer.labels.writer import LabelWriter
from explorer.outliers.label_files import INSPECTION, LabelFiles
from tests.fixtures.explorer import new_state


def test_files_are_read_once_and_told(tiny_atlas_path: Path, tmp_path: Path) -> None:
    state, store = new_state(tiny_atlas_path), LabelStore(tmp_path / FILE)
    heard: list[Label] = []

    class Listener:
        def hear(self, label: Label) -> None:
            heard.append(label)

    news, listener = LabelNews(), Listener()
    news.subscribe(listener.hear)
    store.put(str(state.dataset.ids[4]), who="eva", grade=3, kind="GALAXY", note="z=0.1 broad")
    files = LabelFiles(state, store, LabelWriter(), news)
    content = files.exported(INSPECTION).content
    store.put(str(state.dataset.ids[4]), who="ben", grade=0)
    for _ in range(2):
        files.read(content)
    label = store.get(str(state.dataset.ids[4]))
    assert label is not None
    assert (label.grade, label.kind, label.note, label.who) == (3, "GALAXY", "z=0.1 broad", "eva")
    assert len(heard) == 1
    store.close()
