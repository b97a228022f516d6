"""The object that a first visitor sees: one that explains the page."""

from __future__ import annotations

import numpy as np

from explorer.state.dataset import Dataset
from model.tracks.trends import measured_trends

N_CANDIDATE = 48
"""Objects decoded to choose among."""


def telling_object(dataset: Dataset) -> int:
    """Return the row of an ordinary, well measured, well modelled object with emission lines.

    Of the ordinary half by the first score the best measured ones are taken, of these the half
    that is reconstructed best, and of those the one with the strongest H-alpha by far or nearly.
    Columns that an atlas lacks do not count. Slow the first time.
    """

    def make() -> int:
        rows = np.arange(len(dataset))
        scores = dataset.atlas.scores
        if scores:
            values = dataset.numeric(scores[0].column)[rows]
            rows = _lower_half(rows, values if scores[0].higher_is_stranger else -values)
        if "snr" in dataset.numeric_columns:
            faint = -np.nan_to_num(dataset.numeric("snr")[rows])
            last = min(2 * N_CANDIDATE, len(faint)) - 1
            best = np.flatnonzero(faint <= np.partition(faint, last)[last])
            rows = rows[best[np.argsort(faint[best], kind="stable")]]
        rows = rows[: 2 * N_CANDIDATE]
        if "chi2_red" in dataset.numeric_columns:
            rows = _lower_half(rows, dataset.numeric("chi2_red")[rows])
        rows = rows[:N_CANDIDATE]
        model = dataset.atlas.model
        spectra = model.decode(np.asarray(dataset.atlas.latents[rows], dtype=np.float32))
        width = measured_trends(model.wave_rest, spectra)["ew_halpha"].to_numpy(float)
        width = np.where(np.isfinite(width), width, -np.inf)
        most = width.max()  # below 0 where no object has emission
        near = width >= most - 0.2 * abs(most) if np.isfinite(most) else width == most
        return int(rows[np.flatnonzero(near)[0]])

    return dataset.keep(("telling object",), make)


def _lower_half(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the rows with the lower half of the values, in their order; all if none is finite."""
    known = np.isfinite(values)
    if not known.any():
        return rows
    return rows[known & (values <= np.median(values[known]))]
