"""Headers of FITS files: cards, sizes of data, fields of binary tables (FITS standard 4.0)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

_CARD = re.compile(r"^([A-Z0-9_-]+) *= *('(?:[^'\n]|'')*'|[^ /\n]+)", re.MULTILINE)
_FORM = re.compile(r"^(\d*)([LXBIJKAEDCMPQ])")
_SIZES = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16}


@dataclass(frozen=True)
class Field:
    """One field of a table's rows: its column, type code (TFORM), repeat count, first byte."""

    number: int
    code: str
    count: int
    start: int


class Header:
    """The cards of one header: keyword -> value as text, quotes and padding removed."""

    def __init__(self, raw: bytes) -> None:
        """Parse a header, END card included."""
        text = raw.decode("latin-1").replace("\n", " ")
        lines = "\n".join(text[i : i + 80] for i in range(0, len(text), 80))
        self.cards = {key: value.strip("'").strip() for key, value in _CARD.findall(lines)}

    def integer(self, keyword: str, default: int | None = None) -> int:
        """Return an integer keyword.

        Raises:
            ValueError: It is missing without default, or not a whole number.
        """
        text = self.cards.get(keyword)
        if text is None and default is not None:
            return default
        try:
            return int(text or "")
        except ValueError:
            message = f"damaged FITS header: {keyword} must be a whole number, got {text!r}"
            raise ValueError(message) from None

    @cached_property
    def columns(self) -> dict[str, int]:
        """Column name in lower case -> its number, counted from 1."""
        names = (self.cards.get(f"TTYPE{i}", "") for i in range(1, self.n_field + 1))
        return {name.lower(): i for i, name in enumerate(names, 1) if name}

    @cached_property
    def n_field(self) -> int:
        """Number of columns; 0 if this is not a binary table."""
        table = self.cards.get("XTENSION") == "BINTABLE"
        return min(max(self.integer("TFIELDS", 0), 0), 999) if table else 0

    @cached_property
    def data_size(self) -> int:
        """Bytes of the data (FITS standard 4.0, equation 2)."""
        axes = [self.integer(f"NAXIS{i}") for i in range(1, min(self.integer("NAXIS"), 999) + 1)]
        if any(axis < 0 for axis in axes):
            raise ValueError(f"damaged FITS header: axes must be >= 0, got {axes}")
        n_value = self.integer("PCOUNT", 0) + (math.prod(axes) if axes else 0)
        size = abs(self.integer("BITPIX")) // 8 * self.integer("GCOUNT", 1) * n_value
        if size < 0:
            raise ValueError(f"damaged FITS header: data take {size} bytes")
        return size

    @cached_property
    def fields(self) -> dict[int, Field]:
        """Column number -> the bytes of a row that it takes."""
        fields: dict[int, Field] = {}
        start, width = 0, self.integer("NAXIS1")
        for number in range(1, self.n_field + 1):
            form = self.cards.get(f"TFORM{number}", "")
            match = _FORM.match(form)
            if match is None:
                raise ValueError(f"damaged FITS header: TFORM{number} is {form!r}")
            count, code = int(match[1] or 1), match[2]
            fields[number] = Field(number, code, count, start)
            start += _bytes(code, count)
        if start != width:
            raise ValueError(f"damaged FITS header: columns take {start} bytes of a row of {width}")
        return fields


@lru_cache(maxsize=128)
def parsed(raw: bytes) -> Header:
    """Parse a header; files of one survey share most of theirs."""
    return Header(raw)


def _bytes(code: str, count: int) -> int:
    if code == "X":
        return -(-count // 8)
    if code in "PQ":
        return (8 if code == "P" else 16) * min(count, 1)
    return _SIZES[code] * count
