"""Undo and redo of what is selected, filtered, named and calculated."""

from __future__ import annotations

from typing import Any

import param

from explorer.state.state import ExplorerState

FOLLOWED = ("columns", "selections", "filters", "region")
MOST = 100
"""Steps that can be undone."""


class History(param.Parameterized):
    """The steps of one session.

    Attributes:
        n_undo: Steps that can be undone.
        n_redo: Steps undone that can be done again.
    """

    n_undo: int = param.Integer(0)  # type: ignore[assignment]
    n_redo: int = param.Integer(0)  # type: ignore[assignment]

    def __init__(self, state: ExplorerState) -> None:
        """Follow a state from now on."""
        super().__init__()
        self._state = state
        self._past: list[dict[str, Any]] = []
        self._future: list[dict[str, Any]] = []
        self._now = self._look()
        self._moving = False
        state.param.watch(lambda *_: self._remember(), list(FOLLOWED))

    def undo(self) -> list[str]:
        """Take the last step back; return what of it can not be found any more, in words."""
        return self._move(self._past, self._future)

    def redo(self) -> list[str]:
        """Do the last step that was taken back again; return what can not be, in words."""
        return self._move(self._future, self._past)

    def forget(self) -> None:
        """Begin here: nothing before can be undone."""
        self._now = self._look()
        self._past.clear()
        self._future.clear()
        self._count()

    def _look(self) -> dict[str, Any]:
        return {name: getattr(self._state, name) for name in FOLLOWED}

    def _remember(self) -> None:
        now = self._look()
        if self._moving or now == self._now:
            return
        self._past = [*self._past, self._now][-MOST:]
        self._now = now
        self._future.clear()
        self._count()

    def _move(self, source: list[dict[str, Any]], target: list[dict[str, Any]]) -> list[str]:
        if not source:
            return []
        self._moving = True
        try:
            lost = self._state.restore(**source[-1])
        finally:
            self._moving = False
        source.pop()
        target.append(self._now)
        self._now = self._look()
        self._count()
        return lost

    def _count(self) -> None:
        self.param.update(n_undo=len(self._past), n_redo=len(self._future))
