"""A field for an expression; what is wrong with it stands below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from explorer.controls.compact import COMPACT
from explorer.expressions.syntax import LONGEST
from explorer.server.latest import Latest


class ExpressionField(pn.viewable.Viewer):
    """Hands on what is entered, if it can be computed."""

    def __init__(
        self,
        work: Callable[[str], Callable[[], None]],
        *,
        text: str = "",
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Show a text.

        Args:
            work: Takes what was entered, off the event loop, and returns the change to make on it;
                raises ValueError where it can not be computed.
            text: What stands in the field.
            options: Of the field.
        """
        super().__init__()
        self._work, self._working, self._filling = work, Latest(), False
        self.field = pmui.TextInput(value=text, max_length=LONGEST, **(COMPACT | options))
        self.field.param.watch(lambda event: self._enter(event.new), "value")

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the field."""
        return self.field

    @property
    def error(self) -> str:
        """What is wrong with the text; empty if nothing is."""
        return self.field.helper_text

    def fill(self, text: str) -> None:
        """Show another text, without an error."""
        self._filling = True
        self.field.value = text
        self._filling = False
        self.tell("")

    def _enter(self, text: str | None) -> None:
        if self._filling:
            return
        if not (text or "").strip():
            self.tell("")
            return
        self._working.submit(lambda: _attempt(self._work, text or ""), self._finish)

    def _finish(self, outcome: Callable[[], None] | str) -> None:
        if isinstance(outcome, str):
            self.tell(outcome)
            return
        self.tell("")
        outcome()

    def tell(self, error: str) -> None:
        """Show what is wrong; empty = nothing."""
        self.field.param.update(helper_text=error, error_state=bool(error))


def _attempt(work: Callable[[str], Callable[[], None]], text: str) -> Callable[[], None] | str:
    try:
        return work(text)
    except ValueError as error:
        return str(error)
