"""A value of a catalogue as short text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

MOST_DECIMALS = 6
"""Decimals of a value with an error; smaller errors are written as powers of ten."""


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


def measured(value: float, error: float) -> str:
    """Return a value with its 1 sigma error, to the error's second digit where it has decimals."""
    decimals = max(0, 1 - math.floor(math.log10(error)))
    if decimals > MOST_DECIMALS:
        return f"{fact(value)} ± {error:.2g}"
    return f"{value:.{decimals}f} ± {error:.{decimals}f}".replace("-", "\N{MINUS SIGN}")
