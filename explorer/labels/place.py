"""Where the labels of an atlas lie: beside it, or in the home folder where it is read-only."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from pathlib import Path

from explorer.labels.store import LabelStore

FILE = "labels.sqlite"


def open_labels(atlas: Path, *, home: Path | None = None) -> LabelStore:
    """Open the labels of an atlas: beside it, or in the home folder where it is read-only.

    Args:
        atlas: Folder of the atlas.
        home: Home folder; None = the user's.

    Raises:
        OSError: Neither place can be written.
        ValueError: The file there is no file of labels.
    """
    beside = atlas / FILE
    if _writable(atlas):
        return LabelStore(beside)
    place = str(atlas.resolve())
    name = f"{atlas.resolve().name}-{hashlib.sha256(place.encode()).hexdigest()[:8]}.sqlite"
    folder = (home or Path.home()) / ".local" / "share" / "latent-space-explorer" / "labels"
    folder.mkdir(parents=True, exist_ok=True)
    copied = beside.exists() and not (folder / name).exists()
    if copied:
        _copy(beside, folder / name)
    notice = f"The atlas folder {atlas} can not be written; labels go to {folder / name}"
    return LabelStore(
        folder / name, notice=notice + (", with those of the atlas." if copied else ".")
    )


def _writable(folder: Path) -> bool:
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".labels-"):
            return os.access(folder / FILE, os.W_OK) or not (folder / FILE).exists()
    except OSError:
        return False


def _copy(source: Path, target: Path) -> None:
    """Copy a file of labels that can not be written, as it stands, beside and then renamed."""
    part = target.with_suffix(".part")
    part.unlink(missing_ok=True)
    origin = sqlite3.connect(f"{source.resolve().as_uri()}?immutable=1", uri=True)
    copy = sqlite3.connect(part)
    origin.backup(copy)
    origin.close()
    copy.close()
    part.rename(target)
