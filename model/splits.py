"""Which objects train, validate and test: by hash of the object's id, the same in every survey."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import BoolArray, IndexArray
from data.sky import SHARED_LIGHT, object_groups
from data.spectra import SpectrumSource

TRAIN_SHARE, VALID_SHARE = 0.70, 0.15
"""Shares of the training and validation sets; the rest is the test set (Liang+2022, section 3)."""
SPLIT_RULE = (
    "blake2b-64(object_id) / 2^64 < 0.70 train, < 0.85 valid, else test; observations within "
    f"{SHARED_LIGHT:g} arcsec share the smallest object_id"
)


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Row numbers of a source, increasing, of each part.

    Attributes:
        train: What the model learns from, shape (n_train,).
        valid: What decides which weights are kept, shape (n_valid,).
        test: What neither has seen, shape (n_test,).
        left_out: Reasons and counts of the rows in no part.
    """

    train: IndexArray
    valid: IndexArray
    test: IndexArray
    left_out: dict[str, int]

    def sets(self) -> dict[str, IndexArray]:
        """Return the three parts by name."""
        return {"train": self.train, "valid": self.valid, "test": self.test}


def split_source(source: SpectrumSource, *, object_class: str, rest_first: float) -> Splits:
    """Divide the objects of a source 70/15/15.

    Args:
        source: Where the spectra are.
        object_class: Keep objects of this class (column `class`, where it is given), or `any`.
        rest_first: First wavelength of the rest frame, Angstrom: an object so far redshifted
            that it shows nothing of the rest frame is left out.
    """
    catalog = source.catalog
    z = catalog["z"].to_numpy(float)
    wrong_class = _is_other_class(catalog, object_class)
    last = np.repeat(
        [part.grid.wave[-1] for part in source.parts],
        [part.stop - part.start for part in source.parts],
    )
    outside = ~((z > -0.1) & (last > rest_first * (1 + z)))
    usable = np.flatnonzero(~wrong_class & ~outside)
    part = parts(catalog, usable)
    return Splits(
        train=usable[part == 0],
        valid=usable[part == 1],
        test=usable[part == 2],
        left_out={
            f"class is not {object_class}": int(wrong_class.sum()),
            "redshift unknown or outside the rest frame": int((outside & ~wrong_class).sum()),
        },
    )


def evenly(rows: IndexArray, limit: int) -> IndexArray:
    """Return at most `limit` of some rows, evenly spaced."""
    if len(rows) <= limit:
        return rows
    return rows[np.linspace(0, len(rows) - 1, limit).round().astype(np.int64)]


def parts(catalog: pd.DataFrame, rows: IndexArray) -> NDArray[np.int8]:
    """Return 0 (train), 1 (valid) or 2 (test) of each of some catalogue rows, shape of `rows`."""
    ids = catalog["object_id"].astype(str).to_numpy()[rows]
    if {"ra", "dec"} <= set(catalog.columns):
        ra, dec = (catalog[name].to_numpy(float)[rows] for name in ("ra", "dec"))
        objects = object_groups(ra, dec, radius=SHARED_LIGHT)
        ids = pd.Series(ids).groupby(objects).transform("min").to_numpy()
    share = np.fromiter((_fraction(item) for item in ids), float, len(ids))
    return np.searchsorted([TRAIN_SHARE, TRAIN_SHARE + VALID_SHARE], share, side="right").astype(
        np.int8
    )


def _fraction(object_id: str) -> float:
    digest = blake2b(object_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _is_other_class(catalog: pd.DataFrame, object_class: str) -> BoolArray:
    if object_class == "any" or "class" not in catalog:
        return np.zeros(len(catalog), dtype=bool)
    given = catalog["class"].astype("string").str.strip().str.upper()
    return (given.notna() & (given != "") & (given != object_class.upper())).to_numpy(bool)
