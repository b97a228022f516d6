"""Rows of DESI tables, by column names in lower case."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_integers(targets: NDArray[Any], source: str) -> None:
    """Refuse identifiers that may have lost digits.

    Raises:
        ValueError: They are no integers.
    """
    if targets.dtype.kind not in "iu" or targets.ndim != 1:
        raise ValueError(
            f"bad identifiers: TARGETID of {source} must hold 64-bit integers, got "
            f"{targets.dtype}; others lose their last digits"
        )


def cell(row: np.void | None, name: str) -> Any:  # noqa: ANN401 - a value of any type
    """Return a value of a row; None where there is no row, or no such column."""
    return row[name] if row is not None and name in (row.dtype.names or ()) else None


def lower_names(table: NDArray[Any]) -> NDArray[Any]:
    """Return a table with its column names in lower case."""
    table.dtype.names = tuple(name.lower() for name in table.dtype.names or ())
    return table
