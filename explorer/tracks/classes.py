"""Which objects a track is made of: classes of the pipeline, and those that lines tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray
from data.lines.classes import BROAD_AGN, CLASSES, EMISSION_LINE, NARROW_AGN, QUIESCENT
from explorer.state.dataset import Dataset

ALL = "all"
SEPARATOR = " | "
STARS = SEPARATOR.join((QUIESCENT, EMISSION_LINE))
AGN = SEPARATOR.join((NARROW_AGN, BROAD_AGN))
"""The masks of Portillo+2020, section 3.2: its tracks of star formation, and of active nuclei."""


def choices(dataset: Dataset) -> list[str]:
    """Return the classes to choose from: all, those of the pipeline, those that lines tell."""
    names = list(dataset.classes("class").names) if "class" in dataset.class_columns else []
    by_lines = [STARS, AGN, *CLASSES] if line_classes(dataset) is not None else []
    return list(dict.fromkeys([ALL, *names, *by_lines]))


def rows_of(dataset: Dataset, chosen: str) -> BoolArray:
    """Return which objects belong to a choice, shape (n_object,)."""
    if chosen == ALL:
        return np.ones(len(dataset), dtype=bool)
    found = line_classes(dataset)
    parts = chosen.split(SEPARATOR)
    if found is not None and set(parts) <= set(CLASSES):
        return np.isin(found.astype(str), parts)
    classes = dataset.classes("class")
    return classes.codes == classes.names.index(chosen)


def line_classes(dataset: Dataset) -> NDArray[np.object_] | None:
    """Return the class of each object by its lines; the model's where the spectrum tells none.

    None in an atlas of before they were measured.
    """
    if not {"line_class_data", "line_class_model"} <= set(dataset.catalog):
        return None
    seen, decoded = (
        dataset.catalog[f"line_class_{where}"].fillna("").to_numpy(object)
        for where in ("data", "model")
    )
    return np.where(seen == "", decoded, seen)
