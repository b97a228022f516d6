"""Strong emission lines of the night sky, and the pixels they make unreliable.

Subtracted sky leaves residuals where it was bright. Melchior+2022, section 2 masks 5 Angstrom
around the 100 strongest lines; `SKY_LINES` holds those 100 lines of the SDSS range and, redwards
to 10420 Angstrom (BOSS, DESI), the lines at least as strong.

Source of `sky_lines.csv`: the line list of the Prime Focus Spectrograph as shipped in spender 0.3
(`spender/data/sky-lines.txt`, MIT licence, (c) 2022-2024 Peter Melchior, Yan Liang), intensity
>= 2.29. Its intensities of O I and Na I are on another scale than those of OH; here they
are put on the OH scale by their fluxes in the median sky of SDSS fibres.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray
from data.grid import WaveGrid

REACH = 5.0
"""Half width of the mask around a line, Angstrom (Melchior+2022, section 2)."""


@dataclass(frozen=True)
class SkyLine:
    """One line: vacuum wavelength (Angstrom), relative intensity (OH scale), emitter."""

    wave: float
    intensity: float
    species: str


def _load() -> tuple[SkyLine, ...]:
    with (Path(__file__).parent / "sky_lines.csv").open(newline="", encoding="utf-8") as table:
        return tuple(
            SkyLine(float(row["wave"]), float(row["intensity"]), row["species"])
            for row in csv.DictReader(table)
        )


SKY_LINES: tuple[SkyLine, ...] = _load()
"""Strong sky lines, in order of wavelength."""


def mask(grid: WaveGrid, *, reach: float = REACH) -> BoolArray:
    """Return which pixels lie near a strong sky line.

    Args:
        grid: Observed-frame grid.
        reach: Half width around each line, Angstrom.

    Returns:
        True where a pixel centre is within `reach` of a line, shape (n_pixel,).

    Example:
        >>> from data.grid import linear_grid
        >>> mask(linear_grid(5570.0, 5590.0, 5))  # [O I] at 5578.9 Angstrom in vacuum
        array([False,  True,  True, False, False])
    """
    waves: NDArray[Any] = np.array([line.wave for line in SKY_LINES])
    after = np.searchsorted(waves, grid.wave)
    before = np.abs(grid.wave - waves[np.maximum(after - 1, 0)])
    behind = np.abs(grid.wave - waves[np.minimum(after, len(waves) - 1)])
    return np.minimum(before, behind) <= reach
