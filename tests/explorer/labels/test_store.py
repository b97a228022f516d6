import contextlib
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


def test_a_spreadsheet_computes_nothing_of_labels(store):
    store.put("-123", who="+eva", kind="@star", note="=1+1")
    (row,) = csv.DictReader(io.StringIO(store.to_csv()))
    texts = [row[name] for name in ("object_id", "who", "class", "note")]
    assert texts == ["-123", "'+eva", "'@star", "'=1+1"]


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
    assert store._writer.read("PRAGMA journal_mode") == [("wal",)]
    assert store._writer.read("PRAGMA synchronous") == [(2,)]


def test_looking_leaves_no_file(store, tmp_path):
    assert store.all() == {}
    assert store.get("a") is None
    assert store.undo("eva") is None
    assert store.kinds() == []
    assert list(tmp_path.iterdir()) == []


_FIRST_WRITER = """
import sys
from explorer.labels.store import LabelStore
store = LabelStore(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(25):
    store.put(f"{sys.argv[2]}-{number}", who="eva", grade=number % 6)
"""


def test_threads_and_processes_share_a_new_file(tmp_path):
    path = tmp_path / FILE
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _FIRST_WRITER, str(path), f"process {worker}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True,
        )
        for worker in range(8)
    ]  # fmt: skip
    stores = [LabelStore(path) for _ in range(8)]
    start = threading.Barrier(9)

    def work(worker: int) -> None:
        start.wait()
        for number in range(25):
            stores[worker].put(f"thread {worker}-{number}", who="eva", grade=number % 6)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    assert not path.exists()
    start.wait()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for thread in threads:
        thread.join()
    assert [process.communicate()[0] for process in processes] == [""] * 8
    assert [process.returncode for process in processes] == [0] * 8
    expected = {
        f"{kind} {worker}-{number}": number % 6
        for kind in ("thread", "process")
        for worker in range(8)
        for number in range(25)
    }
    for store in stores:
        assert {name: label.grade for name, label in store.all().items()} == expected
        store.close()


def test_a_busy_file_becomes_a_write_ahead_log_later(tmp_path, monkeypatch):
    path = tmp_path / FILE
    with contextlib.closing(LabelStore(path)) as first:
        first.put("a", who="eva", grade=1)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("PRAGMA journal_mode = DELETE")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM change").fetchone()
        monkeypatch.setattr("explorer.labels.database.TIMEOUT", 0.05)
        store = LabelStore(path)
        assert store._reader.read("PRAGMA journal_mode") == [("delete",)]
        assert store._reader.read("PRAGMA synchronous") == [(2,)]
        store.close()
    again = LabelStore(path)
    assert again._reader.read("PRAGMA journal_mode") == [("wal",)]
    again.close()


@pytest.mark.parametrize("with_log", [True, False])
def test_a_deleted_file_is_made_again_with_all_its_labels(store, tmp_path, with_log):
    for number in range(20):
        store.put(f"{number}", who="eva", grade=number % 6)
    assert len(store.all()) == 20
    for path in tmp_path.iterdir() if with_log else [tmp_path / FILE]:
        path.unlink()
    assert len(store.all()) == 20  # what was read stays on show
    store.put("new", who="ben", grade=3)
    assert len(store.all()) == 21
    with contextlib.closing(LabelStore(tmp_path / FILE)) as other:
        assert other.all() == store.all()
    assert store.undo("eva") == "19"


def test_a_file_put_in_its_place_is_used_as_it_is(store, tmp_path):
    store.put("a", who="eva", grade=1)
    with contextlib.closing(LabelStore(tmp_path / "backup.sqlite")) as backup:
        backup.put("b", who="ben", grade=2)
    for path in tmp_path.glob(f"{FILE}*"):
        path.unlink()
    (tmp_path / "backup.sqlite").rename(tmp_path / FILE)
    assert set(store.all()) == {"b"}
    store.put("c", who="eva", grade=3)
    assert set(store.all()) == {"b", "c"}


