"""The settings of `python -m data ingest`, and what they ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.commands import setting
from data.grid import NORM_RANGE
from data.ingest.catalog.external_catalog import Match
from data.ingest.cells import number
from data.ingest.criteria import CatalogChoice
from data.ingest.generic.assumed import NOTHING_ASSUMED, Assumed
from data.ingest.grids import AUTO, check_instrument
from data.ingest.pixel_mask import mask_policy
from data.ingest.sample_cuts import SampleCuts, sample_cuts


@dataclass(frozen=True, kw_only=True)
class IngestConfig:
    """Settings of `python -m data ingest`."""

    path: tuple[Path, ...] = setting(help="files of spectra, or folders of them", positional=True)
    out: Path = setting(help="survey folder to make")
    catalog: Path | None = setting(
        default=None,
        help="table that fills what the files lack (CSV, Parquet, FITS, VOTable, HDF5)",
    )
    match: Match = setting(
        default="id",
        help="find its rows by identifier (or a column path of the files), or by position",
        choices=("id", "radec"),
    )
    table: str = setting(
        default="", help="name or number of the table, where the catalogue's file holds several"
    )
    column: tuple[str, ...] = setting(
        default=(), help="columns of the catalogue by what they are, as in z=redshift"
    )
    prefer: Literal["file", "catalog"] = setting(
        default="file",
        help="whose redshift and class are taken where both have one",
        choices=("file", "catalog"),
    )
    sample: Literal["", "liang2023", "portillo2020", "nicolaou2025"] = setting(
        default="", help="the sample of a paper; the cuts below change it",
        choices=("liang2023", "portillo2020", "nicolaou2025"),
    )  # fmt: skip
    classes: tuple[str, ...] = setting(
        default=(), help="pipeline classes to accept; `all` accepts every one; without it GALAXY"
    )
    z: tuple[float, ...] = setting(default=(), help="lowest and highest redshift")
    z_err: float | None = setting(default=None, help="redshift errors must be below this")
    zwarn: Literal["any", "0"] = setting(
        default="any", help="0 takes redshifts without warning only", choices=("any", "0")
    )
    snr: float | None = setting(default=None, help="lowest median signal to noise per pixel")
    primary: bool = setting(
        default=False, help="only the survey's best observation of each object (SPECPRIMARY)"
    )
    good_plates: bool = setting(default=False, help="only plates of quality `good`")
    mask_bits: tuple[str, ...] = setting(
        default=("default",),
        help="bits of the files' masks that leave a pixel out: default, all, none, or their names",
    )
    assumed: Assumed = NOTHING_ASSUMED
    instrument: str = setting(
        default=AUTO,
        help="auto: each spectrum on its instrument's grid; sdss, boss or desi: all on that one; a "
        "name of yours: one more grid, made from the spectra of other instruments",
    )
    norm: tuple[str, ...] = setting(
        default=tuple(f"{edge:g}" for edge in NORM_RANGE),
        help="rest-frame wavelengths whose median flux is the norm, Angstrom; none leaves the flux "
        "as it is",
    )
    jobs: int = setting(default=0, help="processes that read; 0: one for each core")
    scheduler: str = setting(
        default="",
        help="address of a Dask scheduler whose workers read instead, as in tcp://host:8786",
    )
    resume: bool = setting(default=True, help="go on with an ingest that was stopped")
    overwrite: bool = setting(default=False, help="replace the survey at --out")

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        if self.jobs < 0:
            raise ValueError(f"--jobs must be 0 or more, got {self.jobs}")
        if self.z and not (len(self.z) == 2 and self.z[0] < self.z[1]):
            raise ValueError(f"--z takes the lowest and the highest redshift, got {self.z}")
        mask_policy(self.mask_bits)
        check_instrument(self.instrument)
        _ = self.norm_range
        wrong = [pair for pair in self.column if not all(pair.partition("="))]
        if wrong:
            raise ValueError(f"--column takes STANDARD=COLUMN, as in z=redshift, got {wrong[0]!r}")

    @property
    def cuts(self) -> SampleCuts:
        """What is asked of the objects."""
        classes = tuple(name.upper() for name in self.classes)
        return sample_cuts(
            self.sample,
            classes=(() if "ALL" in classes else classes) if classes else None,
            z=(self.z[0], self.z[1]) if self.z else None,
            z_err=self.z_err,
            clean_z=True if self.zwarn == "0" else None,
            snr=self.snr,
            primary=True if self.primary else None,
            good_plate=True if self.good_plates else None,
        )

    @property
    def norm_range(self) -> tuple[float, float] | None:
        """Rest-frame wavelengths of the norm, Angstrom; None where none is asked for.

        Raises:
            ValueError: They are no range.
        """
        if self.norm == ("none",):
            return None
        low, high = (*map(number, self.norm), math.nan, math.nan)[:2]
        if len(self.norm) != 2 or not 0 < low < high < math.inf:
            raise ValueError(
                f"--norm takes two rest-frame wavelengths, as in 5300 5850, or none, "
                f"got {' '.join(self.norm)}"
            )
        return low, high

    @property
    def catalog_choice(self) -> CatalogChoice | None:
        """The catalogue and how it is read, or none."""
        if self.catalog is None:
            return None
        pairs = tuple((pair.partition("=")[0], pair.partition("=")[2]) for pair in self.column)
        return CatalogChoice(
            path=self.catalog, match=self.match, table=self.table, columns=pairs,
            preferred=self.prefer == "catalog",
        )  # fmt: skip
