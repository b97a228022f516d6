import csv
import io
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.labels.place import FILE, open_labels
from explorer.labels.store import LabelStore
from tests.fixtures.paths import ROOT

READ_ONLY = Path("/sys/kernel")


@pytest.fixture
def store(tmp_path):
    store = LabelStore(tmp_path / FILE)
    yield store
    store.close()


def test_label_is_what_was_put_and_survives_reopening(store, tmp_path):
    store.put("a-1", who="eva", grade=4, kind="blend", note="two redshifts")
    again = LabelStore(tmp_path / FILE)
    label = again.get("a-1")
    again.close()
    assert label is not None
    assert (label.grade, label.kind, label.note, label.who) == (4, "blend", "two redshifts", "eva")
    assert label.at.endswith("+00:00")


def test_put_leaves_what_is_not_given(store):
    store.put("a", who="eva", grade=2)
    store.put("a", who="ben", note="look at Hα")
    store.put("a", who="eva", kind="AGN")
    label = store.get("a")
    assert (label.grade, label.kind, label.note) == (2, "AGN", "look at Hα")
    store.put("a", who="eva", grade=None)
    assert store.get("a").grade is None


def test_undo_takes_back_only_ones_own_newest_change(store):
    store.put("a", who="eva", grade=1)
    store.put("a", who="eva", grade=5)
    store.put("b", who="ben", grade=3)
    assert store.undo("eva") == "a"
    assert store.get("a").grade == 1
    assert store.undo("eva") == "a"
    assert store.get("a") is None
    assert store.undo("eva") is None
    assert store.get("b").grade == 3


@pytest.mark.parametrize("grade", [-1, 6, 2.5, True, "3"])
def test_grade_outside_0_to_5_is_refused(store, grade):
    with pytest.raises(ValueError, match="grade must be a whole number from 0 to 5"):
        store.put("a", who="eva", grade=grade)
    assert store.all() == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "x" * 61}, "class must have at most 60"),
        ({"note": "x" * 2001}, "note must have at most 2000"),
        ({"who": " \x00"}, "who must not be empty"),
    ],
)
def test_text_that_does_not_fit_is_refused(store, change, message):
    with pytest.raises(ValueError, match=message):
        store.put("a", **({"who": "eva"} | change))
    assert store.all() == {}


def test_hostile_text_is_kept_as_text(store):
    note = "<script>alert(1)</script>'; DROP TABLE change; --"
    store.put('id"; DROP', who="eva", note=note, kind="a,b\nc")
    assert store.get('id"; DROP').note == note
    rows = list(csv.DictReader(io.StringIO(store.to_csv())))
    assert rows[0]["note"] == note
    assert rows[0]["class"] == "a,b\nc"


@settings(max_examples=25, deadline=None)
@given(
    actions=st.lists(
        st.one_of(
            st.tuples(
                st.sampled_from("ab"),
                st.sampled_from(["eva", "ben"]),
                st.integers(0, 5) | st.none(),
            ),
            st.sampled_from(["eva", "ben"]),
        ),
        max_size=25,
    )
)
def test_store_agrees_with_a_list_of_changes(tmp_path_factory, actions):
    store = LabelStore(tmp_path_factory.mktemp("labels") / FILE)
    journal: list[tuple[str, str, int | None]] = []
    for action in actions:
        if isinstance(action, str):
            mine = [at for at, change in enumerate(journal) if change[1] == action]
            assert store.undo(action) == (journal[mine[-1]][0] if mine else None)
            if mine:
                del journal[mine[-1]]
        else:
            store.put(action[0], who=action[1], grade=action[2])
            journal.append(action)
    expected = {object_id: (who, grade) for object_id, who, grade in journal}
    found = {name: (label.who, label.grade) for name, label in store.all().items()}
    store.close()
    assert found == expected


def test_csv_has_the_labels_that_say_something(store):
    store.put("a", who="eva", grade=0)
    store.put("b", who="eva", kind="star")
    store.put("b", who="eva", kind="")
    rows = list(csv.DictReader(io.StringIO(store.to_csv())))
    assert [(row["object_id"], row["grade"], row["who"]) for row in rows] == [("a", "0", "eva")]


