"""Which causes are named for objects of known kinds: a confusion table of the reasons.

naming = name_causes(atlas, truth)
naming["star blend"].first, naming["star blend"].named, naming[""].strong
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from data.arrays import IntArray
from model.atlas.atlas import Atlas
from model.outliers.recovery import Proportion, wilson
from model.outliers.truth import Truth
from model.residuals.reasons import Reason

EXPECTED: dict[str, tuple[str, ...]] = {
    "star": ("star",),
    "star blend": ("star blend",),
    "galaxy blend": ("second redshift",),
    "wrong redshift": ("wrong redshift",),
    "double-peaked lines": ("double peaks",),
    "extreme dust": ("dust", "Balmer decrement"),
    "extreme lines": ("strong lines",),
    "supernova": ("broad residual",),
    "arm step": ("arm step",),
    "sky residuals": ("sky residuals",),
    "missing half": ("straight line",),
    "low S/N": ("low S/N",),
}
"""Causes that tell each kind of a mock survey."""
TRUE_REDSHIFT = {"galaxy blend": "z_second", "wrong redshift": "z_true"}
"""Column with the redshift that the cause must tell, within `Z_TOLERANCE`."""
Z_TOLERANCE = 0.002
LOOKED_AT = 2
"""An object's cause counts as named among this many of its strongest reasons."""
ORDINARY_SHARE = 5
ROWS_AT_ONCE = 64
NONE = "nothing"


@dataclass(frozen=True)
class Naming:
    """What is named for objects of one kind.

    Attributes:
        n: Objects explained.
        first: Cause of the first reason -> number of objects; `NONE` where there is none.
        expected: Causes that would be right; empty if that is not known.
        named: Share of the objects with such a cause among the first `LOOKED_AT` reasons, and
            with the right redshift where a redshift belongs to it.
        strong: Share of the objects with a strong reason.
    """

    n: int
    first: dict[str, int]
    expected: tuple[str, ...]
    named: Proportion
    strong: Proportion

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        shares = {"named": self.named.to_list(), "strong": self.strong.to_list()}
        return asdict(self) | {"expected": list(self.expected)} | shares


def name_causes(atlas: Atlas, truth: Truth, *, most: int = 100) -> dict[str, Naming]:
    """Explain objects of each kind and ordinary ones, evenly spaced in the catalogue.

    Args:
        atlas: Whose spectra can be read.
        truth: What its objects are.
        most: Objects of a kind at most; of ordinary ones, `ORDINARY_SHARE` times as many.

    Returns:
        The ordinary kind first, then the others in alphabetical order.
    """
    numbers = {truth.ordinary: ORDINARY_SHARE * most} | dict.fromkeys(truth.counts(), most)
    rows = {kind: _evenly(np.flatnonzero(truth.kinds == kind), n) for kind, n in numbers.items()}
    found: dict[str, list[list[Reason]]] = {kind: [] for kind in rows}
    with tqdm(total=sum(map(len, rows.values())), desc="reasons", unit="spectra",
              disable=not sys.stderr.isatty()) as bar:  # fmt: skip
        for kind, chosen in rows.items():
            for start in range(0, len(chosen), ROWS_AT_ONCE):
                block = chosen[start : start + ROWS_AT_ONCE]
                found[kind] += atlas.explainer.reasons_of(atlas.source, atlas.latents, block)
                bar.update(len(block))
    return {
        kind: tell_naming(kind, reasons, _true_redshifts(atlas, kind, rows[kind]))
        for kind, reasons in found.items()
    }


def tell_naming(
    kind: str, reasons: Sequence[Sequence[Reason]], z: Sequence[float] | None = None
) -> Naming:
    """Return what is named for objects of one kind.

    Args:
        kind: Known kind.
        reasons: Of each object, strongest first.
        z: Redshift of each that the right cause must tell; None = any.
    """
    n, expected = len(reasons), EXPECTED.get(kind, ())
    wanted = [math.nan] * n if z is None else z
    named = [
        any(
            reason.cause in expected and (math.isnan(at) or abs(reason.z - at) < Z_TOLERANCE)
            for reason in one[:LOOKED_AT]
        )
        for one, at in zip(reasons, wanted, strict=True)
    ]
    return Naming(
        n=n,
        first=dict(Counter(one[0].cause if one else NONE for one in reasons).most_common()),
        expected=expected,
        named=wilson(sum(named), n) if expected else Proportion(math.nan, math.nan, math.nan),
        strong=wilson(sum(any(reason.strong for reason in one) for one in reasons), n),
    )


def naming_table(naming: Mapping[str, Naming]) -> str:
    """Return a text: for each kind how often the right cause is named, and what is named first."""
    lines = [
        f"{'reasons':24}{'n':>5}{'strong':>8}{f'right among {LOOKED_AT}':>19}   named first",
    ]
    for kind, one in naming.items():
        share = f"{one.named.value:.2f} ({one.named.low:.2f}-{one.named.high:.2f})"
        first = ", ".join(f"{cause} {number}" for cause, number in one.first.items())
        lines.append(
            f"{kind or 'ordinary':24.24}{one.n:5d}{one.strong.value:8.2f}"
            f"{share if one.expected else '':>19}   {first}"
        )
    return "\n".join(lines)


def _true_redshifts(atlas: Atlas, kind: str, rows: IntArray) -> list[float] | None:
    """Return the redshifts that the right cause must tell, None where they are not known."""
    column = TRUE_REDSHIFT.get(kind)
    for catalog in (atlas.catalog, atlas.source.catalog) if column else ():
        if column in catalog:
            return catalog[column].iloc[rows].astype(float).tolist()
    return None


def _evenly(rows: IntArray, most: int) -> IntArray:
    """Return at most so many rows, evenly spaced."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]
