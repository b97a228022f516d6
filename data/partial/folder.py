"""A folder while it is written: one process at a time, and under its final name only when whole."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from data.atomic import partial_folder


@contextmanager
def held(folder: Path, *, out: Path) -> Iterator[None]:
    """Hold a folder so that no other process writes it; it is made if it is not there.

    The system lets go of it when the process ends, however that ends; the processes that it starts
    do not hold it. File systems without such locks are written unguarded. A folder that was made
    here and is empty at the end is removed.

    Args:
        folder: The folder; it may be renamed meanwhile.
        out: What the user calls it, for the message.

    Raises:
        ValueError: Another process holds it.
    """
    while True:
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # whoever held it has just removed or renamed it
            lock = os.open(folder, os.O_RDONLY)
            _lock(lock, out)
            if _is_still(folder, lock):
                break
            os.close(lock)
    try:
        yield
    finally:
        if is_new and _is_still(folder, lock):
            with suppress(OSError):  # it is not empty
                folder.rmdir()
        os.close(lock)


@contextmanager
def made_beside(out: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the name `out` at the end, and is removed after an error.

    What a command that was killed left of it is removed first.

    Raises:
        ValueError: `out` exists, or another process is making it.
    """
    partial = partial_folder(out)
    with held(partial, out=out):
        if out.exists():
            raise ValueError(f"{out} exists; choose another --out or remove it")
        empty(partial)
        try:
            yield partial
            os.rename(partial, out)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def empty(folder: Path, *, first: Sequence[str] = ()) -> None:
    """Remove all that is in a folder.

    Args:
        folder: The folder.
        first: Files to remove before all others: those that tell that it can be gone on with, so
            that it is never taken for such when it is half empty.
    """
    for name in first:
        (folder / name).unlink(missing_ok=True)
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _lock(folder: int, out: Path) -> None:
    """Lock an open folder, or close it."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(folder)
        raise ValueError(f"another process is writing {out}; wait for it") from error
    except OSError:  # a file system without locks
        pass


def _is_still(folder: Path, lock: int) -> bool:
    """Return whether a path leads to the open folder."""
    try:
        return os.path.samestat(folder.stat(), os.fstat(lock))
    except FileNotFoundError:
        return False
