"""Labels leave as VI files and come back, told to every session."""

import time
from pathlib import Path

import pytest

from explorer.labels.label import Change, Label
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


def test_a_file_overrules_no_label_given_meanwhile(
    tiny_atlas_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("explorer.outliers.label_files.warn", told.append)
    state, store = new_state(tiny_atlas_path), LabelStore(tmp_path / FILE)
    first, second = map(str, state.dataset.ids[4:6])
    write = store.write

    def late(change: Change) -> Label:
        if store.get(first) is None:
            write(Change(object_id=first, who="ben", grade=0, note="seen"))
        return write(change)

    monkeypatch.setattr(store, "write", late)
    content = f"TARGETID,VI_quality,VI_scanner\n{first},3,eva\n{second},2,eva\n".encode()
    LabelFiles(state, store, LabelWriter(), LabelNews()).read(content)
    labels = store.all()
    assert (labels[first].grade, labels[first].note, labels[first].who) == (0, "seen", "ben")
    assert (labels[second].grade, labels[second].who) == (2, "eva")
    assert "1 not read: ben labelled" in told[0]
    store.close()


def test_labels_written_before_a_failure_are_told_too(
    tiny_atlas_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, store = new_state(tiny_atlas_path), LabelStore(tmp_path / FILE)
    write, tried, told = store.write, list[str](), list[str]()

    def fails_once(change: Change) -> Label:
        tried.append(change.object_id)
        if len(tried) == 2:
            raise OSError("disk is full")
        return write(change)

    monkeypatch.setattr(store, "write", fails_once)
    monkeypatch.setattr("explorer.outliers.label_files.announce", told.append)
    first, second = map(str, state.dataset.ids[4:6])
    files = LabelFiles(state, store, LabelWriter(pauses=(0.001,)), LabelNews())
    files.read(f"TARGETID,VI_quality\n{first},3\n{second},2\n".encode())
    for _ in range(1000):
        if told:
            break
        time.sleep(0.01)
    assert told == ["2 labels read."]
    assert tried == [first, second, second]
    store.close()
