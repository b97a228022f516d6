"""Reads the catalogue of an atlas: what it says of its size first, then its types and numbers.

An atlas may come from anybody. Nothing of it is executed; a small file that would fill the memory
is refused before it is read, and so are columns that the rest of the program would trip over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

MAX_SWELLING = 200
"""Times its own size that a file may take in memory..."""
MIN_SWOLLEN = 512 * 2**20
"""...and bytes that any file may take."""
AT_ONCE = 8
"""Columns read at once: all of them would be in memory twice, and take three times as long."""
CELL = 8
"""Bytes of a number in memory, at most."""
REBUILD = "build the atlas again: python -m model atlas"


def read_catalog(path: Path, *, n_object: int) -> pd.DataFrame:
    """Read a catalogue that must have `n_object` rows.

    Raises:
        ValueError: It is missing, damaged, of another length, or too large for its file.
    """
    names = names_of(path, n_object=n_object)
    with reading(path):
        parts = [
            read_columns(path, names[at : at + AT_ONCE]).to_pandas().reset_index(drop=True)
            for at in range(0, len(names), AT_ONCE)
        ]
        return pd.concat(parts, axis=1)


def read_columns(path: Path, names: Sequence[str]) -> pa.Table:
    """Read some columns of a catalogue; a part that is not as it was written is an `OSError`."""
    return pq.read_table(path, columns=list(names), page_checksum_verification=True)


def read_column(path: Path, name: str) -> NDArray[Any]:
    """Read one column of a catalogue, numbers without a gap.

    Raises:
        ValueError: It can not be read.
    """
    with reading(path):
        return read_columns(path, [name]).column(0).to_numpy()


def names_of(path: Path, *, n_object: int) -> list[str]:
    """Return the names of the columns of a catalogue, once its size has been found to be sound.

    Raises:
        ValueError: It is missing, damaged, of another length, or too large for its file.
    """
    with reading(path):
        file = pq.ParquetFile(path)
        _check_size(file, path, n_object)
        return _names(file, path)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say which file can not be read, where one can not.

    Raises:
        ValueError: It is missing or damaged.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise ValueError(f"{path.parent} is incomplete: it has no {path.name}") from error
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{path} can not be read: {error}") from error


def check_swelling(path: Path, n_byte: int) -> None:
    """Refuse a file whose contents would take far more memory than the file has bytes.

    Args:
        path: The file.
        n_byte: What its contents take in memory.

    Raises:
        ValueError: That is more than `MAX_SWELLING` times its size, and than `MIN_SWOLLEN`.
    """
    size = path.stat().st_size
    if n_byte > max(MIN_SWOLLEN, MAX_SWELLING * size):
        raise ValueError(
            f"{path} has {size:,} bytes and would take {n_byte / 2**30:.1f} GB of memory: it is "
            f"damaged or a trap; {REBUILD}"
        )


def _names(file: pq.ParquetFile, path: Path) -> list[str]:
    """Return the names of the columns, the index of a table made elsewhere apart."""
    names = [name for name in file.schema_arrow.names if not name.startswith("__index_level_")]
    if len(names) != len(set(names)):
        raise ValueError(f"{path} has two columns of one name; {REBUILD}")
    return names


def _check_size(file: pq.ParquetFile, path: Path, n_object: int) -> None:
    """Refuse a file by what its metadata say, before its columns are read."""
    facts = file.metadata
    if facts.num_rows != n_object:
        raise ValueError(
            f"{path} has {facts.num_rows} rows, atlas.json says {n_object}; copy the whole folder "
            "again"
        )
    groups = [facts.row_group(number) for number in range(facts.num_row_groups)]
    chunks = [group.column(at) for group in groups for at in range(group.num_columns)]
    plain = sum(max(CELL * chunk.num_values, chunk.total_uncompressed_size) for chunk in chunks)
    check_swelling(path, plain)
    text = [
        field.name
        for field in file.schema_arrow
        if pa.types.is_string(field.type)
        or pa.types.is_large_string(field.type)
        or pa.types.is_binary(field.type)
    ]
    # A text that many rows share is stored once, but read once for each row.
    longest = max((chunk.total_uncompressed_size for chunk in chunks), default=0)
    if longest * n_object * len(text) > max(MIN_SWOLLEN, MAX_SWELLING * path.stat().st_size):
        check_swelling(path, plain + sum(_text_size(path, name) for name in text))


def _text_size(path: Path, name: str) -> int:
    """Return the bytes that a column of text takes, each row with a copy of its own."""
    n_byte, compute = 0, cast("Any", pc)  # whose functions are made when it is imported
    for batch in pq.ParquetFile(path, read_dictionary=[name]).iter_batches(columns=[name]):
        column = batch.column(0)
        lengths = compute.fill_null(compute.binary_length(column.dictionary), 0)
        n_byte += compute.sum(lengths.take(compute.drop_null(column.indices))).as_py() or 0
    return n_byte


def check_columns(
    catalog: pd.DataFrame, path: Path, *, finite: Sequence[str], others: Sequence[str]
) -> None:
    """Refuse a catalogue that lacks columns, or has some of the wrong type or without sense.

    Identifiers must be text or whole numbers, one for each object.

    Args:
        catalog: It.
        path: Its file, to be named.
        finite: Columns of finite numbers: the redshift and the latents.
        others: Columns of numbers, NaN where an object has none: places on maps and scores.

    Raises:
        ValueError: What is wrong, and with how many objects.
    """
    needed = ["object_id", *finite, *others]
    missing = [name for name in needed if name not in catalog]
    if missing:
        raise ValueError(f"{path} must have the columns {missing}; {REBUILD}")
    _check_ids(cast("pd.Series", catalog["object_id"]), path)
    for name in dict.fromkeys(needed[1:]):
        column = catalog[name]
        is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        if not is_number or pd.api.types.is_complex_dtype(column):
            raise ValueError(f"{path}: {name} must be numbers, got {column.dtype}; {REBUILD}")
        plain = isinstance(column.dtype, np.dtype)
        values = column.to_numpy() if plain else column.to_numpy(float, na_value=np.nan)
        may_lack = name not in finite
        bad = np.isinf(values) if may_lack else ~np.isfinite(values)
        if bad.any():
            must = "not be infinite" if may_lack else "be finite"
            raise ValueError(
                f"{path}: {name} must {must}, and is not for {int(bad.sum())} objects, the first "
                f"in row {int(np.argmax(bad))}; {REBUILD}"
            )


def _check_ids(ids: pd.Series, path: Path) -> None:
    kind = "some missing" if ids.isna().any() else pd.api.types.infer_dtype(ids)
    if kind not in ("string", "integer"):
        raise ValueError(
            f"{path}: object_id must be text or whole numbers, none missing, got {kind}; {REBUILD}"
        )
