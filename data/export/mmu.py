"""The layout of the Multimodal Universe (Angeloudi+2024): HDF5, one file for each HEALPix pixel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from data.arrays import IndexArray
from data.export.records import Records
from data.healpix import pixel_numbers

ORDER = 4
"""Order of the pixels: n_side = 16, as its build scripts have it."""
NAMES = {"z": "Z", "z_err": "Z_ERR", "zwarning": "ZWARNING"}
"""Columns that it names otherwise."""
SPECTRUM = {
    "lambda": ("f8", -1.0), "flux": ("f4", 0.0), "ivar": ("f4", 0.0), "mask": ("?", True),
}  # fmt: skip
"""Arrays, their types, and what fills the rows of shorter spectra."""
CHUNK_ROWS = 64


def write_mmu(
    records: Records, rows: IndexArray, folder: Path, *, name: str, told: Callable[[int], object]
) -> None:
    """Write NAME/healpix=N/001-of-001.hdf5.

    Args:
        records: What to write.
        rows: Which of them; their positions are known.
        folder: Where.
        name: Of the data set.
        told: Called with the number of spectra written.
    """
    ra, dec = (records.catalog[axis].to_numpy(float)[rows] for axis in ("ra", "dec"))
    pixels = pixel_numbers(ra, dec, order=ORDER)
    order = np.argsort(pixels, kind="stable")
    numbers, starts = np.unique(pixels[order], return_index=True)
    for pixel, places in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        path = folder / name / f"healpix={pixel}" / "001-of-001.hdf5"
        path.parent.mkdir(parents=True)
        with h5py.File(path, "w") as file:
            _write_file(file, records, rows[places], pixel, told)


def _write_file(
    file: h5py.File, records: Records, rows: IndexArray, pixel: int, told: Callable[[int], object]
) -> None:
    facts = records.catalog.iloc[rows]
    for column in facts:
        file.create_dataset(NAMES.get(str(column), str(column)), data=_plain(facts[column]))
    file.create_dataset("healpix", data=np.full(len(rows), pixel))
    n_pixel = max(part.grid.n_pixel for part in records.parts if len(part.among(rows)))
    pixels = {
        name: file.create_dataset(
            f"spectrum_{name}", (len(rows), n_pixel), kind, fillvalue=filling,
            chunks=(min(CHUNK_ROWS, len(rows)), n_pixel), compression="gzip",
            compression_opts=1, shuffle=True,
        )
        for name, (kind, filling) in SPECTRUM.items()
    }  # fmt: skip
    for start in range(0, len(rows), CHUNK_ROWS):
        block = rows[start : start + CHUNK_ROWS]
        for places, spectra in records.spectra(block):
            arrays = {
                "lambda": np.broadcast_to(spectra.wave, spectra.flux.shape), "flux": spectra.flux,
                "ivar": spectra.ivar, "mask": spectra.ivar == 0,
            }  # fmt: skip
            for name, values in arrays.items():
                pixels[name][start + places, : values.shape[1]] = values
        told(len(block))


def _plain(column: Any) -> NDArray[Any]:  # noqa: ANN401 - a column of pandas
    """Return a column as HDF5 takes it: text as bytes, integers with -1 where they are missing."""
    if column.dtype.kind in "iu" and column.hasnans:
        return column.fillna(-1).to_numpy(column.dtype.numpy_dtype)
    if column.dtype.kind in "fiub":
        return column.to_numpy()
    return np.array([str(value).encode() for value in column.fillna("")], dtype="S")
