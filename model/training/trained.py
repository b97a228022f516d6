"""What every kind of training gives back, and its fidelity on the parts of the survey."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from data.arrays import IndexArray
from data.spectra import SpectrumSource
from model.splits import Splits
from model.store.storage import StoredModel

if TYPE_CHECKING:
    from model.training.command import TrainConfig

_ROWS = 256


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A trained model.

    Attributes:
        model: Ready to be saved.
        seconds: Time spent, interrupted runs included.
        facts: What model.json shall say of the training (JSON-ready).
    """

    model: StoredModel
    seconds: float
    facts: dict[str, Any] = field(default_factory=dict)


Fit = Callable[["TrainConfig", SpectrumSource, Splits], Trained | None]
"""A training; None in the processes that do not save."""


def fidelities(
    model: StoredModel, source: SpectrumSource, splits: Splits, *, limit: int
) -> dict[str, float]:
    """Return fidelity loss (Liang+2023, equation 1) and reduced chi2 of each part.

    A fidelity of half the share of used pixels (`noise_floor`) is a reduced chi2 of 1.

    Args:
        model: The model.
        source: Where the spectra are.
        splits: Rows of each part.
        limit: Spectra of a part at most, evenly spaced.
    """
    metrics: dict[str, float] = {}
    for name, rows in splits.sets().items():
        if not len(rows):
            continue
        chi2, used, n_pixel = _chi2(model, source, evenly(rows, limit))
        metrics[f"fidelity_{name}"] = float(np.mean(0.5 * chi2 / n_pixel))
        metrics[f"noise_floor_{name}"] = float(np.mean(0.5 * used / n_pixel))
        metrics[f"chi2_red_{name}"] = float(np.median(chi2 / np.maximum(used, 1)))
    return metrics


def evenly(rows: IndexArray, limit: int) -> IndexArray:
    """Return at most `limit` of some rows, evenly spaced."""
    if len(rows) <= limit:
        return rows
    return rows[np.linspace(0, len(rows) - 1, limit).round().astype(np.int64)]


def _chi2(
    model: StoredModel, source: SpectrumSource, rows: IndexArray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return chi2 and number of used pixels of each spectrum, and the pixels of a spectrum."""
    chi2, used = np.empty(len(rows)), np.empty(len(rows))
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        spectra = source.read(rows[part])
        flux, valid = model.reconstruct(model.encode(spectra), spectra.z, source.grid)
        weight = spectra.ivar * valid
        chi2[part] = (weight * (spectra.flux - flux) ** 2).sum(axis=1)
        used[part] = (weight > 0).sum(axis=1)
    return chi2, used, source.grid.n_pixel
