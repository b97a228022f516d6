"""Filters: ranges of numbers and choices of classes, with live counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from explorer.controls import class_filter, range_filter
from explorer.controls.class_filter import ClassFilter
from explorer.controls.compact import COMPACT
from explorer.controls.expression_field import ExpressionField
from explorer.controls.range_filter import RangeFilter
from explorer.state.calculated import calculate
from explorer.state.selection import passing
from explorer.state.state import ExplorerState
from explorer.theme.text import line

Part = RangeFilter | ClassFilter | ExpressionField
"""What shows one filter."""


class FiltersView(pn.viewable.Viewer):
    """Lets the user add and remove filters; writes `state.filters`."""

    def __init__(self, state: ExplorerState) -> None:
        """Show the filters the state has."""
        super().__init__()
        self._state = state
        dataset = state.dataset
        self.add = pmui.Select(label="", options=self._options(), value="", **COMPACT)
        self.add.param.watch(self._on_add, "value")
        self.clear = pmui.Button(
            label="clear all", size="small", variant="text", visible=False, margin=(0, 10),
            on_click=lambda _event: state.param.update(filters={}),
        )  # fmt: skip
        left_out = [f"{name} ({count:,} values)" for name, count in dataset.kinds.left_out.items()]
        self.left_out = line(
            f"Not offered: {', '.join(left_out)}.", margin=(0, 10), visible=bool(left_out)
        )
        self.nothing = line(
            "Nothing passes: widen a range, tick a box or clear all.", margin=(0, 10)
        )
        self.rows = pn.Column(sizing_mode="stretch_width", margin=0)
        self._parts: dict[str, Part] = {}
        state.param.watch(lambda *_: self._follow(), "filters")
        state.param.watch(lambda *_: self._warn(), "shown")
        state.param.watch(lambda *_: self._follow_added(), "added")
        self._follow()
        self._warn()

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the filters above the menu that adds one."""
        return pn.Column(
            self.rows,
            self.nothing,
            self.add,
            self.left_out,
            self.clear,
            sizing_mode="stretch_width",
            margin=0,
        )

    def _options(self) -> dict[str, str]:
        dataset = self._state.dataset
        columns = [*dataset.class_columns, *dataset.numeric_columns]
        return {
            "Add a filter \N{HORIZONTAL ELLIPSIS}": "",
            **{dataset.label(name): name for name in columns},
        }

    def _follow_added(self) -> None:
        """Offer the columns that there are now; those added may have other values."""
        self.add.options = self._options()
        for column in set(self._parts) & set(self._state.dataset.added):
            del self._parts[column]
        self._follow()

    def _on_add(self, event: Any) -> None:  # noqa: ANN401 - param's event
        column, state = event.new, self._state
        if column and column not in state.filters:
            of_words = column in state.dataset.class_columns
            kind = class_filter if of_words else range_filter
            state.filters = {**state.filters, column: kind.everything(state.dataset, column)}
        self.add.value = ""

    def _follow(self) -> None:
        """Make widgets for each filter, keep those that are there."""
        filters = self._state.filters
        for column, value in filters.items():
            part = self._parts.get(column) or self._part(column)
            self._parts[column] = part
            if isinstance(part, ExpressionField):
                part.fill(column)
            elif isinstance(part, ClassFilter):
                others = {name: value for name, value in filters.items() if name != column}
                part.fill(value, passing(self._state.dataset, others))
            else:
                part.fill(value)
        self._parts = {column: self._parts[column] for column in filters}
        self.clear.visible = len(filters) > 1
        wanted = [self._with_remove(column, part) for column, part in self._parts.items()]
        if [row.name for row in wanted] != [row.name for row in self.rows]:
            self.rows[:] = wanted

    def _warn(self) -> None:
        shown = self._state.shown
        self.nothing.visible = shown is not None and not shown.any()

    def _part(self, column: str) -> Part:
        if self._state.filters[column] is True:
            return ExpressionField(lambda text: self._condition(text, column), text=column)

        def change(value: Any) -> None:  # noqa: ANN401 - a range or a list
            filters = self._state.filters
            if column in filters and value != filters[column]:
                self._state.filters = {**filters, column: value}

        kind = ClassFilter if column in self._state.dataset.class_columns else RangeFilter
        return kind(self._state.dataset, column, change)

    def _condition(self, text: str, before: str) -> Callable[[], None]:
        """Return what puts a condition in the place of another; off the event loop."""
        calculate(self._state.dataset, text).passes  # noqa: B018 - raises where it is none

        def change() -> None:
            filters = self._state.filters
            self._state.filters = {
                text if name == before else name: wanted for name, wanted in filters.items()
            }

        return change

    def _with_remove(self, column: str, part: Part) -> pn.Row:
        def remove(_event: object) -> None:
            filters = dict(self._state.filters)
            filters.pop(column, None)
            self._state.filters = filters

        button = pmui.IconButton(
            icon="close", size="small", margin=(4, 0), on_click=remove,
            description=f"Remove the filter on {self._state.dataset.label(column)}",
        )  # fmt: skip
        return pn.Row(part, button, sizing_mode="stretch_width", margin=0, name=column)


def counts_text(state: ExplorerState) -> str:
    """Return how many objects there are, are shown, and are selected; plain text."""
    parts = [f"{len(state.dataset):,} objects"]
    if state.shown is not None:
        parts.append(f"{int(np.count_nonzero(state.shown)):,} shown")
    if state.subset is not None:
        parts.append(f"{int(np.count_nonzero(state.subset)):,} selected")
    return " · ".join(parts)
