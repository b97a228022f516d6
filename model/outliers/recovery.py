"""How well a ranking recovers objects of known kinds: recall, precision, AUROC, enrichment.

found = measure_recovery(score, kinds, ordinary="")
found["star"].recall[0.01], found["star"].auroc
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import FloatArray, IntArray

TOPS = (0.001, 0.01, 0.05)
"""Shares of the list in which objects are looked for."""
FIRST = 100
"""Length of the list whose precision is measured."""
ALL = "all kinds"
"""Name of all objects that are not ordinary, together."""
_Z = 1.959963984540054
"""Half width, in sigma, of an interval that holds 95 % of a normal distribution."""


@dataclass(frozen=True)
class Proportion:
    """A measured share and its Wilson interval of 95 %."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> Proportion:
        """Return value and interval times a number."""
        return Proportion(self.value * factor, self.low * factor, self.high * factor)

    def to_list(self) -> list[float | None]:
        """Return value, low and high; None where there is none."""
        return [number if math.isfinite(number) else None for number in
                (self.value, self.low, self.high)]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What a ranking finds of one kind.

    Attributes:
        n: Objects of the kind.
        recall: Share of them in the top of the list, for each of `TOPS`.
        enrichment: Recall over that of a random list, for each of `TOPS`.
        precision: Share of the kind among the first `FIRST` of the list.
        auroc: Probability that an object of the kind ranks above an ordinary one.
    """

    n: int
    recall: dict[float, Proportion]
    enrichment: dict[float, Proportion]
    precision: Proportion
    auroc: Proportion

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values: [value, low, high] of each measure."""
        return {
            "n": self.n,
            **{f"recall_{100 * top:g}%": self.recall[top].to_list() for top in TOPS},
            **{f"enrichment_{100 * top:g}%": self.enrichment[top].to_list() for top in TOPS},
            f"precision_{FIRST}": self.precision.to_list(),
            "auroc": self.auroc.to_list(),
        }


def wilson(successes: float, trials: float) -> Proportion:
    """Return a share with its interval (Wilson 1927, JASA 22, 209, equation 4).

    Example:
        >>> share = wilson(8, 10)
        >>> round(share.low, 3), round(share.high, 3)
        (0.49, 0.943)
    """
    if trials <= 0:
        return Proportion(math.nan, math.nan, math.nan)
    share = successes / trials
    scale = 1 + _Z**2 / trials
    middle = (share + _Z**2 / (2 * trials)) / scale
    half = _Z / scale * math.sqrt(share * (1 - share) / trials + _Z**2 / (4 * trials**2))
    return Proportion(share, max(0.0, middle - half), min(1.0, middle + half))


def ranked_rows(strangeness: FloatArray) -> IntArray:
    """Return rows, strangest first; equal ones by row, those without a score (NaN) last."""
    keys = np.where(np.isfinite(strangeness), -np.asarray(strangeness, dtype=float), np.inf)
    return np.argsort(keys, kind="stable")


def measure_recovery(
    strangeness: FloatArray, kinds: Sequence[str] | NDArray[Any], *, ordinary: str
) -> dict[str, Recovery]:
    """Measure what a ranking finds of each kind, and of all kinds together.

    Args:
        strangeness: Score, higher is stranger, shape (n_galaxy,); NaN ranks last.
        kinds: Kind of each object, shape (n_galaxy,).
        ordinary: The kind that is not looked for.

    Returns:
        `ALL` first, then kinds in alphabetical order.

    Raises:
        ValueError: Lengths differ, or every object or none is ordinary.
    """
    names = np.asarray(kinds, dtype=object)
    if len(names) != len(strangeness):
        raise ValueError(f"{len(strangeness)} scores need as many kinds, got {len(names)}")
    usual = names == ordinary
    if usual.all() or not usual.any():
        raise ValueError(
            f"some objects must be {ordinary!r} and some not, got {usual.sum()} of {len(names)}"
        )
    place = np.empty(len(names), dtype=np.int64)
    place[ranked_rows(strangeness)] = np.arange(len(names))
    found = {ALL: _recovery(strangeness, place, ~usual, usual)}
    for name in sorted(set(names[~usual].tolist())):
        found[name] = _recovery(strangeness, place, names == name, usual)
    return found


def _recovery(
    strangeness: FloatArray, place: IntArray, wanted: NDArray[Any], usual: NDArray[Any]
) -> Recovery:
    n, n_all = int(wanted.sum()), len(place)
    at = place[wanted]
    depths = {top: max(1, round(top * n_all)) for top in TOPS}
    recall = {top: wilson(int((at < depth).sum()), n) for top, depth in depths.items()}
    first = min(FIRST, n_all)
    return Recovery(
        n=n,
        recall=recall,
        enrichment={top: recall[top].scaled(n_all / depth) for top, depth in depths.items()},
        precision=wilson(int((at < first).sum()), first),
        auroc=_auroc(strangeness, wanted, usual),
    )


def _auroc(strangeness: FloatArray, wanted: NDArray[Any], usual: NDArray[Any]) -> Proportion:
    """Return the area under the receiver operating characteristic; ties count half.

    Its variance is at most that of a share of as many trials as there are objects of the rarer
    sort, wanted or ordinary, whatever their distributions (Birnbaum & Klose 1957, Annals of
    Mathematical Statistics 28, 933): Wilson's interval with that number is an upper bound.
    """
    lowest = np.where(np.isfinite(strangeness), strangeness, -np.inf)
    values, others = lowest[wanted], np.sort(lowest[usual])
    below = np.searchsorted(others, values, side="left")
    not_above = np.searchsorted(others, values, side="right")
    area = float((below + not_above).mean()) / (2 * len(others)) if len(values) else 0.0
    trials = min(len(values), len(others))
    return wilson(area * trials, trials)
