"""What is selected: turn it round, keep it under a name, combine what has a name, undo."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from explorer.components.keyboard import Keyboard
from explorer.controls.compact import COMPACT
from explorer.controls.losses import telling_losses
from explorer.server.notices import told, warn
from explorer.state.history import History
from explorer.state.named import next_name
from explorer.state.state import ExplorerState
from explorer.theme.text import line

JOINS = {
    "or": "{0} or {1}", "and": "{0} and {1}", "without": "{0} and not {1}",
    "either": "({0} or {1}) and not ({0} and {1})",
}  # fmt: skip
"""How two named selections make a third."""
_SMALL: dict[str, Any] = {"size": "small", "margin": (2, 2)}


class SelectionsView(pn.viewable.Viewer):
    """Buttons for what is selected, and a line for each selection with a name."""

    def __init__(self, state: ExplorerState, history: History) -> None:
        """Follow the state."""
        super().__init__()
        self._state, self._history = state, history
        self.nothing = line("Nothing is selected here: no object lies inside.", margin=(0, 10))
        self.buttons = {
            "undo": self._button("undo", "Undo the last step of selecting (Ctrl+Z)", self.undo),
            "redo": self._button("redo", "Do it again (Ctrl+Y)", self.redo),
            "invert": self._button("flip", "Invert: select the others (i)", self.invert),
            "only": self._button("filter_alt", "Only this: hide the others", self.only_this),
            "clear": self._button("clear_all", "Clear selection and filters", self.clear),
        }
        self.name_field = pmui.TextInput(
            label="keep as", value=next_name(state.dataset), max_length=20,
            **(COMPACT | {"margin": (5, 2, 5, 10)}),
        )  # fmt: skip
        self.keep = pmui.Button(
            label="keep", variant="outlined",
            on_click=lambda _event: self.keep_as(self.name_field.value),
            **(_SMALL | {"margin": (5, 10)}),
        )  # fmt: skip
        self.named: dict[str, Any] = {}
        self.rows = pn.Column(sizing_mode="stretch_width", margin=0)
        self._make_join()
        state.param.watch(lambda *_: self._follow(), ["selections", "shown", "subset"])
        history.param.watch(lambda *_: self._follow(), ["n_undo", "n_redo"])
        self.keyboard = Keyboard(
            {
                "Ctrl+z": self.undo, "Ctrl+y": self.redo, "Ctrl+Shift+z": self.redo,
                "i": self.invert,
            }
        )  # fmt: skip
        self._follow()

    def __panel__(self) -> pn.viewable.Viewable:
        """Return buttons, names, and what combines them."""
        return pn.Column(
            pn.Row(*self.buttons.values(), self.keyboard, margin=(0, 6)),
            self.nothing,
            pn.Row(self.name_field, self.keep, sizing_mode="stretch_width", margin=0),
            self.rows,
            self.join,
            sizing_mode="stretch_width",
            margin=0,
        )

    # What the user does.

    def undo(self) -> None:
        """Take the last step back."""
        self._tell_lost(self._history.undo())

    def redo(self) -> None:
        """Do the last step that was taken back again."""
        self._tell_lost(self._history.redo())

    def _tell_lost(self, lost: list[str]) -> None:
        if lost:
            warn(f"Not brought back, since a column it needs is gone: {', '.join(lost)}.")

    def invert(self) -> None:
        """Select what is not selected among the objects shown; without a selection, nothing."""
        region = self._state.region
        if region is None:
            warn("Select something first: box or lasso on the map, or a selection with a name.")
        elif region.get("outside"):
            self._state.region = {key: it for key, it in region.items() if key != "outside"}
        else:
            self._state.region = {**region, "outside": True}

    def only_this(self) -> None:
        """Show only what is selected, as a filter on a selection with a name."""
        state, region = self._state, self._state.region
        if region is None:
            warn("Select something first: box or lasso on the map, or a selection with a name.")
            return
        condition = region.get("condition")
        if condition is None or region.get("outside"):
            condition = next_name(state.dataset)
            if not self.keep_as(condition):
                return
        state.param.update(filters={**state.filters, condition: True}, region=None)

    def clear(self) -> None:
        """Show and select everything; what has a name keeps it."""
        self._state.param.update(filters={}, region=None, highlight=[], highlight_label="")

    def keep_as(self, name: str) -> bool:
        """Keep what is selected under a name; say in the page where that can not be."""
        state, name = self._state, name.strip()
        mask = state.subset if state.subset is not None else state.shown
        if mask is None:
            mask = np.ones(len(state.dataset), dtype=bool)
        if not name.isidentifier():
            warn(f"A name is one word of letters and digits, got {name[:40]!r}.")
            return False
        try:
            state.name_selections({**state.selections, name: state.selection()}, new=mask)
        except ValueError as error:
            warn(told(error))
            return False
        return True

    # What follows from the state.

    def _follow(self) -> None:
        state, history = self._state, self._history
        some = state.region is not None
        for name, enabled in (
            ("undo", history.n_undo > 0), ("redo", history.n_redo > 0), ("invert", some),
            ("only", some), ("clear", some or bool(state.filters)),
        ):  # fmt: skip
            self.buttons[name].disabled = not enabled
        self.nothing.visible = state.subset is not None and not state.subset.any()
        masks = state.dataset.conditions
        self.named = {name: self.named.get(name) or self._select(name) for name in masks}
        for name, button in self.named.items():
            chosen = state.region == {"condition": name}
            button.param.update(
                label=f"{name}  {np.count_nonzero(masks[name]):,}",
                variant="contained" if chosen else "outlined",
            )
        if [row.name for row in self.rows] != list(masks):
            self.rows[:] = [self._row(name, button) for name, button in self.named.items()]
            self.name_field.value = next_name(state.dataset)
        names = list(masks)
        self.join.visible = len(names) > 1
        for menu, usual in ((self.first, 0), (self.second, 1)):
            if menu.options != names:
                known = menu.value in names and len(menu.options) > 1
                value = menu.value if known else (names[usual:] or [None])[0]
                menu.param.update(options=names, value=value)

    def _select(self, name: str) -> Any:  # noqa: ANN401 - a Button
        return pmui.Button(
            label=name, variant="outlined", sizing_mode="stretch_width", size="small",
            margin=(2, 10), sx={"textTransform": "none"},
            on_click=lambda _event: self._state.param.update(region={"condition": name}),
        )  # fmt: skip

    def _row(self, name: str, select: Any) -> pn.Row:  # noqa: ANN401
        remove = pmui.IconButton(
            icon="close", size="small", margin=0, on_click=partial(self._remove, name),
            description=f"Forget selection {name}",
        )  # fmt: skip
        return pn.Row(select, remove, sizing_mode="stretch_width", margin=0, name=name)

    def _remove(self, name: str, _event: object) -> None:
        rest = {item: it for item, it in self._state.selections.items() if item != name}
        try:
            with telling_losses(self._state, name):
                self._state.name_selections(rest)
        except ValueError as error:
            warn(f"{name} is needed by another selection: {error}")

    def _make_join(self) -> None:
        narrow = COMPACT | {"margin": (5, 2)}
        self.first, self.second = (
            pmui.Select(label="", options=[], value=None, **narrow) for _ in range(2)
        )
        self.how = pmui.Select(label="", options=list(JOINS), value="or", **narrow)
        go = pmui.Button(
            label="select", variant="outlined", on_click=lambda _event: self.combine(), **_SMALL
        )
        self.join = pn.Column(
            pn.Row(self.first, self.how, self.second, sizing_mode="stretch_width", margin=(0, 8)),
            pn.Row(go, margin=(0, 8)), sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def combine(self) -> None:
        """Select what the two selections chosen make together."""
        text = JOINS[str(self.how.value)].format(self.first.value, self.second.value)
        self._state.region = {"condition": text}

    def _button(self, icon: str, description: str, action: Any) -> Any:  # noqa: ANN401
        return pmui.IconButton(
            icon=icon, description=description, on_click=lambda _event: action(), **_SMALL
        )
