"""Files of records: Parquet (SPARCL, HATS/LSDB, the Multimodal Universe), HDF5, FITS tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.ingest.cells import decoded
from data.ingest.generic.own_grid import Recorded, object_name
from data.ingest.generic.records import is_record, record_spectrum

ROWS = 64
"""Records read at once; they bound the memory."""
PARQUET_SUFFIXES, HDF5_SUFFIXES = (".parquet", ".pq"), (".hdf5", ".h5", ".hdf")
PICKLE_SUFFIXES = (".pkl", ".pickle", ".npy", ".joblib")
HEADER_KEYS = (b"AIRORVAC", b"BUNIT")
"""Metadata of a Parquet file that say what a FITS header does: medium, unit of the flux."""
NO_RECORDS = (
    "no spectra: nearest to a table of records, one spectrum a row (flux, ivar, wavelength as "
    "lists, or nested in one column), but no column of fluxes; it has "
)


def refuse_pickle(path: Path) -> None:
    """Refuse a file that runs whatever program it holds when it is opened.

    Raises:
        ValueError: Always.
    """
    raise ValueError(
        f"a pickle ({path.suffix}): to open one runs whatever program it holds, so none is opened; "
        "save its records as Parquet, pandas.DataFrame.from_records(records).to_parquet(...)"
    )


def refuse_arrays(path: Path) -> None:
    """Refuse an archive of NumPy, whose arrays may mean anything.

    Raises:
        ValueError: Always.
    """
    raise ValueError(
        f"arrays of NumPy ({path.suffix}) do not say what they are: save a spectrum as CSV "
        "(wavelength, flux, error), many as Parquet (one a row; flux, ivar, wavelength as lists); "
        "FITS, ECSV, VOTable and HDF5 are read too"
    )


def read_parquet(path: Path) -> Iterator[Recorded]:
    """Yield the spectra of a Parquet file.

    Raises:
        ValueError: It can not be read, or holds no spectra.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        names = _names(file.schema_arrow)
    except pa.ArrowException as error:
        raise ValueError(f"damaged Parquet file: {error}") from error
    if not is_record({name.lower() for name in names}):
        raise ValueError(NO_RECORDS + ", ".join(names[:12]))
    name, number = object_name(path), 0
    header = {
        decoded(key).upper(): decoded(value)
        for key, value in (file.schema_arrow.metadata or {}).items()
        if key in HEADER_KEYS
    }
    try:
        for batch in file.iter_batches(ROWS):
            columns = dict(_flat(batch.schema.names, batch.columns))
            for row in range(batch.num_rows):
                number += 1
                record: dict[str, Any] = {}
                for key, column in columns.items():
                    record |= _values(key, column[row])
                yield record_spectrum(record, f"{name}-{number}", header=header)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"damaged Parquet file: {error}") from error


def _names(schema: Any) -> list[str]:  # noqa: ANN401 - pyarrow states no types
    """Return the names of columns, of nested ones `column.field`."""
    import pyarrow.types as kinds

    names: list[str] = []
    for field in schema:
        inside = field.type.value_type if _is_list(field.type) else field.type
        nested = kinds.is_struct(inside)
        names += [f"{field.name}.{inner.name}" for inner in inside] if nested else [field.name]
    return names


def _flat(names: list[str], columns: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield columns; the fields of a struct one by one."""
    import pyarrow.types as kinds

    for name, column in zip(names, columns, strict=True):
        if not kinds.is_struct(column.type):
            yield name, column
            continue
        arm = name.lower() if name.lower() in ("b", "r", "z") else ""
        for field, values in zip(column.type, column.flatten(), strict=True):
            yield f"{name}.{arm}_{field.name}" if arm else f"{name}.{field.name}", values


def _values(name: str, cell: Any) -> dict[str, Any]:  # noqa: ANN401 - pyarrow states no types
    """Return one cell as a number, text, bytes or array; a list of structs as an array a field."""
    import pyarrow.types as kinds

    if not cell.is_valid:
        return {}
    if not _is_list(cell.type):
        return {name: cell.as_py()}
    values = cell.values
    if not kinds.is_struct(values.type):
        return {name: values.to_numpy(zero_copy_only=False)}
    return {
        f"{name}.{field.name}": part.to_numpy(zero_copy_only=False)
        for field, part in zip(values.type, values.flatten(), strict=True)
    }


def _is_list(kind: Any) -> bool:  # noqa: ANN401 - pyarrow states no types
    import pyarrow.types as kinds

    return kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind)


def fits_records(
    columns: Mapping[str, NDArray[Any]],
    units: Mapping[str, str],
    cards: Mapping[str, Any],
    name: str,
) -> Iterator[Recorded]:
    """Yield the spectra of a FITS table that has one a row.

    Args:
        columns: Name -> values, shape (n_row, ...).
        units: Name -> unit; empty if unknown.
        cards: Header of the file.
        name: Name of the file's object.
    """
    n_row = len(next(iter(columns.values())))
    for row in range(n_row):
        record = {key: _plain(values[row]) for key, values in columns.items()}
        fallback = name if n_row == 1 else f"{name}-{row + 1}"
        yield record_spectrum(record, fallback, units=units, header=cards)


def read_hdf5(path: Path) -> Iterator[Recorded]:
    """Yield the spectra of an HDF5 file of the Multimodal Universe.

    Raises:
        ValueError: It can not be read, or holds no spectra.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            datasets = {key: item for key, item in file.items() if isinstance(item, h5py.Dataset)}
            if not is_record({key.lower() for key in datasets}):
                raise ValueError(NO_RECORDS + ", ".join(list(file)[:12]))
            yield from _hdf5_records(datasets, object_name(path))
    except (OSError, RuntimeError, KeyError) as error:
        raise ValueError(f"damaged HDF5 file: {error}") from error


def _hdf5_records(datasets: dict[str, Any], name: str) -> Iterator[Recorded]:
    lengths = {key: item.shape[0] if item.shape else 0 for key, item in datasets.items()}
    n_row = lengths[next(key for key in datasets if key.lower().endswith("flux"))]
    rows = {key: item for key, item in datasets.items() if lengths[key] == n_row and item.ndim < 3}
    for start in range(0, n_row, ROWS):
        block = {key: item[start : start + ROWS] for key, item in rows.items()}
        for row in range(min(ROWS, n_row - start)):
            record = {key: _plain(values[row]) for key, values in block.items()}
            yield record_spectrum(record, f"{name}-{start + row + 1}")


def _plain(value: Any) -> Any:  # noqa: ANN401 - a cell of any type
    """Return a scalar of Python for one of NumPy."""
    return value.item() if isinstance(value, np.generic) else value
