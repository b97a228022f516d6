"""Datasets for the explorer's tests: the tiny atlas, and variants of it."""

from pathlib import Path

import pandas as pd

from explorer.state.dataset import Dataset
from explorer.state.state import ExplorerState
from model.atlas.atlas import Atlas


def open_tiny(path: Path, **columns: object) -> Dataset:
    """Return the dataset of an atlas, with columns of its catalogue replaced or added."""
    atlas = Atlas(path)
    atlas.catalog = atlas.catalog.assign(**columns)
    return Dataset(atlas)


def new_state(path: Path, **columns: object) -> ExplorerState:
    """Return a session's state on an atlas."""
    return ExplorerState(open_tiny(path, **columns))


def catalog_of(path: Path) -> pd.DataFrame:
    """Return the catalogue of an atlas."""
    return pd.read_parquet(path / "catalog.parquet")