DAMAGES = {
    "cut": lambda content: content[:3000],
    "emptied": lambda content: b"",
    "garbage": lambda content: b"garbage" * 1000,
    "second half": lambda content: content[: len(content) // 2],
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("in_log", [False, True])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_saved_in_a_file_damaged_while_open_is_there_later(
    store, tmp_path, caplog, damage, in_log
):
    path = tmp_path / FILE
    for number in range(30):
        store.put(f"{number}", who="eva", grade=number % 6, note="x" * 1900)
    if not in_log:
        store._writer.read("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    os.utime(path, (1e9, 1e9))  # another time than before, however quick the machine
    label = store.put("new", who="ben", grade=3)
    assert store.get("new") == label
    store.put("newer", who="ben", grade=2)
    told = store.take_damage()
    store.close()
    with contextlib.closing(LabelStore(path)) as again:
        found = again.all()
    assert found["new"] == label
    assert found["newer"].grade == 2
    rescued = {name: found[name].grade for name in found if name.isdigit()}
    assert rescued.items() <= {str(number): number % 6 for number in range(30)}.items()
    if in_log:  # of SQLite, which has all of them
        assert len(rescued) == 30
    else:
        assert "was damaged while it was open" in caplog.text
        assert f"it is now {FILE}.damaged-1" in told
        assert store.take_damage() == ""
        assert (tmp_path / f"{FILE}.damaged-1").exists()


def test_a_file_that_others_write_to_is_not_taken_for_damaged(store, tmp_path, caplog):
    store.put("a", who="eva", grade=1)
    with contextlib.closing(LabelStore(tmp_path / FILE)) as other:
        other.put("b", who="ben", grade=2)
        other._writer.read("PRAGMA wal_checkpoint(TRUNCATE)")
        os.utime(tmp_path / FILE, (1e9, 1e9))
    store.put("c", who="eva", grade=3)
    assert set(store.all()) == {"a", "b", "c"}
    assert not caplog.text


def test_a_full_disk_is_told_and_what_was_there_stays(store):
    store.put("a", who="eva", grade=1, note="x" * 2000)
    store._writer.read("PRAGMA max_page_count = 1")
    with pytest.raises(OSError, match="the label was not saved in .*: database or disk is full"):
        store.put("b", who="eva", note="x" * 2000, kind="y" * 60)
    store._writer.read("PRAGMA max_page_count = 1000")
    assert store.get("a").grade == 1
    assert store.put("c", who="eva", grade=2).grade == 2


def test_a_write_is_one_statement_and_readers_do_not_wait_for_it(store):
    store.put("a", who="eva", grade=1, note="first")
    statements = []
    store._writer._connection.set_trace_callback(statements.append)
    label = store.put("a", who="ben", kind="blend")
    assert len(statements) == 1
    assert (label.grade, label.kind, label.note, label.who) == (1, "blend", "first", "ben")
    store._writer._connection.execute("BEGIN IMMEDIATE")
    assert store.get("a") == label
    store._writer._connection.execute("ROLLBACK")


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


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The user's folders, of this test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


@pytest.mark.skipif(not READ_ONLY.is_dir(), reason="needs Linux's read-only /sys")
def test_read_only_atlas_has_its_labels_in_the_data_folder(home):
    store = open_labels(READ_ONLY)
    store.put("a", who="eva", grade=3)
    store.close()
    assert home / "data" / "latent-space-explorer" / "labels" == store.path.parent
    assert "can not be written; labels go to" in store.notice
    again = open_labels(READ_ONLY)
    assert again.get("a").grade == 3
    again.close()
    with pytest.raises(OSError, match="labels can not be kept in"):
        LabelStore(READ_ONLY / FILE).put("a", who="eva", grade=3)


@pytest.mark.skipif(not READ_ONLY.is_dir(), reason="needs Linux's read-only /sys")
def test_labels_in_the_folder_of_version_0_1_are_found(home):
    new = open_labels(READ_ONLY).path
    old = home / ".local" / "share" / "latent-space-explorer" / "labels" / new.name
    old.parent.mkdir(parents=True)
    with contextlib.closing(LabelStore(old)) as first:
        first.put("a", who="eva", grade=4)
    store = open_labels(READ_ONLY)
    assert store.path == old
    assert store.get("a").grade == 4
    store.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_labels_of_a_read_only_atlas_are_taken_along(home):
    atlas = home / "atlas"
    atlas.mkdir()
    first = open_labels(atlas)
    first.put("a", who="eva", grade=3)
    first.close()
    (atlas / FILE).chmod(0o444)
    atlas.chmod(0o555)
    store = open_labels(atlas)
    assert store.get("a").grade == 3
    store.put("a", who="eva", grade=1)
    store.close()
    atlas.chmod(0o755)
