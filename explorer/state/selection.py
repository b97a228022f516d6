"""Which objects pass the filters, and which lie inside a region drawn on the map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely

from data.arrays import BoolArray
from explorer.state.calculated import calculate, read_expression
from explorer.state.dataset import Dataset
from explorer.state.planes import plane_of

NO_VALUE = ""
"""Stands in a list of classes for the objects that have none."""


def passing(dataset: Dataset, filters: Mapping[str, Any]) -> BoolArray | None:
    """Return which objects pass every filter, or None where there is no filter.

    Args:
        dataset: The atlas.
        filters: Column -> (low, high), both included, or column -> list of class names. An
            object without a value passes (low, high, True), and a list that holds `NO_VALUE`.
            Or a condition, as `calculated.calculate` reads it, -> True.

    Raises:
        ValueError: A column is not there, a filter is neither a range nor a list, or a condition
            can not be read.
    """
    mask: BoolArray | None = None
    for column, wanted in filters.items():
        if column in dataset.class_columns and isinstance(wanted, list):
            classes = dataset.classes(column)
            codes = [code for code, name in enumerate(classes.names) if name in wanted]
            passes = np.isin(classes.codes, [*codes, -1] if NO_VALUE in wanted else codes)
        elif column in dataset.numeric_columns and _is_range(wanted):
            values = dataset.numeric(column)
            low, high = np.asarray(wanted[:2], dtype=values.dtype)
            passes = (values >= low) & (values <= high)
            if len(wanted) == 3 and wanted[2]:
                passes |= np.isnan(values)
        elif wanted is True:
            passes = calculate(dataset, column).passes
        else:
            raise ValueError(
                f"a filter must be (low, high) on a column of numbers or a list of classes, "
                f"got {column!r}: {wanted!r}"
            )
        mask = passes if mask is None else mask & passes
    return mask


def applies(dataset: Dataset, column: str, wanted: Any) -> bool:  # noqa: ANN401
    """Return whether a dataset has what a filter needs."""
    if wanted is not True:
        return column in dataset.numeric_columns or column in dataset.class_columns
    try:
        read_expression(dataset, column)
    except ValueError:
        return False
    return True


def region_applies(dataset: Dataset, region: Mapping[str, Any]) -> bool:
    """Return whether a dataset has what a region needs."""
    if "condition" in region:
        return applies(dataset, str(region["condition"]), True)
    key = region.get("plane")
    columns = [region["column"]] if "column" in region else key if isinstance(key, list) else []
    return set(columns) <= set(dataset.numeric_columns)


def _is_range(wanted: Any) -> bool:  # noqa: ANN401 - whatever an address holds
    return (
        isinstance(wanted, (list, tuple))
        and len(wanted) in (2, 3)
        and all(isinstance(limit, (int, float)) for limit in wanted[:2])
        and all(isinstance(missing, bool) for missing in wanted[2:])
    )


def inside_region(dataset: Dataset, region: Mapping[str, Any]) -> BoolArray:
    """Return which objects lie inside a region, or outside if it has `outside`: True.

    Args:
        dataset: The atlas.
        region: A polygon: `plane` (its key, or two columns), `x` and `y` (the vertices, at least
            3); a range of a column: `column`, `low`, `high`; or a `condition`, as
            `calculated.calculate` reads it.

    Raises:
        ValueError: It is none of these, or a number of it is not finite.
    """
    if "condition" in region:
        inside = calculate(dataset, str(region["condition"])).passes
    elif "column" in region:
        limits = (region["low"], region["high"])
        inside = passing(dataset, {str(region["column"]): limits})
        assert inside is not None
    else:
        inside = _inside_polygon(dataset, region)
    return ~inside if region.get("outside") else inside


def _inside_polygon(dataset: Dataset, region: Mapping[str, Any]) -> BoolArray:
    x, y = (np.asarray(region[axis], dtype=float) for axis in "xy")
    if len(x) < 3 or len(x) != len(y) or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(f"a region needs at least 3 finite vertices, got {len(x)}")
    key = region["plane"]
    columns = tuple(map(str, key)) if isinstance(key, (list, tuple)) else ()

    def make() -> BoolArray:
        plane = plane_of(dataset, key)
        near = (plane.x >= x.min()) & (plane.x <= x.max())
        near &= (plane.y >= y.min()) & (plane.y <= y.max())
        rows = np.flatnonzero(near)
        polygon = shapely.make_valid(shapely.Polygon(np.column_stack([x, y])))
        shapely.prepare(polygon)
        near[rows] = shapely.contains_xy(polygon, plane.x[rows], plane.y[rows])
        return near

    return dataset.remember(f"{key} {x.tolist()} {y.tolist()}", columns, make)
