"""Cells of tables as text and numbers, whatever type a file gives them."""

from __future__ import annotations

import math
from typing import Any


def plain_text(value: Any) -> str:  # noqa: ANN401 - whatever a table cell holds
    """Return a table cell as one line of printable text; markup stays text."""
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return "".join(c if c.isprintable() else " " for c in text).strip()


def number(value: Any) -> float:  # noqa: ANN401 - whatever a table cell holds
    """Return a table cell as a number; NaN where it holds none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def positive(value: Any) -> float:  # noqa: ANN401 - whatever a table cell holds
    """Return a positive number, or NaN: pipelines write 0 or less where they failed."""
    result = number(value)
    return result if result > 0 else math.nan
