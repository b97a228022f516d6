"""Cells that a spreadsheet would compute stay text."""

import pytest

from data.export.spreadsheet import as_text


@pytest.mark.parametrize(
    "cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "-note"]
)
def test_a_formula_becomes_text(cell: str) -> None:
    assert as_text(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "-123", "+1.5e-3", "a = b", "'=1", "SDSS J0123-0045", "-inf"])
def test_other_text_and_numbers_stay(cell: str) -> None:
    assert as_text(cell) == cell
