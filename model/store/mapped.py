"""The catalogue of a large atlas, mapped into memory: of each column, what is looked at is read.

A hundred columns of 40 million objects take 20 GB, and a page looks at a few columns, and at a few
rows of the others. Parquet can not give a row without its whole row group, so every column is
written once, uncompressed, as a file of Arrow, and the operating system reads its pages when they
are looked at and forgets them when memory is short.
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from platformdirs import user_cache_path
from tqdm import tqdm

from data.atomic import can_write
from data.json_file import read_json, write_json
from model.store.catalog import names_of, read_columns, reading

MANY = 250_000
"""Objects from which on a catalogue is mapped: below, it is read in seconds and fits."""
FOLDER = "columns"
"""Beside the catalogue, or in the user's cache where that can not be written."""
CONTENTS = "columns.json"
ABANDONED = 3600.0
"""Seconds after which columns that are not complete are nobody's."""
ENDING = ".arrow"
FOOTER = 8
"""Bytes at the end of a Parquet file: the length of its metadata, and a mark."""


def map_catalog(
    path: Path,
    *,
    n_object: int,
    needed: Sequence[str],
    check: Callable[[pd.DataFrame], None],
    progress: bool = True,
) -> pd.DataFrame:
    """Return a catalogue whose columns are read when they are looked at; slow the first time.

    Args:
        path: The Parquet file.
        n_object: Rows that it must have.
        needed: Columns that are checked.
        check: Refuses a catalogue that the program would trip over; called once for each file.
        progress: Show a bar while columns are written.

    Returns:
        The catalogue; its numbers can not be written to.

    Raises:
        ValueError: The file is missing, damaged, of another length, or refused.
        OSError: The columns can not be written.
    """
    with reading(path):
        print_ = _fingerprint(path)
    for folder in _places(path):
        contents = _contents(folder)
        if contents.get("catalog") == print_ and set(needed) <= set(contents.get("checked", ())):
            return _open(folder, contents["names"], n_object)
    names = names_of(path, n_object=n_object)
    folder = _place(path)
    for old in folder.parent.glob(f".{folder.name}-*"):  # of a process that was killed
        if time.time() - old.stat().st_mtime > ABANDONED:
            shutil.rmtree(old, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        for number, name in enumerate(tqdm(names, desc="columns", disable=not progress)):
            _write(path, name, partial / f"{number}{ENDING}")
        catalog = _open(partial, names, n_object)
        check(catalog)
        contents = {"catalog": print_, "names": names, "checked": list(needed)}
        write_json(partial / CONTENTS, contents)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            os.rename(partial, folder)
        except OSError:  # another process was quicker; what is mapped stays
            shutil.rmtree(partial, ignore_errors=True)
        return catalog
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def let_go(values: pd.Series) -> None:
    """Let go of the pages of a mapped column that has been looked through; others stay.

    They are read again when they are looked at. The operating system does this too, but only when
    memory is short; until then they count as the memory of the server. Only on Linux.
    """
    if sys.platform != "linux" or len(values) < MANY or values.dtype == object:
        return
    array = pa.array(values, from_pandas=False)
    chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    for buffer in filter(None, (buffer for chunk in chunks for buffer in chunk.buffers())):
        first = -(-buffer.address // mmap.PAGESIZE) * mmap.PAGESIZE
        n_byte = (buffer.address + buffer.size - first) // mmap.PAGESIZE * mmap.PAGESIZE
        if n_byte > 0 and _is_column(first, n_byte):  # other memory would be lost
            libc = ctypes.CDLL(None, use_errno=True)
            libc.madvise(ctypes.c_void_p(first), ctypes.c_size_t(n_byte), mmap.MADV_DONTNEED)


def _is_column(first: int, n_byte: int) -> bool:
    """Return whether some bytes of memory are those of a file of columns, as the kernel says."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        ends, *_facts = line.split(maxsplit=1)
        start, stop = (int(end, 16) for end in ends.split("-"))
        if start <= first and first + n_byte <= stop:
            return line.endswith(ENDING)
    return False


def _fingerprint(path: Path) -> str:
    """Return what tells one Parquet file from another: its length and its metadata, hashed.

    The metadata have the place, length and range of every part of every column.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - FOOTER, 0))
        n_byte = int.from_bytes(file.read(FOOTER)[:4], "little")
        file.seek(max(size - FOOTER - n_byte, 0))
        return hashlib.sha256(b"%d " % size + file.read(n_byte)).hexdigest()


def _places(path: Path) -> tuple[Path, Path]:
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    cache = user_cache_path("latent-space-explorer", appauthor=False)
    return path.parent / FOLDER, cache / f"{FOLDER}-{digest}"


def _place(path: Path) -> Path:
    """Return where columns are to be written; its folder is there."""
    beside, cached = _places(path)
    if can_write(path.parent):
        return beside
    cached.parent.mkdir(parents=True, exist_ok=True)
    return cached


def _contents(folder: Path) -> dict[str, list[str]]:
    try:
        return read_json(folder / CONTENTS, what="columns")
    except ValueError:
        return {}


def _write(path: Path, name: str, out: Path) -> None:
    """Write one column of a Parquet file as one array that can be mapped."""
    with reading(path):
        table = read_columns(path, [name])
    field, column = table.schema.field(0), table.column(0)
    if pa.types.is_floating(field.type):  # a gap would make every reader copy the column
        column = pc.fill_null(column, pa.scalar(float("nan"), field.type))
    elif pa.types.is_string(field.type):  # of which 40 million are too many for 32 bits
        field = field.with_type(pa.large_string())
    schema = pa.schema([field], metadata=table.schema.metadata)
    whole = pa.Table.from_arrays([column.cast(field.type)], schema=schema).combine_chunks()
    with pa.OSFile(str(out), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_table(whole)


def _open(folder: Path, names: Sequence[str], n_object: int) -> pd.DataFrame:
    files = [folder / f"{number}{ENDING}" for number in range(len(names))]
    columns = [_map(file, name, n_object) for file, name in zip(files, names, strict=True)]
    return pd.concat(columns, axis=1)


def _map(path: Path, name: str, n_object: int) -> pd.DataFrame:
    with reading(path):
        with pa.memory_map(str(path)) as file:  # closed, so that what was looked at is let go
            table = pa.ipc.open_file(file).read_all()
            table.validate(full=pa.types.is_large_string(table.schema.field(0).type))
            del table
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    if table.column_names != [name] or len(table) != n_object:
        raise ValueError(f"{path} is not the column {name!r}; remove {path.parent}")
    return table.to_pandas(split_blocks=True).reset_index(drop=True)
