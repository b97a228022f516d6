"""The journal of a survey that is being written: a line for each step that is on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def add_line(path: Path, n_rows: Mapping[str, int], note: Mapping[str, Any]) -> None:
    """Write a line, and return when it is on disk.

    Args:
        path: The journal.
        n_rows: Rows written of each grid so far.
        note: JSON-ready values kept with it.
    """
    line = json.dumps({"n_row": dict(n_rows), "note": dict(note)})
    with path.open("a", encoding="utf-8") as journal:
        journal.write(line + "\n")
        journal.flush()
        os.fsync(journal.fileno())


def read_journal(path: Path, *, only: str) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Return the rows written of each grid and the notes; a line cut by a crash is removed.

    Args:
        path: The journal.
        only: The grid of journals that count the rows of all.
    """
    counts: dict[str, int] = {}
    notes, good = [], 0
    with path.open("rb") as journal:
        for line in journal:
            if not line.endswith(b"\n"):
                break
            step = json.loads(line)
            n_row, good = step["n_row"], good + len(line)
            counts = n_row if isinstance(n_row, dict) else {only: n_row}
            notes.append(step["note"])
    os.truncate(path, good)
    return counts, notes
