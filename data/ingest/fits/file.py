"""Reads columns of FITS binary tables, and rows of images, by their bytes.

Per-object spectra come as small files with hundreds of header cards: general readers spend
over 10 ms a file on the headers, this one about 2 ms. It reads the fixed-width columns of binary
tables (FITS standard 4.0, sections 4.4 and 7.3) and checks every size against the file before
reading, so that a cut or hostile file gives an error, not an allocation.
"""

from __future__ import annotations

import gzip
import io
import math
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from data.ingest.fits.header import Field, Header, parsed

BLOCK = 2880
MAX_HEADER_BLOCKS = 2000
MAX_SWELLING = 50
"""Spectra become 2 to 10 times as large when unpacked; more is a mistake or an attack."""
GZIP = b"\x1f\x8b"
"""How gzip files begin."""
MIN_SWOLLEN = 16_000_000
"""Bytes that any compressed file may have when unpacked."""
_END = re.compile(rb"\A(?:.{80})*?END {77}", re.DOTALL)
_DTYPES = {"L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
_IMAGE_DTYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


@dataclass(frozen=True)
class Unit:
    """One header-data unit of an open file: its header, and where its data begin (bytes)."""

    header: Header
    offset: int


class FitsFile:
    """An open FITS file, read from front to back."""

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            ValueError: It is not a FITS file.
        """
        self._handle = _open(path)
        self._size = self._handle.seek(0, io.SEEK_END)
        self._next = 0
        try:
            if self._size == 0:
                raise ValueError("file is empty: 0 bytes")
            self._handle.seek(0)
            if self._handle.read(9) != b"SIMPLE  =":
                raise ValueError(
                    "not a FITS file: it must begin with 'SIMPLE  ='; text is known by .csv, .txt, "
                    ".dat or .ecsv (not packed), tables by .parquet or .hdf5"
                )
        except ValueError:
            self._handle.close()
            raise

    def __enter__(self) -> FitsFile:
        """Return the file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._handle.close()

    def next_unit(self) -> Unit | None:
        """Return the next header-data unit; None at the end of the file."""
        if self._next >= self._size:
            return None
        header, offset = self._read_header(self._next)
        self._next = offset + -(-header.data_size // BLOCK) * BLOCK
        return Unit(header=header, offset=offset)

    def require(self, unit: Unit) -> None:
        """Refuse a file that ends before the data of a unit do.

        Raises:
            ValueError: It does.
        """
        missing = unit.offset + unit.header.data_size - self._size
        if missing > 0:
            kind = "table" if unit.header.n_field else "image"
            raise ValueError(f"truncated FITS file: its {kind} lacks the last {missing} bytes")

    def read(
        self, unit: Unit, names: Sequence[str], *, n_row: int | None = None
    ) -> dict[str, NDArray[Any]]:
        """Return columns of a table, native byte order; names in lower case.

        Args:
            unit: The table.
            names: Columns wanted; those that are not there are left out.
            n_row: Read at most so many rows.

        Raises:
            ValueError: The file ends before the table does, or its header contradicts itself.
        """
        header = unit.header
        width, rows = header.integer("NAXIS1"), header.integer("NAXIS2")
        rows = rows if n_row is None else min(rows, n_row)
        self.require(unit)
        wanted = {name: header.columns[name] for name in names if name in header.columns}
        fields = header.fields
        self._handle.seek(unit.offset)
        raw = self._handle.read(width * rows)
        if n_row is None:
            self._check_sum(header, raw)
        return {
            name: _column(raw, rows=rows, width=width, field=fields[number], header=header)
            for name, number in wanted.items()
        }

    def image(self, unit: Unit, *, first: int = 0, last: int | None = None) -> NDArray[Any]:
        """Return rows of an image along its slowest axis, native byte order.

        Args:
            unit: The image.
            first: Number of the first row.
            last: Number of the row after the last; None reads to the end.

        Raises:
            ValueError: The file ends before the image does, or its header contradicts itself.
        """
        header = unit.header
        n_axis = header.integer("NAXIS")
        shape = [header.integer(f"NAXIS{i}") for i in range(n_axis, 0, -1)]
        dtype = _IMAGE_DTYPES.get(header.integer("BITPIX"))
        if dtype is None or not shape or header.integer("PCOUNT", 0):
            raise ValueError(f"no image: NAXIS is {n_axis}, BITPIX {header.cards.get('BITPIX')}")
        self.require(unit)
        shape[0] = max(min(shape[0] if last is None else last, shape[0]) - first, 0)
        stride = math.prod(shape[1:]) * np.dtype(dtype).itemsize
        self._handle.seek(unit.offset + first * stride)
        raw = self._handle.read(shape[0] * stride)
        values = np.frombuffer(raw, dtype).reshape(shape).astype(np.dtype(dtype).newbyteorder("="))
        return _scale(values, zero=header.cards.get("BZERO"), scale=header.cards.get("BSCALE"))

    def verify(self, unit: Unit) -> None:
        """Compare the data of a unit with their checksum, if the file states one.

        Raises:
            ValueError: They differ.
        """
        if "DATASUM" in unit.header.cards:
            self._handle.seek(unit.offset)
            self._check_sum(unit.header, self._handle.read(unit.header.data_size))

    def _check_sum(self, header: Header, raw: bytes) -> None:
        """Compare the data with their checksum, if the file states one (FITS standard 4.0, J)."""
        try:
            stated = int(header.cards.get("DATASUM", ""))
        except ValueError:
            return
        raw += self._handle.read(-(-header.data_size // BLOCK) * BLOCK - len(raw))
        words = np.frombuffer(raw, ">u4", len(raw) // 4)
        total = int(words.sum(dtype=np.uint64))
        while total >> 32:
            total = (total & 0xFFFFFFFF) + (total >> 32)
        if total != stated:
            raise ValueError(f"damaged: the data do not match their checksum (DATASUM {stated})")

    def _read_header(self, start: int) -> tuple[Header, int]:
        self._handle.seek(start)
        blocks: list[bytes] = []
        while len(blocks) < MAX_HEADER_BLOCKS:
            block = self._handle.read(BLOCK)
            if len(block) < BLOCK:
                raise ValueError("truncated FITS file: it ends inside a header")
            if start and not blocks and not block.startswith(b"XTENSION"):
                raise ValueError(
                    "damaged FITS file: no header begins where the data before it end, so one of "
                    "its headers tells a wrong size"
                )
            blocks.append(block)
            if _END.search(block):
                return parsed(b"".join(blocks)), self._handle.tell()
        raise ValueError(f"damaged FITS header: no END card in {MAX_HEADER_BLOCKS} blocks")


def _open(path: Path) -> BinaryIO:
    if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
        raise ValueError("not a file: it is a pipe, a socket or a device")
    file = path.open("rb")
    if file.read(2) != GZIP:  # whatever its name says
        file.seek(0)
        return file
    file.close()
    longest = max(MIN_SWOLLEN, MAX_SWELLING * path.stat().st_size)
    try:
        with gzip.open(path) as stream:
            content = stream.read(longest + 1)
    except (EOFError, OSError) as error:
        raise ValueError(f"damaged gzip file: {error}") from error
    if len(content) > longest:
        raise ValueError(
            f"damaged gzip file: it swells to more than {longest:,} bytes, "
            f"{MAX_SWELLING} times its size"
        )
    return io.BytesIO(content)


def _column(raw: bytes, *, rows: int, width: int, field: Field, header: Header) -> NDArray[Any]:
    dtype = f"S{max(field.count, 1)}" if field.code == "A" else _DTYPES.get(field.code)
    name = header.cards[f"TTYPE{field.number}"]
    if dtype is None:
        raise ValueError(f"column {name} must hold numbers or text, got TFORM {field.code}")
    shape = (rows,) if field.code == "A" or field.count == 1 else (rows, field.count)
    strides = (width, np.dtype(dtype).itemsize)[: len(shape)]
    if rows == 0 or field.count == 0:
        return np.zeros(shape, dtype=np.dtype(dtype).newbyteorder("="))
    view = np.ndarray(shape, dtype=dtype, buffer=raw, offset=field.start, strides=strides)
    values = view.astype(np.dtype(dtype).newbyteorder("="))
    if field.code in "AL":
        return values
    zero, scale = (header.cards.get(f"{word}{field.number}") for word in ("TZERO", "TSCAL"))
    return _scale(values, zero=zero, scale=scale)


def _scale(values: NDArray[Any], *, zero: str | None, scale: str | None) -> NDArray[Any]:
    """Return values times `scale` plus `zero`; unsigned integers to the last digit.

    FITS has no unsigned 64-bit integers: they are stored less 2^63 (standard 4.0, section 5.2.5).
    """
    factor, offset = float(scale or 1), float(zero or 0)
    if (offset, factor) == (0.0, 1.0):
        return values
    if factor == 1 and values.dtype.kind == "i" and offset == 2.0 ** (8 * values.itemsize - 1):
        unsigned = values.view(np.dtype(f"u{values.itemsize}"))
        return unsigned ^ unsigned.dtype.type(int(offset))
    return values * factor + offset
