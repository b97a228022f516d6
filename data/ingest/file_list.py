"""The files to ingest: found in folders, each once, in a fixed order."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PACKED = ("", ".gz", ".fz")
"""How names of compressed files go on."""
OTHER_SUFFIXES = (".csv", ".ecsv", ".vot", ".votable", ".parquet", ".pq", ".hdf5", ".h5")
"""How names of spectra in text and of records end."""
SEEN_ONLY_BY_NAME = (".txt", ".dat")
"""How names of files end that are spectra or notes: in folders they are left out, and told."""
SUFFIXES = tuple(end + packed for end in (".fits", ".fit") for packed in PACKED) + OTHER_SUFFIXES
"""How names of spectrum files end."""
COMPANIONS = ("redrock-", "zbest-")
"""How names of DESI redshift files begin; they are read with their spectra."""
DESI_SPECTRA = ("coadd-", "spectra-")
"""How names of DESI spectra begin whose redshifts lie in a file beside them."""
PLATES = ("spPlate-", "spField-")
"""How names of whole SDSS plates and fields begin."""
PLATE_COMPANIONS = ("spZbest-", "spZall-")
"""How names of the redshifts of a plate begin."""
HATS = "hats.properties"
"""What tells a folder of a HATS catalogue."""

_NOT_READ_ALONE = (*COMPANIONS, *PLATE_COMPANIONS)


@dataclass
class FileList:
    """Files to ingest.

    Attributes:
        files: Paths in order, each file once.
        n_repeat: How many times a file that is in the list already was found again.
        n_text: Files in folders that may be spectra by their names, or anything else.
        unreadable: Path -> reason, of folders and links that could not be followed.
    """

    files: list[str] = field(default_factory=list)
    n_repeat: int = 0
    n_text: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)


def find_files(paths: Sequence[Path], *, leave_out: Path | None = None) -> FileList:
    """Search files and folders; a file given by name is taken whatever its name.

    Args:
        paths: Files and folders.
        leave_out: A file that is not to be taken though it may lie in a folder.

    Raises:
        ValueError: A path does not exist, or no file was found.
    """
    found = FileList()
    seen: set[tuple[int, int]] = set()
    left_out = _identity(os.stat(leave_out)) if leave_out and leave_out.exists() else None
    for path in paths:
        if not path.exists():
            raise ValueError(f"{path} does not exist; give files of spectra or folders of them")
        for name in _walk(path, found) if path.is_dir() else [str(path)]:
            try:
                status = os.stat(name)
            except OSError as error:
                found.unreadable[name] = f"unreadable: {error.strerror}"
                continue
            if not stat.S_ISREG(status.st_mode):
                found.unreadable[name] = "not a file: it is a pipe, a socket or a device"
                continue
            if _identity(status) == left_out:
                continue
            if _identity(status) in seen:
                found.n_repeat += 1
                continue
            seen.add(_identity(status))
            found.files.append(name)
    if not found.files:
        reasons = "".join(f"\n  {name}: {reason}" for name, reason in found.unreadable.items())
        raise ValueError(
            f"no spectrum files in {', '.join(map(str, paths))}; "
            f"their names must end in {', '.join(SUFFIXES)}, or be given one by one{reasons}"
        )
    return found


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def batches(files: Sequence[str], *, max_files: int, max_bytes: int) -> Iterator[list[str]]:
    """Yield the files in order, in batches of at most `max_files` files and `max_bytes` bytes.

    A file larger than `max_bytes` is a batch of its own.
    """
    batch: list[str] = []
    size = 0
    for name in files:
        more = os.path.getsize(name) if os.path.exists(name) else 0
        if batch and (len(batch) >= max_files or size + more > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += more
    if batch:
        yield batch


def printable_name(path: str) -> str:
    """Return a path as text for tables and messages; bytes that are not UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")


def companions(path: Path) -> list[Path]:
    """Return the redshift files that belong to a file of spectra, beside it or one folder below.

    SDSS keeps those of a plate in a folder of the redshift pipeline's version.
    """
    plate = next((own for own in PLATES if path.name.startswith(own)), "")
    if plate:
        stem = _unpacked(path.name.removeprefix(plate))
        folders = [path.parent, *sorted(path.parent.glob("v*_*_*"))]
        found = (
            folder / (prefix + stem + suffix)
            for prefix in PLATE_COMPANIONS
            for folder in folders
            for suffix in PACKED
        )
        return [companion for companion in found if companion.is_file()]
    own = next((own for own in DESI_SPECTRA if path.name.startswith(own)), "")
    stem = _unpacked(path.name.removeprefix(own))
    folder = os.path.dirname(path)  # text, not paths: this is asked of every file
    names = (prefix + stem + suffix for prefix in COMPANIONS for suffix in PACKED)
    beside = (os.path.join(folder, name) for name in names)
    return [Path(name) for name in beside if os.path.isfile(name)]


def _unpacked(name: str) -> str:
    return name.removesuffix(".gz").removesuffix(".fz")


def file_state(name: str) -> str:
    """Return what changes when a file or its companions do; empty where there is no file."""
    try:
        found = [os.stat(path) for path in (name, *companions(Path(name)))]
    except OSError:
        return ""
    return " ".join(f"{s.st_size} {s.st_mtime_ns} {s.st_ctime_ns}" for s in found)


def _has_objects(properties: str) -> bool:
    """Return whether a HATS catalogue is one of objects: its margins and indices repeat those."""
    with open(properties, encoding="utf-8", errors="replace") as file:
        lines = [line.partition("=") for line in file]
    kinds = [value.strip() for key, _, value in lines if key.strip() == "dataproduct_type"]
    return not kinds or kinds[-1] in ("object", "source")


def _walk(folder: Path, found: FileList) -> Iterator[str]:
    """Yield the spectrum files below a folder, sorted; linked folders are followed once."""
    visited: set[str] = set()

    def failed(error: OSError) -> None:
        found.unreadable[str(error.filename)] = f"unreadable: {error.strerror}"

    for top, folders, names in os.walk(folder, onerror=failed, followlinks=True):
        real = os.path.realpath(top)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders.sort()
        if HATS in names:
            folders[:] = ["dataset"] if _has_objects(os.path.join(top, HATS)) else []
            continue
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES) and not name.startswith(_NOT_READ_ALONE):
                yield os.path.join(top, name)
            found.n_text += name.lower().endswith(SEEN_ONLY_BY_NAME)
