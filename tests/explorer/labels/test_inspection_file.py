"""Files of visual inspection: prospect reads what is written, and they come back as they were."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from explorer.labels.inspection_file import COLUMNS, from_inspection_file, to_inspection_file
from explorer.labels.label import Label
from explorer.state.dataset import Dataset
from tests.fixtures.explorer import open_tiny

TARGETS = [39627700000000000 + number for number in range(120)]


@pytest.fixture
def desi(tiny_atlas_path: Path) -> Dataset:
    """The tiny atlas, with identifiers of DESI."""
    ids = [str(target) for target in TARGETS]
    return open_tiny(tiny_atlas_path, object_id=ids, night=np.full(120, 20210324), tileid=80605)


def test_prospect_reads_what_is_written(desi: Dataset) -> None:
    labels = [
        Label(object_id=str(TARGETS[3]), grade=4, kind="QSO", note="BAL, really", who="eva"),
        Label(
            object_id=str(TARGETS[5]), grade=5, kind="blend", note="z=0.2345 issue=RC two",
            who="Ä" * 20,
        ),
        Label(object_id=str(TARGETS[6])),
    ]  # fmt: skip
    text = to_inspection_file(desi, labels)
    # As prospect's `read_vi` does: the names in order, then the types of its fields.
    table = Table.read(text, format="ascii.csv", names=COLUMNS)
    assert list(table["TARGETID"].astype("i8")) == [TARGETS[3], TARGETS[5]]
    assert list(table["NIGHT"].astype("i4")) == [20210324] * 2
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[0]["VI_quality"] == "4"
    assert (rows[0]["VI_spectype"], rows[0]["VI_comment"]) == ("QSO", "BAL; really")
    assert (rows[1]["VI_z"], rows[1]["VI_issue"]) == ("0.2345", "RC")
    assert (rows[1]["VI_quality"], rows[1]["VI_comment"]) == ("4", "blend; two")
    assert rows[1]["VI_scanner"] == "?" * 10
    assert float(rows[1]["Redrock_z"]) == pytest.approx(desi.catalog["z"][5], abs=1e-4)


def test_a_file_comes_back_as_it_was(desi: Dataset) -> None:
    line = [str(TARGETS[9]), "-1", "-1", "-1", "-1", "-1", "-1", "GALAXY", "0.1", "SJB", "2", "RS",
            "1.0312", "QSO", "Two objects in spectrum"]  # fmt: skip
    bad = [*line[:10], "9", *line[11:]]
    nobody = ["17", *line[1:]]
    rows = [COLUMNS, line, bad, nobody]
    content = "\n".join(",".join(row) for row in rows).encode()
    changes, left_out = from_inspection_file(desi, content, {})
    (change,) = changes
    assert (change.who, change.grade, change.kind) == ("SJB", 2, "QSO")
    assert [text.split(":")[0] for text in left_out] == ["line 3", "line 4"]
    (again,) = csv.DictReader(
        io.StringIO(to_inspection_file(desi, [change.applied(Label(object_id=line[0]))]))
    )
    for name, cell in zip(COLUMNS[9:], line[9:], strict=True):
        assert again[name] == cell, name
    with pytest.raises(ValueError, match="TARGETID"):
        from_inspection_file(desi, b"a,b\n1,2\n", {})
    with pytest.raises(ValueError, match="can not be read: field larger"):
        from_inspection_file(desi, f"TARGETID,VI_quality\n{'a' * 200_000},1\n".encode(), {})


def test_what_a_page_wrote_changes_nothing(desi: Dataset) -> None:
    labels = {
        label.object_id: label
        for label in (
            Label(object_id=str(TARGETS[1]), grade=5, kind="Wolf-Rayet, broad", note="x" * 150),
            Label(object_id=str(TARGETS[2]), kind="QSO", note="z=1.23456789 issue=RC two, or one"),
            Label(object_id=str(TARGETS[3]), grade=0),
        )
    }
    content = to_inspection_file(desi, labels.values()).encode()
    assert from_inspection_file(desi, content, labels, who="alice") == ([], [])


def test_of_several_scanners_the_last_counts(desi: Dataset) -> None:
    rows = [f"{TARGETS[1]},{quality},{who}" for quality, who in ((1, "a"), (3, "b"), (-1, "c"))]
    content = "\n".join(["TARGETID,VI_quality,VI_scanner", *rows]).encode()
    (change,), _left_out = from_inspection_file(desi, content, {})
    assert (change.grade, change.who) == (3, "b")


def test_what_a_row_leaves_empty_stays(desi: Dataset) -> None:
    label = Label(
        object_id=str(TARGETS[1]), grade=5, kind="blend", note="z=0.2 two", who="eva", at="noon"
    )

    def read(**said: str) -> Label | None:
        """Return the label that a row makes; None where it changes nothing."""
        row = {"TARGETID": label.object_id, "VI_quality": "-1"} | said
        content = f"{','.join(row)}\n{','.join(row.values())}\n".encode()
        changes, left_out = from_inspection_file(desi, content, {label.object_id: label}, who="b")
        assert not left_out
        assert all(change.seen == "noon" for change in changes)
        return changes[0].applied(label) if changes else None

    assert read() is None
    assert read(VI_quality="", VI_scanner="ben", VI_spectype="", VI_comment="") is None
    assert read(VI_quality="4") is None  # the highest there
    assert read(VI_quality="2") == replace(label, grade=2, who="b")
    assert read(VI_spectype="QSO") == replace(label, kind="QSO", who="b")
    assert read(VI_z="0.3") == replace(label, note="z=0.3 two", who="b")
    assert read(VI_issue="C") == replace(label, note="z=0.2 issue=C two", who="b")
    assert read(VI_comment="blend; three") == replace(label, note="z=0.2 three", who="b")
