"""What objects are known to be: a column of the atlas, or of a table of the user's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data.ingest.catalog.table_file import read_table_file
from model.outliers.recovery import ALL

INJECTED = "outlier_kind"
"""Column of a mock survey that says what was made strange."""
MOST_KINDS = 60


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Known kinds.

    Attributes:
        column: Where they come from.
        kinds: Of each object, text, shape (n_galaxy,); empty where nothing is said.
        ordinary: The kind that is not looked for.
    """

    column: str
    kinds: np.ndarray
    ordinary: str

    def counts(self) -> dict[str, int]:
        """Return the number of objects of each kind looked for."""
        names, numbers = np.unique(self.kinds[self.kinds != self.ordinary], return_counts=True)
        return dict(zip(names.tolist(), numbers.tolist(), strict=True))


def read_truth(
    catalog: pd.DataFrame, *, column: str = "", ordinary: str | None = None,
    table: Path | None = None,
) -> Truth:  # fmt: skip
    """Return what is known of the objects of a catalogue.

    Args:
        catalog: Of the atlas.
        column: Column of the kinds; empty = `INJECTED`, or `kind` of the table, or its `class`
            (which the explorer's labels have).
        ordinary: The kind that is not looked for; None = nothing said (empty) if that occurs,
            else the commonest.
        table: Table with `object_id` and the column; objects that it lacks have no kind.

    Raises:
        ValueError: There is no such column, or it holds no kinds.
    """
    frame = catalog
    if table is not None:
        frame = _joined(catalog, read_table_file(table), str(table))
    usual = INJECTED if table is None else "class" if "kind" not in frame else "kind"
    column = column or usual
    if column not in frame:
        words = [name for name in frame if frame[name].dtype.kind not in "fc"]
        raise ValueError(
            f"{table or 'the atlas'} has no column {column!r} of kinds, it has "
            + ", ".join(map(str, words))
        )
    kinds = _as_text(pd.Series(frame[column]))
    names, counts = np.unique(kinds, return_counts=True)
    if len(names) > MOST_KINDS:
        raise ValueError(
            f"{column} has {len(names)} different values, at most {MOST_KINDS} kinds can be told "
            "apart; choose a column of classes"
        )
    if ordinary is None:
        ordinary = "" if "" in names else str(names[counts.argmax()])
    if ordinary not in names or len(names) < 2:
        raise ValueError(f"{column} must hold {ordinary!r} and other kinds, got {names.tolist()}")
    if ALL in names:
        raise ValueError(f"no kind may be called {ALL!r}")
    return Truth(column=column, kinds=kinds, ordinary=ordinary)


def _as_text(values: pd.Series) -> np.ndarray:
    text = values.astype("string").str.strip()
    return text.mask(text == "False", "").fillna("").to_numpy(object).astype(str)


def _joined(catalog: pd.DataFrame, table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the table's rows in the order of the catalogue's."""
    if "object_id" not in table:
        raise ValueError(f"--catalog {name} must have a column object_id, got {list(table)}")
    table = table.assign(object_id=table["object_id"].astype("string"))
    repeated = table.loc[table["object_id"].duplicated(), "object_id"]
    if len(repeated):
        raise ValueError(f"--catalog {name} names {repeated.iloc[0]} twice; keep one of the rows")
    ids = catalog["object_id"].astype("string")
    if not bool(table["object_id"].isin(ids).any()):
        raise ValueError(f"--catalog {name} has no object of the atlas, whose ids are as {ids[0]}")
    return table.set_index("object_id").reindex(ids).reset_index()
