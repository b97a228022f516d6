"""Text that spreadsheets would compute: in a CSV table, a cell that begins with = is a formula."""

from __future__ import annotations

STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a formula begins with (OWASP, CSV injection)."""


def as_text(cell: str) -> str:
    """Return a cell of free text with ' before what would be a formula; numbers stay.

    Identifiers must not go through this: they are to be found again as they are.
    """
    return f"'{cell}" if cell.startswith(STARTS) and not _is_number(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
