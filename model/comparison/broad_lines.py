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
TRUTH = "fwhm_broad"
"""Column of mock surveys: the width that a broad line was made with, km/s."""
WIDE = 2600.0
"""Median width of the broad lines of mocks, km/s."""


def measure_broad_lines(model: SpectrumModel, sample: Sample) -> dict[str, Any]:
    """Return the ratio of the widths of broad H-alpha in reconstructions and in spectra.

    Args:
        model: The model.
        sample: The objects; its broad-line AGN are measured.

    Returns:
        `n` objects that have a width in both; `median` of the ratio, its `low` and `high` (16th
        and 84th percentile), None without any; `without`, objects of which the reconstruction has
        no broad line. Of mocks, whose widths are known, also `known`: the ratio of the widths in
        reconstructions to the true ones, its `n`, `median`, `low`, `high`, `wide` (the median for
        lines wider than `WIDE`), and `spectra`, the median for the spectra themselves.
    """
    rows = sample.rows[sample.classes == BROAD_AGN]
    pairs = [np.empty((0, 2))]
    for _, spectra in read_parts(sample.source, rows):
        flux, covered = model.reconstruct(model.encode(spectra), spectra.z, spectra.grid)
        pairs.append(np.array(_widths(spectra, flux, np.where(covered, spectra.ivar, 0))))
    seen, found = np.concatenate(pairs).T
    known = np.isfinite(seen)
    both = known & np.isfinite(found)
    numbers = _percentiles(found[both] / seen[both]) | {"without": int((known & ~both).sum())}
    if TRUTH in sample.source.catalog:
        truth = sample.source.catalog[TRUTH].to_numpy(dtype=float)[rows]
        both &= np.isfinite(truth)
        ratio, wide = found[both] / truth[both], truth[both] > WIDE
        numbers["known"] = _percentiles(ratio) | {
            "wide": float(np.median(ratio[wide])) if wide.any() else None,
            "spectra": float(np.median(seen[both] / truth[both])) if both.any() else None,
        }
    return numbers


def _percentiles(ratio: FloatArray) -> dict[str, Any]:
    low, middle, high = np.percentile(ratio, [16, 50, 84]) if len(ratio) else (None,) * 3
    return {"n": len(ratio), "median": middle, "low": low, "high": high}


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
