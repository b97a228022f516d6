"""Files of visual inspection as DESI's prospect writes and reads them, from labels and back.

A label says in the words of the page what such a file says in columns: the grade is VI_quality, a
class that is a spectral type is VI_spectype, and the note holds `z=0.1234` (VI_z) and `issue=RC`
(VI_issue) beside the comment.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from explorer.labels.label import Change, Label
from explorer.state.dataset import Dataset

COLUMNS = (
    "TARGETID", "EXPID", "NIGHT", "TILEID", "Spec_version", "Redrock_version", "Template_version",
    "Redrock_spectype", "Redrock_z", "VI_scanner", "VI_quality", "VI_issue", "VI_z", "VI_spectype",
    "VI_comment",
)  # fmt: skip
"""`vi_file_fields` of prospect/utilities.py, in the order that its reader expects."""
SPECTYPES = ("STAR", "GALAXY", "QSO")
BEST_QUALITY = 4
"""Highest VI_quality: confident, two or more secure features."""
LONGEST_COMMENT, LONGEST_SCANNER, LONGEST_Z = 100, 10, 6
"""Letters that prospect keeps."""
MOST_BYTES = 10_000_000
_CATALOGUE = {"EXPID": "expid", "NIGHT": "night", "TILEID": "tileid"}
_TAG = re.compile(r"\b(z|issue)=([^\s;,]+)[;,]?\s*")


def to_inspection_file(dataset: Dataset, labels: Iterable[Label]) -> str:
    """Return labels as a CSV table of visual inspection; those that say nothing are left out."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    told = [label for label in labels if not label.empty]
    rows = dataset.ids.rows(label.object_id for label in told)
    for label in told:
        if (row := rows.get(label.object_id)) is not None:
            known = _of_catalogue(dataset.catalog.iloc[row].to_dict())
            cells = known | {"TARGETID": label.object_id} | _of_label(label)
            writer.writerow([cells[name] for name in COLUMNS])
    return text.getvalue()


def _of_catalogue(record: Mapping[str, Any]) -> dict[str, str]:
    cells = {name: _text(record.get(column)) or "-1" for name, column in _CATALOGUE.items()}
    versions = dict.fromkeys(("Spec_version", "Redrock_version", "Template_version"), "-1")
    z = f"{float(record['z']):.4f}"[:LONGEST_Z]
    return cells | versions | {"Redrock_spectype": _text(record.get("class")), "Redrock_z": z}


def _text(cell: object) -> str:
    """Return a cell as text, empty where it is missing."""
    missing = cell is None or cell is pd.NA or cell != cell  # NaN
    return "" if missing else str(int(cell) if isinstance(cell, float) else cell)


def _of_label(label: Label) -> dict[str, str]:
    tags = dict(_TAG.findall(label.note))
    kind = label.kind if label.kind not in SPECTYPES else ""
    comment = "; ".join(filter(None, [kind, _TAG.sub("", label.note).strip()]))
    quality = "-1" if label.grade is None else str(min(label.grade, BEST_QUALITY))
    return {
        "VI_scanner": _plain(label.who)[:LONGEST_SCANNER],
        "VI_quality": quality,
        "VI_issue": "".join(letter for letter in "RCS" if letter in tags.get("issue", "")),
        "VI_z": tags.get("z", "")[:LONGEST_Z],
        "VI_spectype": label.kind if label.kind in SPECTYPES else "",
        "VI_comment": _plain(comment)[:LONGEST_COMMENT],
    }


def _plain(text: str) -> str:
    """Return text as prospect keeps it: ASCII on one line, without commas."""
    plain = text.encode("ascii", "replace").decode().replace(",", ";")
    return " ".join(plain.split())


def from_inspection_file(
    dataset: Dataset, content: bytes, *, who: str = ""
) -> tuple[list[Change], list[str]]:
    """Read a table of visual inspection.

    Args:
        dataset: Whose objects are meant.
        content: CSV, as prospect or this page write it.
        who: Whose labels these become; empty = the scanners that the file names.

    Returns:
        One change for each row whose object is here, and what was left out, in words.

    Raises:
        ValueError: It is no such file.
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"a VI file may have up to {MOST_BYTES / 1e6:.0f} MB")
    table = csv.DictReader(io.StringIO(content.decode("utf-8-sig", "replace")))
    missing = {"TARGETID", "VI_quality"} - set(table.fieldnames or ())
    if missing:
        raise ValueError(f"a VI file of prospect has the column {min(missing)}; this one has not")
    changes, left_out = [], list[str]()
    lines = [((cells["TARGETID"] or "").strip(), cells) for cells in table]
    known = dataset.ids.rows(object_id for object_id, _cells in lines)
    for number, (object_id, cells) in enumerate(lines, start=2):
        try:
            if object_id not in known:
                raise ValueError(f"no object {object_id[:40]!r} in this atlas")
            changes.append(_change(object_id, cells, who))
        except ValueError as error:
            left_out.append(f"line {number}: {error}")
    return changes, left_out


def _change(object_id: str, cells: Mapping[str, str | None], who: str) -> Change:
    said = {name: (cells.get(name) or "").strip() for name in COLUMNS}
    quality = said["VI_quality"]
    if quality not in ("", "-1", *map(str, range(BEST_QUALITY + 1))):
        raise ValueError(f"VI_quality must be 0 to 4 or -1, got {quality[:20]!r}")
    tags = [f"{tag}={said[name]}" for tag, name in (("z", "VI_z"), ("issue", "VI_issue"))
            if said[name]]  # fmt: skip
    return Change(
        object_id=object_id,
        who=who or said["VI_scanner"] or "prospect",
        grade=None if quality in ("", "-1") else int(quality),
        kind=said["VI_spectype"],
        note=" ".join(filter(None, [*tags, said["VI_comment"]])),
    )
