"""Rows of the catalogue as an Astropy table, of types that FITS and VOTable have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from astropy.table import Column, MaskedColumn, Table

from data.arrays import IndexArray
from data.columns import column
from explorer.state.dataset import Dataset


def as_table(dataset: Dataset, rows: IndexArray) -> Any:  # noqa: ANN401 - a Table
    """Return rows of the catalogue as an Astropy table: units, descriptions, missing values masked.

    Text stays text, so that a 19-digit targetid keeps every digit.
    """
    selected = dataset.catalog.iloc[rows]
    columns = [_column(dataset, str(name), selected[name]) for name in selected]
    table: Any = Table(columns)
    table.meta["atlas"] = dataset.name
    table.meta["objects"] = len(rows)
    return table


def _column(dataset: Dataset, name: str, values: Any) -> Any:  # noqa: ANN401 - a Column
    known = column(name)
    meaning = known.description or dataset.added.get(name) or dataset.label(name)
    options: dict[str, Any] = {"name": name, "description": meaning, "unit": known.unit or None}
    if pd.api.types.is_bool_dtype(values) and not values.isna().any():
        return Column(values.to_numpy(bool), **options)
    if pd.api.types.is_numeric_dtype(values):
        missing = values.isna().to_numpy()
        if pd.api.types.is_float_dtype(values):
            dtype = np.result_type(values.to_numpy(na_value=np.nan).dtype, np.float32)
            return Column(values.to_numpy(dtype, na_value=np.nan), **options)
        filled = _signed(values.fillna(values.dtype.type(0)).to_numpy())
        if not missing.any():
            return Column(filled, **options)
        if filled.dtype.kind == "i":  # the fill value stands for missing in FITS
            return MaskedColumn(
                filled, mask=missing, fill_value=np.iinfo(filled.dtype).min, **options
            )
    text = ["" if pd.isna(value) else str(value) for value in values]
    return Column(np.array(text, dtype=str) if text else np.array([], dtype="U1"), **options)


def _signed(values: Any) -> Any:  # noqa: ANN401 - an array
    """Return integers of a type that both FITS and VOTable have: 16, 32 or 64 bits, signed.

    Flags become 0 and 1. Identifiers that need the 64th bit become text.
    """
    wide = np.result_type(values.dtype, np.int16)
    if wide.kind != "f":
        return values.astype(wide)
    return values.astype(np.int64 if values.max(initial=0) < 2**63 else str)
