"""Of which classes a group of objects consists, beside another."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

from data.arrays import BoolArray
from explorer.state.dataset import Dataset

MOST_LISTED = 20
"""Classes with a line of their own; rarer ones share one."""


@dataclass(frozen=True)
class Share:
    """One class.

    Attributes:
        name: The class.
        first: Objects of the first group.
        second: Objects of the second.
    """

    name: str
    first: int
    second: int


def composition(dataset: Dataset, column: str, first: BoolArray, second: BoolArray) -> list[Share]:
    """Count the classes of two groups, in the order of the atlas; empty ones are left out.

    Rare classes share a line, and so do objects without a value.
    """
    classes = dataset.classes(column)
    length = len(classes.names) + 1
    counts = [
        np.bincount(classes.codes[mask].astype(np.int64) + 1, minlength=length)
        for mask in (first, second)
    ]
    shares = [
        Share(name, int(counts[0][rank + 1]), int(counts[1][rank + 1]))
        for rank, name in enumerate(classes.names[:MOST_LISTED])
    ]
    rest = [int(count[MOST_LISTED + 1 :].sum()) for count in counts]
    shares.append(Share(f"{max(classes.n_value - MOST_LISTED, 0)} rarer classes", *rest))
    shares.append(Share("no value", int(counts[0][0]), int(counts[1][0])))
    return [share for share in shares if share.first or share.second]


def composition_html(shares: list[Share], names: tuple[str, str]) -> str:
    """Return a table with a bar for each share.

    Args:
        shares: Of both groups.
        names: Of the groups; the second is empty if there is one only.
    """
    both = bool(names[1])
    totals = [max(sum(getattr(share, end) for share in shares), 1) for end in ("first", "second")]
    headings = ("", *names, "share", "ratio") if both else ("", names[0], "share")
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    rows = ""
    for share in shares:
        parts = share.first / totals[0], share.second / totals[1]
        ratio = f"{parts[0] / parts[1]:.2f}" if parts[1] else "–"
        second = f"<td>{share.second:,} · {100 * parts[1]:.1f} %</td>" if both else ""
        bars = "".join(
            f'<div class="bar {end}" style="width:{100 * part:.2f}%"></div>'
            for end, part in zip(("first", "second") if both else ("first",), parts, strict=False)
        )
        rows += (
            f"<tr><th>{escape(share.name[:40])}</th>"
            f"<td>{share.first:,} · {100 * parts[0]:.1f} %</td>"
            f'{second}<td class="wide">{bars}</td>{f"<td>{ratio}</td>" if both else ""}</tr>'
        )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
