"""One spectrum as its file has it, before any preparation, and the pixels it lies on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from data.arrays import BoolArray, FloatArray, IndexArray
from data.grid import WaveGrid

NO_MASK = "no mask: every pixel with ivar > 0 is used"
"""Remark on a file without a mask of bad pixels."""
OTHER = "other"
"""Instrument of spectra on grids of their own."""
LATTICE_TOLERANCE = 0.1
"""Largest distance of a pixel from its instrument's grid, in pixels."""


@dataclass(frozen=True)
class RawSpectrum:
    """One object as read: flux in 1e-17 erg/s/cm2/A, vacuum Angstrom, observed frame.

    Attributes:
        instrument: `sdss`, `boss` or `desi`; `OTHER` where it lies on none of their grids.
        pixel: Pixel indices in the instrument's grid, increasing; may reach beyond it; shape (n,),
            or empty where `wave` takes its place.
        flux: Flux density, may be non-finite, shape (n,).
        ivar: Inverse variance of `flux`, shape (n,).
        masked: Which pixels the mask leaves out, shape (n,).
        facts: Catalogue values: `object_id`, `z`, `class`, ... as far as the file has them.
        problem: Why the file itself says that this is no usable object; empty if it does not.
        masked_by: Bit of the mask -> how many measured pixels it leaves out.
        n_measured: Pixels with ivar > 0, whatever the mask says.
        remarks: What the user should know though the spectrum is used, one line each.
        stated_snr: Median signal to noise per pixel as the file's table has it; NaN if it has none.
        wave: Vacuum Angstrom of pixels that lie on no instrument's grid, increasing, shape (n,).
    """

    instrument: str
    pixel: IndexArray
    flux: FloatArray
    ivar: FloatArray
    masked: BoolArray
    facts: dict[str, Any]
    problem: str = ""
    masked_by: Mapping[str, int] = field(default_factory=dict)
    n_measured: int = 0
    remarks: tuple[str, ...] = ()
    stated_snr: float = math.nan
    wave: FloatArray | None = None


def lattice(uniform: FloatArray, grid: WaveGrid) -> IndexArray:
    """Return pixel indices in `grid` of wavelengths that lie on it, or on its continuation.

    Args:
        uniform: Angstrom for a linear grid, log10(Angstrom) for a logarithmic one.
        grid: The grid.

    Raises:
        ValueError: They do not increase, or lie between the pixels of the grid.
    """
    if np.ndim(uniform) != 1:
        raise ValueError(f"bad wavelengths: they must be one a pixel, got shape {uniform.shape}")
    position = (np.asarray(uniform, dtype=float) - grid.start) / grid.step
    if position.size < 2 or not np.all(np.abs(position) < 1e6):
        raise ValueError(f"bad wavelengths: {_span(uniform)} are not optical wavelengths")
    pixel = np.rint(position).astype(np.int64)
    off = float(np.abs(position - pixel).max())
    if off > LATTICE_TOLERANCE:
        raise ValueError(
            f"bad wavelengths: they must lie on the instrument's grid, got pixels {off:.2f} "
            "pixels away from it; resample first"
        )
    if np.any(np.diff(pixel) <= 0):
        raise ValueError(f"bad wavelengths: they must increase, got {_span(uniform)}")
    return pixel


def _span(uniform: FloatArray) -> str:
    if len(uniform) == 0:
        return "no pixels"
    return f"{uniform[0]:.6g} ... {uniform[-1]:.6g} ({len(uniform)} pixels)"
