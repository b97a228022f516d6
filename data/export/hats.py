"""HATS catalogues (IVOA Note "HATS"): Parquet partitions of the sky that LSDB reads and matches.

    OUT/collection.properties
        NAME/            dataset/Norder=k/Dir=d/Npix=n.parquet, sorted by `_healpix_29`
        NAME_margin/     of each partition, the objects close outside its border
        NAME_id_index/   where each `object_id` is

Partitions are as coarse as the number of their objects allows.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.arrays import FloatArray, IndexArray
from data.export.records import GROUP_ROWS, Records, open_writer
from data.healpix import Partition, first_number, partitions, pixel_numbers
from data.sky import unit_vectors

INDEX_COLUMN = "_healpix_29"
REACH, N_DIRECTION = 3.0, 16
"""Margins are found by looking in 16 directions, to once and three times their width: no corner of
a pixel, 60 degrees sharp at least, that is within the width passes between them."""
ROWS_AT_ONCE = 65_536
INDEX_ROWS = 100_000
"""Rows of a group of the index."""


def write_hats(
    records: Records, rows: IndexArray, folder: Path, *, name: str, most: int, margin: float,
    told: Callable[[int], object],
) -> None:  # fmt: skip
    """Write a collection.

    Args:
        records: What to write.
        rows: Which of them; their positions are known.
        folder: Where.
        name: Of the catalogue.
        most: Objects of one partition.
        margin: Width of the margins, arcsec.
        told: Called with the number of spectra written.
    """
    ra, dec = (records.catalog[axis].to_numpy(float)[rows] for axis in ("ra", "dec"))
    numbers = pixel_numbers(ra, dec)
    order = np.argsort(numbers, kind="stable")
    rows, numbers, ra, dec = rows[order], numbers[order], ra[order], dec[order]
    pixels = list(partitions(numbers, most=most))
    catalogue = _Catalogue(folder / name, records, rows, numbers)
    size = {pixel[:2]: np.arange(pixel.start, pixel.stop) for pixel in pixels}
    catalogue.write(size, told=told)
    sky = {
        "hats_col_ra": "ra", "hats_col_dec": "dec", "hats_col_healpix": INDEX_COLUMN,
        "hats_col_healpix_order": 29, "hats_npix_suffix": ".parquet",
    }  # fmt: skip
    catalogue.describe({"dataproduct_type": "object", **sky}, name)
    beside = _Catalogue(folder / f"{name}_margin", records, rows, numbers)
    outside = _margins(pixels, numbers, ra, dec, margin)
    beside.write(outside, told=lambda _: None)
    about = {"dataproduct_type": "margin", "hats_primary_table_url": name}
    beside.describe(about | {"hats_margin_threshold": margin} | sky, f"{name}_margin")
    ids = records.catalog["object_id"].astype(str).to_numpy()[rows]
    _write_index(folder / f"{name}_id_index", ids, numbers, pixels, name)
    _properties(folder / "collection.properties", {
        "obs_collection": name, "hats_primary_table_url": name,
        "all_margins": f"{name}_margin", "default_margin": f"{name}_margin",
        "all_indexes": f"object_id {name}_id_index", "default_index": "object_id",
    })  # fmt: skip


class _Catalogue:
    """Partitions of one catalogue, and the files that describe them."""

    def __init__(
        self, folder: Path, records: Records, rows: IndexArray, numbers: IndexArray
    ) -> None:
        self._folder, self._records, self._rows, self._numbers = folder, records, rows, numbers
        self._schema = records.schema.insert(0, pa.field(INDEX_COLUMN, pa.int64()))
        self._footers: list[Any] = []
        self._sizes: dict[tuple[int, int], int] = {}

    def write(
        self, members: Mapping[tuple[int, int], IndexArray], *, told: Callable[[int], object]
    ) -> None:
        """Write one file for each pixel (order, number) from places in the sorted rows."""
        (self._folder / "dataset").mkdir(parents=True)
        for (order, pixel), places in sorted(members.items()):
            relative = f"Norder={order}/Dir={pixel // 10_000 * 10_000}/Npix={pixel}.parquet"
            path = self._folder / "dataset" / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            with open_writer(path, self._schema) as writer:
                for start in range(0, len(places), GROUP_ROWS):
                    group = places[start : start + GROUP_ROWS]
                    writer.write_table(self._table(group))
                    told(len(group))
            footer = pq.read_metadata(path)
            footer.set_file_path(relative)
            self._footers.append(footer)
            self._sizes[order, pixel] = len(places)
        write_metadata(self._folder / "dataset", self._schema, self._footers)

    def describe(self, about: Mapping[str, object], name: str) -> None:
        """Write properties and the list of partitions."""
        listed = pd.DataFrame(list(self._sizes), columns=["Norder", "Npix"], dtype=np.int64)
        listed.to_csv(self._folder / "partition_info.csv", index=False)
        fraction = sum(1 / (12 * 4**order) for order, _ in self._sizes)
        _properties(self._folder / "hats.properties", {
            "obs_collection": name, **about, "hats_nrows": sum(self._sizes.values()),
            "hats_order": max((order for order, _ in self._sizes), default=0),
            "hats_max_rows": max(self._sizes.values(), default=0), "moc_sky_fraction": fraction,
        })  # fmt: skip

    def _table(self, places: IndexArray) -> pa.Table:
        """Return records with the column of their pixel numbers first."""
        table = self._records.table(self._rows[places])
        numbers = pa.array(self._numbers[places], type=pa.int64())
        return pa.Table.from_arrays([numbers, *table.columns], schema=self._schema)


def write_metadata(dataset: Path, schema: pa.Schema, footers: Sequence[Any]) -> None:
    """Write `_common_metadata` (the schema) and `_metadata` (all row groups)."""
    pq.write_metadata(schema, dataset / "_common_metadata")
    pq.write_metadata(schema, dataset / "_metadata", metadata_collector=list(footers))


def _margins(
    pixels: Sequence[Partition], numbers: IndexArray, ra: FloatArray, dec: FloatArray, width: float
) -> dict[tuple[int, int], IndexArray]:
    """Return the objects close outside each partition that has such, as places in the list.

    All within the width, and some up to `REACH` times as far.
    """
    first = np.array([first_number(*pixel[:2]) for pixel in pixels])
    last = np.array([first_number(pixel.order, pixel.pixel + 1) for pixel in pixels])
    own = np.repeat(np.arange(len(pixels)), [pixel.stop - pixel.start for pixel in pixels])
    pairs = [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, len(numbers), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        for around in _circles(ra[some], dec[some], width):
            number = pixel_numbers(*around)
            at = np.searchsorted(first, number, side="right") - 1
            near = np.flatnonzero((at >= 0) & (number < last[at]) & (at != own[some]))
            pairs.append(np.stack([at[near], start + near], axis=1))
    partition, place = np.unique(np.concatenate(pairs), axis=0).T
    return {pixels[at][:2]: place[partition == at] for at in np.unique(partition).tolist()}


def _circles(
    ra: FloatArray, dec: FloatArray, radius: float
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield positions (degrees) around others, in one direction at one distance after another."""
    towards = unit_vectors(ra, dec)
    east = np.stack([-np.sin(np.radians(ra)), np.cos(np.radians(ra)), np.zeros(len(ra))], axis=1)
    north = np.cross(towards, east)
    for distance in (radius, REACH * radius):
        along, aside = np.cos(np.radians(distance / 3600)), np.sin(np.radians(distance / 3600))
        for angle in np.arange(N_DIRECTION) * 2 * np.pi / N_DIRECTION:
            x, y, z = (along * towards + aside * (np.cos(angle) * east + np.sin(angle) * north)).T
            yield np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def _write_index(
    folder: Path,
    ids: NDArray[Any],
    numbers: IndexArray,
    pixels: Sequence[Partition],
    name: str,
) -> None:
    """Write which partition holds each identifier, sorted by that."""
    sizes = [pixel.stop - pixel.start for pixel in pixels]
    table = pa.table({
        "object_id": pa.array(ids, type=pa.string()),
        INDEX_COLUMN: pa.array(numbers, type=pa.int64()),
        "Norder": pa.array(np.repeat([pixel.order for pixel in pixels], sizes), type=pa.uint8()),
        "Npix": pa.array(np.repeat([pixel.pixel for pixel in pixels], sizes), type=pa.uint64()),
    }).sort_by("object_id")  # fmt: skip
    path = folder / "dataset" / "index" / "part.0.parquet"
    path.parent.mkdir(parents=True)
    with open_writer(path, table.schema) as writer:
        writer.write_table(table, row_group_size=INDEX_ROWS)
    footer = pq.read_metadata(path)
    footer.set_file_path("index/part.0.parquet")
    write_metadata(folder / "dataset", table.schema, [footer])
    _properties(folder / "hats.properties", {
        "obs_collection": folder.name, "dataproduct_type": "index", "hats_nrows": len(ids),
        "hats_primary_table_url": name, "hats_index_column": "object_id",
    })  # fmt: skip


def _properties(path: Path, values: Mapping[str, object]) -> None:
    """Write a properties file, as Java has them."""
    made = datetime.datetime.now(tz=datetime.UTC).strftime("%Y-%m-%dT%H:%M%Z")
    values = dict(values) | {"hats_creation_date": made, "hats_version": "v1.0"}
    path.write_text("".join(f"{key}={value}\n" for key, value in values.items()), encoding="utf-8")