def test_classes_in_use_are_listed_by_frequency(store):
    for object_id, kind in zip("abcd", ["star", "blend", "blend", ""], strict=True):
        store.put(object_id, who="eva", kind=kind)
    assert store.kinds() == ["blend", "star"]


_WRITER = """
import sys
from explorer.labels.store import LabelStore
store = LabelStore(sys.argv[1])
for number in range(100000):
    store.put(f"object-{number}", who="eva", grade=number % 6, note="x" * 500)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def test_nothing_acknowledged_is_lost_on_kill_9(tmp_path):
    for stop_after in (1, 37, 150):
        path = tmp_path / f"{stop_after}.sqlite"
        command = [sys.executable, "-c", _WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(stop_after):
                writer.stdout.readline()
            os.kill(writer.pid, signal.SIGKILL)
            rest = writer.stdout.read().split("\n")
        acknowledged = stop_after + sum(1 for line in rest[:-1] if line)
        store = LabelStore(path)
        labels = store.all()
        store.close()
        assert acknowledged >= stop_after
        for number in range(acknowledged):
            assert labels[f"object-{number}"].grade == number % 6
            assert len(labels[f"object-{number}"].note) == 500


def test_every_commit_is_synced_to_the_write_ahead_log(store):
    store.put("a", who="eva", grade=1)
    assert store._connect().execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._connect().execute("PRAGMA synchronous").fetchone() == (2,)


def test_looking_leaves_no_file(store, tmp_path):
    assert store.all() == {}
    assert store.get("a") is None
    assert store.undo("eva") is None
    assert store.kinds() == []
    assert list(tmp_path.iterdir()) == []


def test_threads_and_processes_share_the_file(tmp_path):
    stores = [LabelStore(tmp_path / FILE) for _ in range(2)]

    def work(worker: int) -> None:
        for number in range(25):
            stores[worker % 2].put(f"{worker}-{number}", who=f"w{worker}", grade=worker)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores[0].all()) == 100
    assert stores[0].all() == stores[1].all()
    for store in stores:
        store.close()


def test_other_files_are_refused_and_left_as_they_were(tmp_path):
    for name, content in {"text": b"not a database, certainly not" * 9, "other": None}.items():
        path = tmp_path / name
        if content is None:
            with sqlite3.connect(path) as database:
                database.execute("CREATE TABLE t (x)")
            database.close()
            content = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(ValueError, match="must be a file of labels"):
            LabelStore(path)
        assert path.read_bytes() == content


def test_labels_lie_beside_the_atlas(tmp_path):
    store = open_labels(tmp_path)
    assert store.path == tmp_path / FILE
    assert store.notice == ""
    store.close()


@pytest.mark.skipif(not READ_ONLY.is_dir(), reason="needs Linux's read-only /sys")
def test_read_only_atlas_has_its_labels_in_the_home_folder(tmp_path):
    store = open_labels(READ_ONLY, home=tmp_path)
    store.put("a", who="eva", grade=3)
    store.close()
    assert tmp_path in store.path.parents
    assert "can not be written; labels go to" in store.notice
    again = open_labels(READ_ONLY, home=tmp_path)
    assert again.get("a").grade == 3
    again.close()
    with pytest.raises(OSError, match="labels can not be kept in"):
        LabelStore(READ_ONLY / FILE).put("a", who="eva", grade=3)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_labels_of_a_read_only_atlas_are_taken_along(tmp_path):
    atlas = tmp_path / "atlas"
    atlas.mkdir()
    first = open_labels(atlas)
    first.put("a", who="eva", grade=3)
    first.close()
    (atlas / FILE).chmod(0o444)
    atlas.chmod(0o555)
    store = open_labels(atlas, home=tmp_path)
    assert store.get("a").grade == 3
    store.put("a", who="eva", grade=1)
    store.close()
    atlas.chmod(0o755)
