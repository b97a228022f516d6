"""`python -m data export`: a survey, or an atlas with its columns, in the formats of others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data.arrays import IndexArray
from data.commands import setting
from data.export.hats import write_hats
from data.export.mmu import write_mmu
from data.export.records import GROUP_ROWS, Records, open_writer
from data.partial.folder import made_beside
from data.sky import known_positions
from data.source import open_folder


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Settings of `python -m data export`."""

    path: Path = setting(help="survey or atlas folder", positional=True)
    to: str = setting(
        help="hats = catalogue for LSDB, mmu = HDF5 as in the Multimodal Universe, parquet = plain "
        "Parquet files",
        choices=("hats", "mmu", "parquet"),
    )
    out: Path = setting(help="folder to make")
    name: str = setting(help="of the catalogue (default: the folder's name)", default="")
    rows: int = setting(
        help="objects of one file at most; a file's spectra are held in memory", default=4096
    )
    margin: float = setting(
        help="hats: objects up to this far outside a partition are in its margin, arcsec",
        default=10.0,
    )

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        if self.rows < 1:
            raise ValueError(f"--rows must be at least 1, got {self.rows}")
        if not 0 < self.margin <= 3600:
            raise ValueError(f"--margin must lie in 0 to 3600 arcsec, got {self.margin}")


def export(config: ExportConfig) -> None:
    """Write the folder.

    Raises:
        ValueError: The destination exists, there is no survey, or no position is known.
    """
    if config.out.exists():
        raise ValueError(f"{config.out} exists; choose another --out or remove it")
    catalog, source = open_folder(config.path)
    records, name = Records(catalog, source), config.name or config.out.resolve().name
    if not name.replace("-", "_").isidentifier():
        raise ValueError(f"--name must be letters, digits, - and _, got {name!r}")
    with (
        made_beside(config.out.resolve()) as partial,
        tqdm(total=len(catalog), unit="spectra", disable=None) as bar,
    ):
        if config.to == "parquet":
            _write_parquet(records, partial, rows=config.rows, told=bar.update)
        else:
            where = _placed(records)
            if config.to == "hats":
                write_hats(
                    records, where, partial, name=name, most=config.rows,
                    margin=config.margin, told=bar.update,
                )  # fmt: skip
            else:
                write_mmu(records, where, partial, name=name, told=bar.update)


def _placed(records: Records) -> IndexArray:
    """Return the rows with a known position; say how many are left out.

    Raises:
        ValueError: There is none.
    """
    catalog = records.catalog
    if not {"ra", "dec"} <= set(catalog):
        raise ValueError("positions are needed, and the catalogue has no ra and dec; --to parquet")
    rows = np.flatnonzero(known_positions(catalog["ra"].to_numpy(), catalog["dec"].to_numpy()))
    if not len(rows):
        raise ValueError("positions are needed, and no object has a known one; --to parquet")
    if len(rows) < len(catalog):
        sys.stderr.write(f"{len(catalog) - len(rows)} objects without a position are left out\n")
    return rows


def _write_parquet(
    records: Records, folder: Path, *, rows: int, told: Callable[[int], object]
) -> None:
    """Write files `part-NNNNN.parquet`, in the order of the catalogue."""
    for number, start in enumerate(range(0, len(records.catalog), rows)):
        stop = min(start + rows, len(records.catalog))
        with open_writer(folder / f"part-{number:05d}.parquet", records.schema) as writer:
            for group in _groups(start, stop):
                writer.write_table(records.table(group))
                told(len(group))


def _groups(start: int, stop: int) -> Iterator[IndexArray]:
    for first in range(start, stop, GROUP_ROWS):
        yield np.arange(first, min(first + GROUP_ROWS, stop))
