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
    dataset: Dataset, content: bytes, labels: Mapping[str, Label], *, who: str = ""
) -> tuple[list[Change], list[str]]:
    """Read a table of visual inspection: what it says beyond the labels on record.

    Args:
        dataset: Whose objects are meant.
        content: CSV, as prospect or this page write it.
        labels: Those on record, by object. What a file says of one as `to_inspection_file` would
            is not new, though it has lost letters on the way; what a row leaves empty stays.
        who: Whose labels these become; empty = the scanners that the file names.

    Returns:
        One change for each object of which a row says something new (of several rows the last
        one), and what was left out, in words.

    Raises:
        ValueError: It is no such file.
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"a VI file may have up to {MOST_BYTES / 1e6:.0f} MB")
    changes, left_out = dict[str, Change](), list[str]()
    lines = [((cells["TARGETID"] or "").strip(), cells) for cells in _lines(content)]
    known = dataset.ids.rows(object_id for object_id, _cells in lines)
    for number, (object_id, cells) in enumerate(lines, start=2):
        try:
            if object_id not in known:
                raise ValueError(f"no object {object_id[:40]!r} in this atlas")
            label = labels.get(object_id) or Label(object_id=object_id)
            if change := _change(label, cells, who):
                changes[object_id] = change
        except ValueError as error:
            left_out.append(f"line {number}: {error}")
    return [*changes.values()], left_out


def _lines(content: bytes) -> list[dict[str, str | None]]:
    """Return the rows of a CSV table.

    Raises:
        ValueError: It is none of visual inspection.
    """
    table = csv.DictReader(io.StringIO(content.decode("utf-8-sig", "replace")))
    try:
        missing = {"TARGETID", "VI_quality"} - set(table.fieldnames or ())
        rows = list(table)
    except csv.Error as error:
        raise ValueError(f"a VI file is a CSV table; this one can not be read: {error}") from error
    if missing:
        raise ValueError(f"a VI file of prospect has the column {min(missing)}; this one has not")
    return rows


def _change(label: Label, cells: Mapping[str, str | None], who: str) -> Change | None:
    """Return what a row says that its label does not say yet; None where that is nothing."""
    said = {name: (cells.get(name) or "").strip() for name in COLUMNS}
    if said["VI_quality"] not in ("", "-1", *map(str, range(BEST_QUALITY + 1))):
        raise ValueError(f"VI_quality must be 0 to 4 or -1, got {said['VI_quality'][:20]!r}")
    known = _of_label(label)
    new = {name: said[name] for name in known if said[name] not in ("", "-1", known[name])}
    change = Change(
        object_id=label.object_id,
        who=who or said["VI_scanner"] or "prospect",
        grade=int(new["VI_quality"]) if "VI_quality" in new else ...,
        kind=new.get("VI_spectype"),
        note=_note(label, new),
        seen=label.at,
    )
    after = change.applied(label)
    is_new = (after.grade, after.kind, after.note) != (label.grade, label.kind, label.note)
    return change if is_new else None


def _note(label: Label, new: Mapping[str, str]) -> str | None:
    """Return a label's note with the redshift, issue and comment that are new; None without."""
    if not {"VI_z", "VI_issue", "VI_comment"} & new.keys():
        return None
    tags = dict(_TAG.findall(label.note))
    tags |= {tag: new[name] for tag, name in (("z", "VI_z"), ("issue", "VI_issue")) if name in new}
    comment = new.get("VI_comment", _TAG.sub("", label.note).strip())
    comment = comment.removeprefix(f"{_plain(label.kind)}; ")  # as the page writes a class
    return " ".join(filter(None, [*(f"{tag}={value}" for tag, value in tags.items()), comment]))
