"""Files of visual inspection: prospect reads what is written, and they come back as they were."""

import csv
import io
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
    changes, left_out = from_inspection_file(desi, content)
    (change,) = changes
    assert (change.who, change.grade, change.kind) == ("SJB", 2, "QSO")
    assert [text.split(":")[0] for text in left_out] == ["line 3", "line 4"]
    (again,) = csv.DictReader(
        io.StringIO(to_inspection_file(desi, [change.applied(Label(object_id=line[0]))]))
    )
    for name, cell in zip(COLUMNS[9:], line[9:], strict=True):
        assert again[name] == cell, name
    with pytest.raises(ValueError, match="TARGETID"):
        from_inspection_file(desi, b"a,b\n1,2\n")
