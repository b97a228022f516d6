"""What a score does on a survey: its threshold, what it depends on, what it shares with others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from model.atlas.scores import Score

TOP = 0.01
"""Share of the objects that are the top of a list (Nicolaou+2025, section 5.2)."""
BESIDE = ("snr", "mask_fraction", "z")
"""What a score should not merely follow."""
STRONG_DEPENDENCE = 0.3
MOST_ROWS = 100_000


@dataclass(frozen=True)
class ScoreRecord:
    """What a score does.

    Attributes:
        threshold: Value beyond which the top 1 % lies.
        dependence: Spearman's correlation with each of `BESIDE` that the catalogue has.
        overlap: Share of the top 1 % that is also in that of each other score.
    """

    threshold: float
    dependence: dict[str, float]
    overlap: dict[str, float]

    @property
    def warnings(self) -> list[str]:
        """Columns that the score follows: rank correlation beyond -0.3 or 0.3."""
        return [name for name, rho in self.dependence.items() if abs(rho) > STRONG_DEPENDENCE]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self) | {"warnings": self.warnings}


def score_records(catalog: pd.DataFrame, scores: Sequence[Score]) -> dict[str, ScoreRecord]:
    """Measure every score of a catalogue.

    Args:
        catalog: Of the atlas; `MOST_ROWS` evenly spaced rows tell the correlations.
        scores: Scores whose columns it has.
    """
    tops: dict[str, set[int]] = {}
    thresholds: dict[str, float] = {}
    for score in scores:
        values = (1 if score.higher_is_stranger else -1) * catalog[score.column].to_numpy(float)
        n_top = max(1, round(TOP * int(np.isfinite(values).sum())))
        order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:n_top]
        tops[score.column] = set(order.tolist())
        thresholds[score.column] = float(catalog[score.column].to_numpy(float)[order[-1]])
    some = catalog.iloc[:: max(1, -(-len(catalog) // MOST_ROWS))]
    return {
        name: ScoreRecord(
            thresholds[name],
            {other: _spearman(some, name, other) for other in BESIDE
             if other in some and other != name},
            {other: len(top & tops[other]) / len(top) for other in tops if other != name},
        )
        for name, top in tops.items()
    }  # fmt: skip


def _spearman(catalog: pd.DataFrame, first: str, second: str) -> float:
    """Return Spearman's correlation of two columns, 0 where one does not vary."""
    values = catalog[[first, second]].to_numpy(float)
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) < 3 or (np.ptp(values, axis=0) == 0).any():
        return 0.0
    found: Any = spearmanr(values[:, 0], values[:, 1])
    return float(found.statistic)
