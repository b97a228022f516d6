"""Cells of tables as text and numbers, whatever type a file gives them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

PLACEHOLDERS = (-1.0, -99.0, -999.0, -9999.0)
"""What tables write where a number is not known."""
EXACT = 2.0**53
"""Floating-point numbers from here on have lost digits: they identify nothing."""


def decoded(value: bytes) -> str:
    """Return bytes as text: UTF-8, or Latin-1 where they are none."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def plain_text(value: Any) -> str:  # noqa: ANN401 - whatever a table cell holds
    """Return a table cell as one line of printable text; markup stays text."""
    text = decoded(value) if isinstance(value, bytes) else str(value)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return text.strip()


def number(value: Any) -> float:  # noqa: ANN401 - whatever a table cell holds
    """Return a table cell as a number; NaN where it holds none. Truth values are none."""
    kind = type(value)
    if kind is float:
        return value
    if kind is bool or kind is np.bool_:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def positive(value: Any) -> float:  # noqa: ANN401 - whatever a table cell holds
    """Return a positive number, or NaN: pipelines write 0 or less where they failed."""
    result = number(value)
    return result if result > 0 else math.nan


def whole_number(value: Any) -> int | None:  # noqa: ANN401 - whatever a table cell holds
    """Return a table cell as an integer; None where it holds none, or one that lost digits."""
    if isinstance(value, bool | np.bool_):
        return None
    if isinstance(value, int | np.integer):
        return int(value)
    known = number(value)
    if not math.isfinite(known) or known != int(known):
        return None
    if isinstance(value, str | bytes):
        return int(value) if plain_text(value).lstrip("+-").isdigit() else None
    return int(known) if abs(known) < EXACT else None
