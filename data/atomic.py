"""Writes that are whole or not at all: beside the destination, then renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, flush: bool = False) -> Iterator[Path]:
    """Yield a path beside `path` to write a file to; it takes the name `path` at the end.

    An error leaves what was at `path` as it was, and removes what was written of the new file.

    Args:
        path: The destination; a file there is replaced.
        flush: Have the file on disk before it takes the name, so that also a power cut leaves
            either the old file or the new one.

    Example:
        with replacing(folder / "model.json") as partial:
            partial.write_text(text, encoding="utf-8")
    """
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        if flush:
            with partial.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def can_write(folder: Path) -> bool:
    """Return whether files can be made in a folder.

    The file made to find out has no name (on Linux): who copies the folder meanwhile does not
    meet it.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def partial_folder(path: Path) -> Path:
    """Return where a folder is made before it is complete; hidden, beside `path`."""
    return path.with_name(f".{path.name}.partial")


def replace_folder(partial: Path, path: Path) -> None:
    """Rename a complete folder to `path`; a folder that is there is removed.

    A folder can not be replaced in one step: stopped in between, `path` does not exist and both
    folders lie beside it.
    """
    replaced = path.with_name(f".{path.name}.replaced")
    if path.exists():
        shutil.rmtree(replaced, ignore_errors=True)
        os.rename(path, replaced)
    os.rename(partial, path)
    shutil.rmtree(replaced, ignore_errors=True)
