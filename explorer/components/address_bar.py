"""The address of the page: written as the view changes, and heard when Back or Forward is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param
from panel.custom import JSComponent

from explorer.server.messages import together

_ESM = """
export function render({model, el}) {
  el.style.display = 'none'
  // The theme is told at once: a component made while the address says dark turns the page dark.
  const show = (query, push) => {
    const parts = new URLSearchParams(query)
    if (model.dark) parts.set('theme', 'dark')
    else parts.delete('theme')
    const {search, pathname, hash} = window.location
    const asked = `${parts}` && `?${parts}`
    if (asked === search) return
    const change = push ? 'pushState' : 'replaceState'
    window.history[change]({}, '', `${pathname}${asked}${hash}`)
  }
  // What was written before the server heard of the last Back is of another page of the history.
  let moves = 0
  const write = () => { if (model.heard === moves) show(model.query, model.push) }
  const follow = () => show(window.location.search, false)
  const moved = () => {
    moves += 1
    follow()
    model.send_msg({query: window.location.search, moves})
  }
  model.on('written', write)
  model.on('dark', follow)
  window.addEventListener('popstate', moved)
  model.on('remove', () => window.removeEventListener('popstate', moved))
}
"""


class AddressBar(JSComponent):
    """Invisible; put it anywhere on the page.

    A component of its own: Panel's location does not hear of the browser's Back and Forward.

    Attributes:
        dark: Whether the theme is dark; link it with the page in the browser.
        stay: The next query takes the place of the present one, whatever `write` is told.
    """

    query: str = param.String("", doc="The query of the address, with its question mark.")  # type: ignore[assignment]
    push: bool = param.Boolean(False, doc="Whether Back leads to the query before.")  # type: ignore[assignment]
    written: int = param.Integer(0, doc="Grows with every query written.")  # type: ignore[assignment]
    heard: int = param.Integer(0, doc="How many uses of Back and Forward were heard of.")  # type: ignore[assignment]
    dark: bool = param.Boolean(False, doc="Whether the theme is dark.")  # type: ignore[assignment]

    _esm = _ESM

    def __init__(self, on_moved: Callable[[str], None]) -> None:
        """Call `on_moved` with the query that Back or Forward led to."""
        self._on_moved = on_moved
        self.stay = False
        super().__init__(width=0, height=0, margin=0)
        self.on_msg(self._hear)

    def write(self, query: str, *, push: bool) -> None:
        """Show a query in the address; `push`: as a new page of the browser's history."""
        self.param.update(query=query, push=push and not self.stay)
        self.stay = False
        self.written += 1

    def _hear(self, event: Any) -> None:  # noqa: ANN401
        data = event.data if isinstance(event.data, dict) else {}
        query, moves = data.get("query"), data.get("moves")
        if isinstance(query, str) and isinstance(moves, int):
            with together():
                self.heard = moves
                self._on_moved(query)
