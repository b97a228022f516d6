"""Filters: ranges of numbers and choices of classes, with live counts."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from explorer.state.selection import passing
from explorer.state.state import ExplorerState

COMPACT: dict[str, Any] = {
    "size": "small", "description": "", "sizing_mode": "stretch_width", "margin": (5, 10),
}  # fmt: skip
SHOWN_CLASSES = 12
"""Classes offered in a filter; rarer ones pass with `others`."""


class FiltersView(pn.viewable.Viewer):
    """Lets the user add and remove filters; writes `state.filters`."""

    def __init__(self, state: ExplorerState) -> None:
        """Show the filters the state has."""
        super().__init__()
        self._state = state
        dataset = state.dataset
        columns = [*dataset.class_columns, *dataset.numeric_columns]
        self.add = pmui.Select(
            label="",
            options={
                "Add a filter \N{HORIZONTAL ELLIPSIS}": "",
                **{dataset.label(name): name for name in columns},
            },
            value="",
            **COMPACT,
        )
        self.add.param.watch(self._on_add, "value")
        self.rows = pn.Column(sizing_mode="stretch_width", margin=0)
        self._widgets: dict[str, Any] = {}
        state.param.watch(lambda *_: self._follow(), "filters")
        self._follow()

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the filters above the menu that adds one."""
        return pn.Column(self.rows, self.add, sizing_mode="stretch_width", margin=0)

    def _on_add(self, event: Any) -> None:  # noqa: ANN401 - param's event
        column = event.new
        if column and column not in self._state.filters:
            self._state.filters = {**self._state.filters, column: self._everything(column)}
        self.add.value = ""

    def _everything(self, column: str) -> Any:  # noqa: ANN401 - a range or a list
        dataset = self._state.dataset
        if column in dataset.class_columns:
            return list(dataset.classes(column).names)
        values = dataset.numeric(column)
        return (float(np.nanmin(values)), float(np.nanmax(values)))

    def _follow(self) -> None:
        """Make a widget for each filter, keep those that are there."""
        state = self._state
        for column, value in state.filters.items():
            if column not in self._widgets:
                self._widgets[column] = self._widget(column)
            self._widgets[column].value = self._to_widget(column, value)
        for column in set(self._widgets) - set(state.filters):
            del self._widgets[column]
        self._recount()
        wanted = [self._with_remove(column, widget) for column, widget in self._widgets.items()]
        if [row.name for row in wanted] != [row.name for row in self.rows]:
            self.rows[:] = wanted

    def _recount(self) -> None:
        """Write beside each class how many objects pass the other filters."""
        for column, widget in self._widgets.items():
            if column in self._state.dataset.class_columns:
                widget.options = self._class_options(column)

    def _class_options(self, column: str) -> dict[str, str]:
        """Return label with count -> class, the most frequent of the atlas first."""
        state = self._state
        classes = state.dataset.classes(column)
        others = {name: value for name, value in state.filters.items() if name != column}
        mask = passing(state.dataset, others)
        codes = classes.codes if mask is None else classes.codes[mask]
        counts = np.bincount(codes[codes >= 0], minlength=len(classes.names))
        options: dict[str, str] = {}
        for name, count in list(zip(classes.names, counts, strict=True))[:SHOWN_CLASSES]:
            short = f"{name[:24]}  {count:,}"
            options[f"{name}  {count:,}" if short in options else short] = name
        return options

    def _to_widget(self, column: str, value: Any) -> Any:  # noqa: ANN401
        if column in self._state.dataset.class_columns:
            return [name for name in value if name in self._widgets[column].options.values()]
        return tuple(value)

    def _widget(self, column: str) -> Any:  # noqa: ANN401
        dataset = self._state.dataset
        if column in dataset.class_columns:
            widget = pmui.CheckBoxGroup(
                label=dataset.label(column), options=self._class_options(column),
                sizing_mode="stretch_width", margin=(2, 10),
            )  # fmt: skip
            watched = "value"
        else:
            low, high = self._everything(column)
            widget = pmui.EditableRangeSlider(
                label=dataset.label(column), start=low, end=high, step=(high - low) / 200 or 1.0,
                value=(low, high), **COMPACT,
            )  # fmt: skip
            watched = "value_throttled"
        widget.param.watch(lambda event: self._on_widget(column, event.new), watched)
        return widget

    def _on_widget(self, column: str, value: Any) -> None:  # noqa: ANN401
        if value is None or column not in self._state.filters:
            return
        dataset = self._state.dataset
        if column in dataset.class_columns:
            value = [*value, *dataset.classes(column).names[SHOWN_CLASSES:]]
        if value != self._state.filters[column]:
            self._state.filters = {**self._state.filters, column: value}

    def _with_remove(self, column: str, widget: Any) -> pn.Row:  # noqa: ANN401
        def remove(_event: object) -> None:
            filters = dict(self._state.filters)
            filters.pop(column, None)
            self._state.filters = filters

        button = pmui.IconButton(
            icon="close", size="small", margin=(4, 0), on_click=remove,
            description=f"Remove the filter on {escape(self._state.dataset.label(column))}",
        )  # fmt: skip
        return pn.Row(widget, button, sizing_mode="stretch_width", margin=0, name=column)


def counts_text(state: ExplorerState) -> str:
    """Return how many objects there are, are shown, and are selected; plain text."""
    parts = [f"{len(state.dataset):,} objects"]
    if state.shown is not None:
        parts.append(f"{int(np.count_nonzero(state.shown)):,} shown")
    if state.subset is not None:
        parts.append(f"{int(np.count_nonzero(state.subset)):,} selected")
    return " · ".join(parts)
