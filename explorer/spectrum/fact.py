"""A value of a catalogue as short text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def fact(value: Any, name: str = "") -> str:  # noqa: ANN401
    """Return a catalogue value as short text; empty where missing.

    Args:
        value: The cell.
        name: Its column; positions have 6 decimals, 0.004 arcsec.
    """
    if isinstance(value, str):
        return value.strip()
    if value is None or pd.isna(value):
        return ""
    if name in ("ra", "dec"):
        return f"{value:.6f}".replace("-", "\N{MINUS SIGN}")
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}".replace("-", "\N{MINUS SIGN}", 1) if value < 0 else f"{value:.6g}"
    return str(value)
