"""The objects that the user brought, to choose one among or to take one away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param
from panel.custom import JSComponent

from explorer.server.messages import together

_ESM = """
export function render({model, el}) {
  const list = document.createElement('ul')
  const fill = () => {
    list.replaceChildren(...model.items.map((item, number) => {
      const entry = document.createElement('li')
      const open = document.createElement('button')
      const name = document.createElement('span')
      const told = document.createElement('small')
      name.textContent = item.name
      told.textContent = item.told
      open.append(name, told)
      open.title = item.file
      open.setAttribute('aria-pressed', String(number === model.chosen))
      open.onclick = () => model.send_msg({what: 'choose', number})
      const away = document.createElement('button')
      away.textContent = '\\u00d7'
      away.className = 'away'
      away.setAttribute('aria-label', `Remove ${item.name}`)
      away.onclick = () => model.send_msg({what: 'remove', number})
      entry.append(open, away)
      return entry
    }))
  }
  model.on('items', fill)
  model.on('chosen', fill)
  fill()
  el.append(list)
}
"""
_STYLE = """
ul {list-style: none; margin: 0; padding: 0; max-height: 190px; overflow-y: auto}
li {display: flex; align-items: center; gap: 2px}
button {font: inherit; font-size: 12px; border: none; background: none; color: inherit;
  cursor: pointer; border-radius: 4px; text-align: left; padding: 3px 6px}
button:hover {background: rgba(128, 128, 128, .18)}
button:focus-visible {outline: 2px solid var(--panel-primary-color); outline-offset: -2px}
button:first-child {flex: 1; min-width: 0}
button[aria-pressed=true] {background: rgba(0, 134, 173, .22)}
span, small {display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap}
small {opacity: .75; font-size: 11px; font-variant-numeric: tabular-nums}
.away {font-size: 16px; line-height: 1; padding: 4px 8px}
"""


class GuestList(JSComponent):
    """Each object's name and what is told of it; nothing of it is taken as HTML."""

    items: list[dict[str, str]] = param.List([], item_type=dict, doc="name, told and file of each.")  # type: ignore[assignment]
    chosen: int = param.Integer(-1, doc="Number of the one inspected; -1 = none.")  # type: ignore[assignment]

    _esm = _ESM
    _stylesheets = [_STYLE]

    def __init__(self, on_choose: Callable[[int], None], on_remove: Callable[[int], None]) -> None:
        """Call `on_choose` or `on_remove` with the number of an object."""
        self._actions = {"choose": on_choose, "remove": on_remove}
        super().__init__(sizing_mode="stretch_width", margin=(0, 6))
        self.on_msg(self._hear)

    def _hear(self, event: Any) -> None:  # noqa: ANN401
        data = event.data if isinstance(event.data, dict) else {}
        action, number = self._actions.get(str(data.get("what"))), data.get("number")
        if action is not None and isinstance(number, int) and 0 <= number < len(self.items):
            with together():
                action(number)
