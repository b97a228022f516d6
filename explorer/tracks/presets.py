"""The tracks of Portillo+2020; combinations of axes and percentiles written as text."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """A track of Portillo+2020 (section 3.2): quantity and percentiles.

    Attributes:
        weights: Principal axis (from 0) -> factor.
        percentiles: Edges of the bins, percentiles of all objects.
    """

    weights: dict[int, float]
    percentiles: str


PRESETS = {
    "star formation (PC 1)": Preset({0: 1}, "0 30 60 90 95 100"),
    "extreme emission (PC 3 + PC 4)": Preset({2: 1, 3: 1}, "99 99.5 99.75 99.9 100"),
    "active nuclei (PC 5 − PC 6)": Preset({4: 1, 5: -1}, "0 95 98 99 99.75 100"),
    "post-starburst (PC 2)": Preset({1: 1}, "0 1 5 95 99 100"),
}


OWN = "combination of axes"
"""The choice to write a combination of one's own."""
_TERM = re.compile(r"([+\-\N{MINUS SIGN}]?)\s*(\d*\.?\d*)\s*\*?\s*PC\s*(\d+)\s*", re.IGNORECASE)


def weights_of(text: str) -> dict[int, float]:
    """Read a linear combination of principal axes: `PC1`, `PC5 - PC6`, `0.5 PC1 + 2 PC3`.

    Returns:
        Principal axis (from 0) -> factor.

    Raises:
        ValueError: The text is no such combination.
    """
    weights: dict[int, float] = {}
    end = 0
    for match in _TERM.finditer(text.strip()):
        sign, factor, axis = match.groups()
        if match.start() != end or int(axis) < 1 or (end > 0 and not sign):
            break
        end = match.end()
        weight = float(factor or 1) * (1 if sign in ("", "+") else -1)
        weights[int(axis) - 1] = weights.get(int(axis) - 1, 0.0) + weight
    if not weights or end != len(text.strip()):
        raise ValueError(f"a combination must be written like PC1 or 0.5 PC5 - PC6, got {text!r}")
    return weights


def percentiles_of(text: str) -> list[float]:
    """Read percentiles from text.

    Raises:
        ValueError: They are not increasing numbers from 0 to 100.
    """
    try:
        edges = [float(word) for word in text.replace(",", " ").split()]
    except ValueError as error:
        raise ValueError(f"edges must be numbers such as 0 30 60 90 100, got {text!r}") from error
    increasing = all(low < high for low, high in zip(edges[:-1], edges[1:], strict=True))
    if len(edges) < 3 or not increasing or not (0 <= edges[0] and edges[-1] <= 100):
        raise ValueError(f"edges must be 3 or more increasing percentiles, 0 to 100, got {text!r}")
    return edges
