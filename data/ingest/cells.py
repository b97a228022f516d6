"""Cells of tables as text and numbers, whatever type a file gives them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

PLACEHOLDERS = (-1.0, -99.0, -999.0, -9999.0)
"""What tables write where a number is not known."""


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


def in_range(facts: Mapping[str, Any], limits: Mapping[str, tuple[float, float]]) -> None:
    """Refuse facts that can not be true; missing ones and placeholders pass.

    Args:
        facts: Name -> number.
        limits: Name -> lowest and highest value possible.

    Raises:
        ValueError: One lies outside its limits.
    """
    for name, (low, high) in limits.items():
        value = number(facts.get(name))
        if value not in PLACEHOLDERS and (value < low or value > high):
            raise ValueError(f"damaged: {name} must be {low:g} to {high:g}, got {value:g}")
