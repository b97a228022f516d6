"""What a list of outliers may leave out: strongest line emitters, bad reconstructions.

Liang+2023, section 5.2, "focus on the targets with low likelihood but good reconstruction quality,
excluding the strongest line emitters, for which the maximum flux is more than 100 times the
continuum flux". That is the only limit they give: their list has blends whose second object is seen
in the residual, half spectra of straight lines, and spikes at 5200 Angstrom. A limit on chi2 would
leave those out, so it is an option of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from data.arrays import BoolArray, FloatArray

GOOD_SHARE = 0.9
"""A reconstruction is good if its reduced chi2 is among this share of the lowest at its S/N."""
STRONG_LINE = 100.0
"""Peak of a line over the continuum above which line emitters are left out."""
OBJECTS_OF_A_BIN, FEWEST_OF_A_BIN, BINS = 300, 20, 8
"""Objects of like S/N; a small survey has fewer, down to the second, so as to have some bins."""
PEAK_COLUMNS = ("line_peak", "peak_flux")
"""Peak that three neighbouring pixels reach; in an older atlas that of one pixel."""


def good_chi2(chi2: FloatArray, snr: FloatArray | None) -> FloatArray:
    """Return the highest reduced chi2 of a good reconstruction at each object's S/N.

    No model is perfect, so that chi2 grows with S/N: one limit for all would call bright objects
    badly reconstructed.

    Args:
        chi2: Reduced chi2, shape (n_galaxy,); NaN is left out.
        snr: Signal to noise, same shape; None = one limit for all.
    """
    known = np.isfinite(chi2)
    if snr is not None:
        known &= np.isfinite(snr)
    if not known.any():
        return np.full(len(chi2), np.inf)
    by = np.zeros(len(chi2)) if snr is None else np.log(np.maximum(snr, 1e-3))
    order = np.flatnonzero(known)[np.argsort(by[known], kind="stable")]
    of_a_bin = min(OBJECTS_OF_A_BIN, max(FEWEST_OF_A_BIN, len(order) // BINS))
    n_bin = 1 if snr is None else max(1, len(order) // of_a_bin)
    bins = np.array_split(order, n_bin)
    limits = [np.quantile(chi2[rows], GOOD_SHARE) for rows in bins]
    return np.interp(np.nan_to_num(by), [np.median(by[rows]) for rows in bins], limits)


def is_good(chi2: FloatArray, snr: FloatArray | None) -> BoolArray:
    """Return which reconstructions are good; those without chi2 are not."""
    return np.asarray(chi2 <= good_chi2(chi2, snr))


def peak_column(columns: pd.Index | Mapping[str, object]) -> str | None:
    """Return the column of the highest line, None where an atlas has none."""
    return next((name for name in PEAK_COLUMNS if name in columns), None)


def paper_cuts(catalog: pd.DataFrame) -> BoolArray:
    """Return the objects that are no strongest line emitters, all where a catalogue tells none."""
    peak = peak_column(catalog.columns)
    if peak is None:
        return np.ones(len(catalog), dtype=bool)
    return ~(catalog[peak].to_numpy(float) > STRONG_LINE)
