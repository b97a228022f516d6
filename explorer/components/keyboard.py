"""Keys of a view, heard while it is on the screen and no text field has the focus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param
from panel.custom import JSComponent

from explorer.server.messages import together

_ESM = """
const typing = (event) => {
  const target = event.composedPath()[0]
  if (!(target instanceof Element)) return false
  return target.isContentEditable || target.closest(
    'input:not([type=checkbox]):not([type=radio]):not([type=button]), textarea, select, ' +
    '[role=slider], [role=combobox], [role=listbox], [role=menu], [role=dialog]') !== null
}

export function render({model, el}) {
  const heard = (event) => {
    const onScreen = el.getClientRects().length > 0 // of an element in a closed tab there are none
    if (!onScreen || typing(event) || event.altKey || event.metaKey || event.ctrlKey) return
    if (!model.keys.includes(event.key)) return
    event.preventDefault()
    if (model.first) event.stopImmediatePropagation()
    model.send_msg({key: event.key})
  }
  window.addEventListener('keydown', heard, model.first)
  model.on('remove', () => window.removeEventListener('keydown', heard, model.first))
}
"""


class Keyboard(JSComponent):
    """Hears keys; put it into the layout of the view it serves."""

    keys: list[str] = param.List([], item_type=str, doc="Names of the keys heard.")  # type: ignore[assignment]
    first: bool = param.Boolean(False, doc="Takes its keys before the page does.")  # type: ignore[assignment]

    _esm = _ESM

    def __init__(self, keys: dict[str, Callable[[], None]], *, first: bool = False) -> None:
        """Call `keys[name]()` when the key of that name (`KeyboardEvent.key`) is pressed.

        Args:
            keys: Name -> action.
            first: Keep these keys from keyboards that are not `first`: for a tab that uses keys
                that mean something else on the rest of the page.
        """
        self._actions = dict(keys)
        super().__init__(keys=list(keys), first=first, width=0, height=0, margin=0)
        self.on_msg(self._hear)

    def _hear(self, event: Any) -> None:  # noqa: ANN401
        data = event.data
        action = self._actions.get(str(data.get("key"))) if isinstance(data, dict) else None
        if action is not None:
            with together():
                action()
