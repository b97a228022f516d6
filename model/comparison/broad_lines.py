"""How wide models make the broad H-alpha of active nuclei (Portillo+2020, section 3.1, Fig. 7)."""

from __future__ import annotations

from typing import Any

import numpy as np

from data.arrays import FloatArray
from data.lines.broad import broad_halpha_width
from data.lines.classes import BROAD_AGN
from data.parts import read_parts
from data.spectra import Spectra
from model.comparison.sample import Sample
from model.interface import SpectrumModel

STRONG = 15.0
"""Equivalent width (Angstrom) of a broad H-alpha whose width the spectrum tells."""


def measure_broad_lines(model: SpectrumModel, sample: Sample) -> dict[str, Any]:
    """Return the ratio of the widths of broad H-alpha in reconstructions and in spectra.

    Args:
        model: The model.
        sample: The objects; its broad-line AGN are measured.

    Returns:
        `n` objects that have a width in both; `median` of the ratio, its `low` and `high` (16th
        and 84th percentile), None without any; `without`, objects of which the reconstruction has
        no broad line.
    """
    rows = sample.rows[sample.classes == BROAD_AGN]
    pairs = [np.empty((0, 2))]
    for _, spectra in read_parts(sample.source, rows):
        flux, covered = model.reconstruct(model.encode(spectra), spectra.z, spectra.grid)
        pairs.append(np.array(_widths(spectra, flux, np.where(covered, spectra.ivar, 0))))
    seen, found = np.concatenate(pairs).T
    known = np.isfinite(seen)
    both = known & np.isfinite(found)
    ratio = found[both] / seen[both]
    low, middle, high = np.percentile(ratio, [16, 50, 84]) if both.any() else (None,) * 3
    return {
        "n": int(both.sum()), "median": middle, "low": low, "high": high,
        "without": int((known & ~both).sum()),
    }  # fmt: skip


def _widths(spectra: Spectra, model: FloatArray, weight: FloatArray) -> list[tuple[float, float]]:
    """Return the width in spectrum and in model, NaN for none, of each object."""
    pairs = []
    for row, wave in enumerate(spectra.wave / (1 + spectra.z)[:, None]):
        width, strength = broad_halpha_width(wave, spectra.flux[row], weight[row])
        if not strength > STRONG:
            pairs.append((np.nan, np.nan))
            continue
        pairs.append((width, broad_halpha_width(wave, model[row], weight[row])[0]))
    return pairs
