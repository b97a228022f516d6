"""Columns and conditions that a user writes as expressions of the columns of an atlas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import BoolArray, FloatArray
from explorer.expressions.evaluation import (
    CONDITION,
    CONSTANTS,
    FUNCTIONS,
    NUMBER,
    TEXT,
    Value,
    evaluate,
    words,
)
from explorer.expressions.syntax import WORDS, Syntax, read
from explorer.state.dataset import CLASS, DENSITY, GRADE, NOTE, SELECTION, Dataset
from explorer.state.plane import AXES, LATENTS

RESERVED = (
    *WORDS, *FUNCTIONS, *CONSTANTS, DENSITY, LATENTS, AXES, SELECTION, GRADE, CLASS, NOTE,
)  # fmt: skip
"""Names that mean something by themselves."""
LARGEST = 3e38
"""Larger numbers are missing: colours and filters work in single precision."""


@dataclass(frozen=True)
class Calculated:
    """What an expression gives for each object.

    Attributes:
        values: NaN where it can not be computed; of a condition 1 or 0; shape (n_object,).
        is_condition: It is true or false.
    """

    values: FloatArray
    is_condition: bool

    @property
    def passes(self) -> BoolArray:
        """The objects for which the condition is surely true.

        Raises:
            ValueError: It is no condition.
        """
        if not self.is_condition:
            raise ValueError("a filter needs a condition: compare with < > == or in")
        return self.values == 1


def calculate(dataset: Dataset, text: str) -> Calculated:
    """Compute an expression; slow the first time (tens of milliseconds at a million objects).

    Args:
        dataset: Of the session.
        text: The expression.

    Raises:
        ValueError: It can not be read or computed, or has no value for any object.
    """
    syntax = read_expression(dataset, text)

    def make() -> Calculated:
        value = evaluate(syntax, lambda name: _column(dataset, name))
        if value.kind == TEXT:
            raise ValueError("this is text; compare it, as in class == 'QSO'")
        values = np.broadcast_to(np.asarray(value.data, dtype=float), (len(dataset),))
        if value.kind == NUMBER:
            values = np.where(np.abs(values) < LARGEST, values, np.nan)
            if np.isnan(values).all():
                raise ValueError("this has no value for any object")
        return Calculated(values, value.kind == CONDITION)

    return dataset.remember(text, tuple(syntax.columns.values()), make)


def calculate_all(
    dataset: Dataset, columns: Mapping[str, str], *, replacing: Iterable[str] = ()
) -> dict[str, FloatArray]:
    """Compute columns, each of which may use those before it; the dataset stays as it is.

    Args:
        dataset: Of the session.
        columns: Name -> expression.
        replacing: Names of columns added before, which these take the place of.

    Raises:
        ValueError: A name means something else, or an expression can not be computed.
    """
    trial = dataset.trial()
    trial.conditions = {}  # selections follow from columns, not columns from selections
    for name in replacing:
        trial.remove(name)
    for name, text in columns.items():
        check_name(trial, name)
        if name in dataset.conditions:
            raise ValueError(f"{name!r} is a selection; choose another name")
        try:
            trial.add(name, calculate(trial, text).values, meaning=text)
        except ValueError as error:
            raise ValueError(f"{name}: {error}" if len(columns) > 1 else str(error)) from None
    return {name: trial.catalog[name].to_numpy() for name in columns}


def columns_that_work(
    dataset: Dataset, columns: Mapping[str, str], *, replacing: Iterable[str]
) -> dict[str, str]:
    """Return the columns that can be computed; arguments as of `calculate_all`."""
    return that_work(columns, lambda some: calculate_all(dataset, some, replacing=replacing))


def read_expression(dataset: Dataset, text: str) -> Syntax:
    """Read an expression of what a dataset has.

    Raises:
        ValueError: It can not be read.
    """
    names = [*dataset.numeric_columns, *dataset.class_columns, *dataset.conditions]
    names += [str(name) for name in dataset.catalog.columns if name not in names]
    return read(text, columns=names, functions=(*FUNCTIONS, *CONSTANTS))


def check_name(dataset: Dataset, name: str) -> None:
    """Refuse a name that a new column can not have.

    Raises:
        ValueError: It means something else already.
    """
    if name in RESERVED or name in dataset.conditions:
        raise ValueError(f"{name!r} means something else here; choose another name")
    if name in dataset.added:
        raise ValueError(f"{name!r} is there already; choose another name")
    if name in dataset.catalog:
        raise ValueError(f"{name!r} is a column of the atlas; choose another name")


def _column(dataset: Dataset, name: str) -> Value:
    """Return a column in double precision, or a text as codes."""
    if name in dataset.conditions:
        return Value(CONDITION, dataset.conditions[name].astype(float))
    classes = dataset.classes(name) if name in dataset.class_columns else None
    if classes is not None and classes.n_value == len(classes.names):
        return words(classes.codes.astype(np.int64), classes.names)
    column: Any = dataset.catalog[name]
    is_text = not pd.api.types.is_numeric_dtype(column) or name in dataset.kinds.identifiers
    if is_text:
        return words(*dataset.keep(("words",), lambda: _codes(column), columns=(name,)))
    values = column.to_numpy(float, na_value=np.nan)
    return Value(NUMBER, np.where(np.isfinite(values), values, np.nan))


def _codes(column: pd.Series) -> tuple[np.ndarray, tuple[str, ...]]:
    text = column.astype("string").str.strip().replace("", pd.NA)
    codes, names = pd.factorize(text)
    return codes.astype(np.int64), tuple(str(name) for name in names)


def that_work(items: Mapping[str, Any], compute: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Return the items that can be computed, each of which may use those before it."""
    kept: dict[str, Any] = {}
    for name, item in items.items():
        try:
            compute({**kept, name: item})
        except ValueError:
            continue
        kept[name] = item
    return kept
