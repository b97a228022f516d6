"""Measured features of spectra as a small HTML table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from data.columns import column

FEATURES = (
    "d4000", "ew_halpha", "ew_nii", "ew_hbeta", "ew_oiii", "ew_oii", "hdelta_a", "fwhm_halpha",
)  # fmt: skip
"""Columns of `model.tracks.trends.trends` that the page shows."""

ROUNDING = 1e-5
TABLE_STYLE = """
:host {font-size: 12px}
table {border-collapse: collapse; font-variant-numeric: tabular-nums}
th, td {padding: 2px 9px 2px 0; text-align: right; white-space: nowrap; font-weight: 400}
th:first-child, td:first-child {text-align: left}
thead th {border-bottom: 1px solid rgba(128,128,128,.5); opacity: .8}
tbody th {opacity: .8}
small {opacity: .65}
"""
UPRIGHT_STYLE = f"""
:host {{container-type: inline-size}}
@container (max-width: 540px) {{
  table {{display: grid; grid-template-rows: repeat({len(FEATURES) + 1}, auto);
    grid-auto-flow: column; justify-content: start}}
  thead, tbody, tr {{display: contents}}
  thead th {{text-align: left; border: 0}}
}}
"""
"""Turns a table of all features by its side where a line of it has no room."""


def number(value: float, *, digits: int = 3) -> str:
    """Return a number with a true minus sign, a dash where there is none."""
    if not np.isfinite(value):
        return "\N{EN DASH}"
    return f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table; cells are escaped, the first of a row is its heading."""
    top = "".join(f"<th scope=col>{escape(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr><th scope=row>{escape(row[0])}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def compared(start: Mapping[str, float], now: Mapping[str, float]) -> str:
    """Return a table of the features of two spectra and how they differ."""
    names = [column(name).title for name in FEATURES]
    rows = [
        ["start", *(number(start[name]) for name in FEATURES)],
        ["now", *(number(now[name]) for name in FEATURES)],
        ["change", *(number(_change(start[name], now[name])) for name in FEATURES)],
    ]
    return table(["", *names], rows)


def _change(start: float, now: float) -> float:
    """Return the change; 0 for what is only the rounding of a decoder in single precision."""
    return 0.0 if abs(now - start) <= ROUNDING * abs(start) else now - start
