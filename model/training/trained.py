"""What every kind of training gives back, and its fidelity on the parts of the survey."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from data.arrays import FloatArray, IndexArray
from data.parts import read_parts
from data.spectra import SpectrumSource
from model.interface import SpectrumModel, StoredModel
from model.misfit import misfit
from model.splits import Splits, evenly
from model.training.config import TrainConfig

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


Fit = Callable[[TrainConfig, SpectrumSource, Splits], Trained | None]
"""A training; None in the processes that do not save."""


def fidelities(
    model: SpectrumModel, source: SpectrumSource, splits: Splits, *, limit: int
) -> dict[str, float]:
    """Return fidelity, noise floor and reduced chi2 (see `model.misfit`) of each part.

    Args:
        model: The model.
        source: Where the spectra are.
        splits: Rows of each part.
        limit: Spectra of a part at most, evenly spaced.
    """
    metrics: dict[str, float] = {}
    for name, rows in splits.sets().items():
        if len(rows):
            fidelity, floor, reduced = _measure(model, source, evenly(rows, limit))
            metrics[f"fidelity_{name}"] = float(fidelity.mean())
            metrics[f"noise_floor_{name}"] = float(floor.mean())
            metrics[f"chi2_red_{name}"] = float(np.nanmedian(reduced))
    return metrics


def _measure(model: SpectrumModel, source: SpectrumSource, rows: IndexArray) -> list[FloatArray]:
    """Return fidelity, noise floor and reduced chi2 of each spectrum."""
    parts = []
    for start in range(0, len(rows), _ROWS):
        for _, spectra in read_parts(source, rows[start : start + _ROWS]):
            latents = model.encode(spectra)
            fit = misfit(spectra, *model.reconstruct(latents, spectra.z, spectra.grid))
            parts.append((fit.fidelity, fit.noise_floor, fit.reduced))
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]
