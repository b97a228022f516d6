"""Keyboard shortcuts of the page, and the dialog that lists them."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from explorer.components.keyboard import Keyboard
from explorer.server.notices import attempt
from explorer.state.dataset import DENSITY
from explorer.state.state import ExplorerState

KEYS = (
    ("?", "this list"),
    (
        "\N{LEFTWARDS ARROW} \N{RIGHTWARDS ARROW}",
        "previous, next object in the order of the colour",
    ),
    ("n", "mark the neighbours in latent space"),
    ("o", "draw the neighbours' spectra too"),
    ("s", "draw the stack of the selected objects too"),
    ("p", "pin the object: its spectrum stays, to be compared with others"),
    ("z", "try another redshift, or end that; arrows move its slider"),
    ("f", "observed or rest frame"),
    ("l", "lines: major, all, none"),
    ("[ ]", "smooth less, more"),
    ("i", "invert the selection"),
    ("Ctrl+Z Ctrl+Y", "undo, redo steps of selecting and filtering"),
    ("0 1 2 3 4 5", "Outliers: grade the object; c class, n note, u undo"),
    ("PgUp PgDn", "Outliers: page of the contact sheet; the arrows walk its list"),
    ("Esc", "drop the box or lasso, then marks, then the object"),
)
_STYLE = """
table {border-collapse: collapse; font-size: 13px}
th, td {text-align: left; padding: 4px 14px 4px 0; font-weight: 400; vertical-align: top}
kbd {border: 1px solid rgba(128,128,128,.6); border-radius: 4px; padding: 0 6px; font-size: 12px}
"""


class Help(pn.viewable.Viewer):
    """The keys of the page and their help; put it anywhere on the page."""

    def __init__(self, state: ExplorerState) -> None:
        """Make window and keys."""
        super().__init__()
        self._state = state
        rows = "".join(
            f"<tr><th>{''.join(f'<kbd>{escape(key)}</kbd> ' for key in keys.split())}</th>"
            f"<td>{escape(what)}</td></tr>"
            for keys, what in KEYS
        )
        text = (
            f"<table>{rows}</table><p>On the map: click selects, dragging moves, the wheel zooms; "
            "box and lasso are in its toolbar; the arrow in a circle beside it shows everything "
            "again. On the spectrum: dragging and the wheel move along the wavelengths, the wheel "
            "over the flux axis zooms the flux, a double-click shows everything again. Enter and "
            "Esc leave a field; Back and Forward of the browser move through the views.</p>"
        )
        self.window = pmui.Dialog(
            pn.pane.HTML(text, stylesheets=[_STYLE], margin=10, max_width=520),
            title="Keys", open=False, close_on_click=True, show_close_button=True,
        )  # fmt: skip
        self.button = pmui.IconButton(
            icon="help_outline", description="Keys and help (?)", size="medium", margin=0,
            align="center", on_click=lambda _event: self.window.param.update(open=True),
        )  # fmt: skip
        self.keyboard = Keyboard(self._actions())

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the button; the window opens over the page."""
        return pn.Row(self.button, self.window, self.keyboard, margin=0, align="center")

    def _actions(self) -> dict[str, Callable[[], Any]]:
        state = self._state

        def turn(name: str, choices: list[str]) -> None:
            at = choices.index(getattr(state, name))
            setattr(state, name, choices[(at + 1) % len(choices)])

        def smooth(change: int) -> None:
            state.smoothing = int(np.clip(state.smoothing + change, 0, 25))

        return {
            "?": lambda: self.window.param.update(open=not self.window.open),
            "ArrowLeft": lambda: self._step(-1),
            "ArrowRight": lambda: self._step(1),
            "n": lambda: state.param.update(mark_neighbours=not state.mark_neighbours),
            "o": lambda: state.param.update(overplot_neighbours=not state.overplot_neighbours),
            "s": lambda: state.param.update(overplot_selection=not state.overplot_selection),
            "p": self._pin,
            "z": lambda: state.param.update(trying=not state.trying, tab="Inspect"),
            "f": lambda: turn("frame", ["observed", "rest"]),
            "l": lambda: turn("lines", ["major", "all", "off"]),
            "[": lambda: smooth(-1),
            "]": lambda: smooth(1),
            "Escape": self.escape,
        }

    def escape(self) -> None:
        """Undo one step of selecting."""
        state = self._state
        if self.window.open:
            self.window.open = False
        elif state.drawing != "off" or state.picking_window:
            state.param.update(drawing="off", picking_window=False)
        elif state.region is not None:
            state.region = None
        elif state.highlight:
            state.param.update(highlight=[], highlight_label="")
        else:
            state.choose(None)

    def _pin(self) -> None:
        attempt(self._state.pin)

    def _step(self, step: int) -> None:
        # The Outliers tab hears the arrows itself: there they walk its list.
        if self._state.tab != "Outliers":
            self._state.selected = beside(self._state, step)


def beside(state: ExplorerState, step: int) -> int | None:
    """Return the row next to the selected one, among the selected objects in order of the colour.

    Args:
        state: The session.
        step: 1 = next, -1 = previous; the ends meet.
    """
    rows = state.rows()
    if len(rows) == 0:
        return None
    dataset, column = state.dataset, state.colour
    if column in dataset.numeric_columns:
        values = dataset.numeric(column)[rows]
    elif column == DENSITY:
        values = rows
    else:
        values = dataset.classes(column).codes[rows]
    ordered = rows[np.argsort(values, kind="stable")]
    if state.selected is None:
        return int(ordered[0 if step > 0 else -1])
    at = np.flatnonzero(ordered == state.selected)
    if len(at) == 0:
        return int(ordered[0])
    return int(ordered[(at[0] + step) % len(ordered)])
