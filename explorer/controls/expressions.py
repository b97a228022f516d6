"""Conditions and new columns written as expressions of the columns of the atlas."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import panel as pn
import panel_material_ui as pmui

from explorer.controls.expression_field import ExpressionField
from explorer.controls.losses import telling_losses
from explorer.expressions.syntax import definition
from explorer.state.calculated import calculate, calculate_all
from explorer.state.state import ExplorerState


class ExpressionsView(pn.viewable.Viewer):
    """A condition that is entered filters; numbers become a column, which colours the map."""

    def __init__(self, state: ExplorerState) -> None:
        """Show the columns that the state has."""
        super().__init__()
        self._state = state
        self.new = ExpressionField(
            self._add,
            label="condition or name = \N{HORIZONTAL ELLIPSIS}",
            placeholder="z < 0.1 and log10(snr) > 1",
        )
        self.fields: dict[str, ExpressionField] = {}
        self.columns = pn.Column(sizing_mode="stretch_width", margin=0)
        state.param.watch(lambda *_: self._follow(), "columns")
        self._follow()

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the columns under the field for a new expression."""
        return pn.Column(self.new, self.columns, sizing_mode="stretch_width", margin=0)

    def _add(self, entered: str) -> Callable[[], None]:
        """Return what makes a filter or a column of what was entered; off the event loop."""
        state, (name, text) = self._state, definition(entered)
        found = None if name else calculate(state.dataset, text)
        if found is not None and found.is_condition:
            return lambda: self._done(filters={**state.filters, text: True})
        if text in state.dataset.numeric_columns and not name:
            return lambda: self._done(colour=text)
        return self._define({**state.columns, name or text: text}, colour=name or text)

    def _define(self, columns: dict[str, str], *, colour: str | None = None) -> Callable[[], None]:
        """Return what sets the calculated columns; off the event loop."""
        state = self._state
        values = calculate_all(state.dataset, columns, replacing=state.columns)

        def change() -> None:
            state.calculate_columns(columns, calculated=values)
            if colour is not None:
                self._done(colour=colour)

        return change

    def _done(self, **changes: object) -> None:
        self.new.fill("")
        self._state.param.update(**changes)

    def _follow(self) -> None:
        columns = self._state.columns
        self.fields = {name: self.fields.get(name) or self._field(name) for name in columns}
        for name, text in columns.items():
            self.fields[name].fill(text)
        if [row.name for row in self.columns] != list(columns):
            self.columns[:] = [self._row(name, field) for name, field in self.fields.items()]

    def _field(self, name: str) -> ExpressionField:
        state = self._state

        def change(text: str) -> Callable[[], None]:
            return self._define({**state.columns, name: text.strip()})

        return ExpressionField(change, text=state.columns[name], label=f"{name[:24]} =")

    def _row(self, name: str, field: ExpressionField) -> pn.Row:
        button = pmui.IconButton(
            icon="close", size="small", margin=(4, 0), on_click=partial(self._remove, name),
            description=f"Remove the column {name}",
        )  # fmt: skip
        return pn.Row(field, button, sizing_mode="stretch_width", margin=0, name=name)

    def _remove(self, name: str, _event: object) -> None:
        rest = {item: text for item, text in self._state.columns.items() if item != name}
        try:
            with telling_losses(self._state, name):
                self._state.calculate_columns(rest)
        except ValueError as error:
            self.new.tell(f"{name} is needed: {error}")
