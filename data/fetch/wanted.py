"""What is wanted of an archive: a list, a cone on the sky, a query."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from data.arrays import BoolArray, FloatArray
from data.commands import setting
from data.sky import chord, unit_vectors


class Cone(NamedTuple):
    """A circle on the sky, degrees."""

    ra: float
    dec: float
    radius: float

    @classmethod
    def of(cls, values: tuple[float, ...]) -> Cone | None:
        """Return the cone of an option's three numbers; None without.

        Raises:
            ValueError: They are no circle on the sky.
        """
        if not values:
            return None
        if len(values) != 3 or not (-90 <= values[1] <= 90 and 0 < values[2] <= 180):
            raise ValueError(f"--cone takes RA DEC RADIUS in degrees, got {values}")
        return cls(values[0] % 360, *values[1:])

    def holds(self, ra: FloatArray, dec: FloatArray) -> BoolArray:
        """Return which positions (degrees) lie inside."""
        centre = unit_vectors(np.array([self.ra]), np.array([self.dec]))
        return np.linalg.norm(unit_vectors(ra, dec) - centre, axis=1) <= chord(self.radius * 3600)

    def box(self) -> tuple[list[tuple[float, float]], tuple[float, float]]:
        """Return ranges of right ascension and the range of declination that hold the cone."""
        low, high = max(self.dec - self.radius, -90.0), min(self.dec + self.radius, 90.0)
        if low <= -90 or high >= 90:
            return [(0.0, 360.0)], (low, high)
        edge = np.sin(np.radians(self.radius)) / np.cos(np.radians(self.dec))
        half = float(np.degrees(np.arcsin(min(edge, 1.0))))
        first, last = self.ra - half, self.ra + half
        if first < 0:
            return [(0.0, last), (first + 360, 360.0)], (low, high)
        if last > 360:
            return [(first, 360.0), (0.0, last - 360)], (low, high)
        return [(first, last)], (low, high)


@dataclass(frozen=True, kw_only=True)
class FetchConfig:
    """Settings of `python -m data fetch`."""

    archive: str = setting(
        help="sdss = spectra of SDSS, BOSS, eBOSS; desi = coadds by HEALPix pixel, with their "
        "redshifts; sparcl = records of either",
        positional=True,
        choices=("sdss", "desi", "sparcl"),
    )
    out: Path = setting(help="folder of the files; the same command goes on where it was")
    list: Path | None = setting(
        help="CSV of what to fetch; sdss: plate, mjd, fiber[, run2d], or object_id; desi: survey, "
        "program, healpix, or ra, dec; sparcl: specid or sparcl_id",
        default=None,
    )
    cone: tuple[float, ...] = setting(help="RA DEC RADIUS, degrees", default=())
    query: str = setting(
        help="sdss: a condition of SQL on SpecObj, such as \"class='GALAXY' AND z < 0.1\"; sparcl: "
        'JSON of constraints, such as {"spectype": ["GALAXY"], "redshift": [0.1, 0.2]}',
        default="",
    )
    release: str = setting(
        help="data release (default: dr17 of SDSS, dr1 of DESI; sparcl: all)", default=""
    )
    programs: tuple[str, ...] = setting(
        help="desi: which surveys and programs", default=("main/bright", "main/dark")
    )
    most: int = setting(help="objects or files at most", default=10_000)
    jobs: int = setting(help="files fetched at the same time, 8 at most", default=4)
    server: str = setting(
        help="another server with the archive's layout, such as a mirror (default: the archive)",
        default="",
    )

    def __post_init__(self) -> None:
        """Refuse what can not be fetched."""
        if not (self.list or self.cone or self.query):
            raise ValueError("say what to fetch: --list, --cone or --query")
        if self.list and (self.cone or self.query):
            raise ValueError("--list says it all; leave out --cone and --query")
        if not 1 <= self.jobs <= 8:
            raise ValueError(
                f"--jobs must lie in 1..8 out of respect for archives, got {self.jobs}"
            )
        if self.most < 1:
            raise ValueError(f"--most must be at least 1, got {self.most}")
        Cone.of(self.cone)

    def table(self) -> pd.DataFrame:
        """Return the list, column names in lower case, all values as text.

        Raises:
            ValueError: It can not be read.
        """
        assert self.list is not None
        try:
            table = pd.read_csv(
                self.list,
                sep="[,;\t]",
                engine="python",
                dtype=str,
                comment="#",
                skipinitialspace=True,
            )
        except OSError as error:
            raise ValueError(f"--list {self.list} can not be read: {error.strerror}") from error
        except ValueError as error:
            raise ValueError(f"--list {self.list} is no table of CSV: {error}") from error
        return table.rename(columns=lambda name: str(name).strip().lower())


def numbers_of(table: pd.DataFrame, name: str, *, low: float, high: float) -> FloatArray:
    """Return a column of a list as numbers.

    Raises:
        ValueError: One is missing, or out of range.
    """
    values = np.asarray(pd.to_numeric(table[name], errors="coerce"), dtype=np.float64)
    if not ((values >= low) & (values <= high)).all():
        raise ValueError(f"{name} must lie in {low:g}..{high:g} in every row of the list")
    return values


class Remote(NamedTuple):
    """A file to fetch.

    Attributes:
        name: Where it goes, below the folder.
        urls: Where it may be, the likeliest first.
        sums: Where a list of SHA-256 sums is that names it; empty if nowhere.
        certain: Whether it must be there; else its absence is no failure.
    """

    name: str
    urls: tuple[str, ...]
    sums: str = ""
    certain: bool = True
