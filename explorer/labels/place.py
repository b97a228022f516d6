"""Where the labels of an atlas lie: beside it, or in the user's data folder if it is read-only."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from platformdirs import user_data_path

from data.atomic import can_write, replacing
from explorer.labels.store import LabelStore

FILE = "labels.sqlite"
_PROGRAM = "latent-space-explorer"


def open_labels(atlas: Path) -> LabelStore:
    """Open the labels of an atlas: beside it, or in the user's data folder if it is read-only.

    Args:
        atlas: Folder of the atlas.

    Raises:
        OSError: Neither place can be written.
        ValueError: The file there is no file of labels.
    """
    beside = atlas / FILE
    if can_write(atlas) and (os.access(beside, os.W_OK) or not beside.exists()):
        return LabelStore(beside)
    path = _in_data_folder(atlas.resolve())
    path.parent.mkdir(parents=True, exist_ok=True)
    copied = beside.exists() and not path.exists()
    if copied:
        _copy(beside, path)
    notice = f"The atlas folder {atlas} can not be written; labels go to {path}"
    return LabelStore(path, notice=notice + (", with those of the atlas." if copied else "."))


def _in_data_folder(atlas: Path) -> Path:
    """Return the file of an atlas in the user's data folder, or where version 0.1 put it."""
    name = f"{atlas.name}-{hashlib.sha256(str(atlas).encode()).hexdigest()[:8]}.sqlite"
    old = Path.home() / ".local" / "share" / _PROGRAM / "labels" / name
    new = user_data_path(_PROGRAM, appauthor=False) / "labels" / name
    return old if old.exists() else new


def _copy(source: Path, target: Path) -> None:
    """Copy a file of labels that can not be written."""
    origin = sqlite3.connect(f"{source.resolve().as_uri()}?immutable=1", uri=True)
    with closing(origin), replacing(target) as partial, closing(sqlite3.connect(partial)) as copy:
        origin.backup(copy)
