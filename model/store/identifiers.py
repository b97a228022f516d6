"""The ids of objects: text of a row, row of a text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast, overload

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


class Identifiers:
    """`object_id` of each row, as text.

    They stay where the catalogue has them: 40 million would take 7 GB as text of Python and as a
    dictionary of rows. To find some takes a look at all, 0.2 s at 40 million.

    Example:
        >>> ids = Identifiers(pd.Series(["a", "b"]))
        >>> ids[1], ids.row("b"), ids.row("c")
        ('b', 1, None)
    """

    def __init__(self, column: pd.Series) -> None:
        """Take the column of the catalogue; whole numbers become text."""
        text = column if pd.api.types.is_string_dtype(column) else column.astype(str)
        array = pa.array(text, from_pandas=True)
        self.text: Any = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.text)

    @overload
    def __getitem__(self, rows: int | np.integer) -> str: ...
    @overload
    def __getitem__(self, rows: NDArray[np.integer] | list[int] | slice) -> NDArray[np.object_]: ...
    def __getitem__(
        self, rows: int | np.integer | NDArray[np.integer] | list[int] | slice
    ) -> str | NDArray[np.object_]:
        """Return the id of a row, or the ids of some."""
        if isinstance(rows, slice):
            return self.text[rows].to_numpy(zero_copy_only=False)
        if isinstance(rows, (int, np.integer)):
            return str(self.text[int(rows)].as_py())
        wanted = pa.array(np.asarray(rows, dtype=np.int64))
        return self.text.take(wanted).to_numpy(zero_copy_only=False)

    def row(self, object_id: str) -> int | None:
        """Return the row of an object, the first of several, or None where there is none."""
        value = pa.scalar(object_id, self.text.type)
        found = cast("Any", pc).index(self.text, value).as_py()
        return None if found < 0 else int(found)

    def matching(self, pattern: str) -> int | None:
        """Return the first row whose id is all that a regular expression (RE2) describes."""
        pattern = f"^(?:{pattern})$"
        matches = cast("Any", pc).match_substring_regex(self.text, pattern=pattern)
        found = cast("Any", pc).index(matches, True).as_py()
        return None if found < 0 else int(found)

    def rows(self, object_ids: Iterable[str]) -> dict[str, int]:
        """Return id -> row of those objects that are there."""
        wanted = list(dict.fromkeys(object_ids))
        if not wanted:
            return {}
        compute: Any = pc
        of_wanted = compute.index_in(self.text, value_set=pa.array(wanted, self.text.type))
        there = np.flatnonzero(compute.is_valid(of_wanted).to_numpy(zero_copy_only=False))
        found = {}
        for row in there[::-1].tolist():  # the first of several last
            found[wanted[of_wanted[row].as_py()]] = row
        return found
