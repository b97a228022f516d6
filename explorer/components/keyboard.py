"""Keys of a view, heard while it is on the screen and nothing else wants them.

A text field wants all keys until Enter or Esc leave it; an open menu all, a slider its arrows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param
from panel.custom import JSComponent

from explorer.server.messages import together

_ESM = """
const TEXT = 'textarea, select, input:not([type=checkbox]):not([type=radio])' +
  ':not([type=button]):not([type=range])'
const OPEN = '[role=listbox], [role=menu], [role=dialog], [role=combobox][aria-expanded=true]'
const OWN = /^(Arrow.*|Page.*|Home|End)$/

const field = (event) => {
  const target = event.composedPath()[0]
  if (!(target instanceof Element)) return null
  return target.isContentEditable ? target : target.closest(TEXT)
}
const taken = (event) => {
  const target = event.composedPath()[0]
  if (!(target instanceof Element)) return false
  if (field(event) !== null || target.closest(OPEN) !== null) return true
  // A closed menu opens by the vertical arrows, a slider moves by all of them.
  if (target.closest('[role=slider], input[type=range]') !== null) return OWN.test(event.key)
  return target.closest('[role=combobox]') !== null && /^Arrow(Up|Down)$/.test(event.key)
}

const nameOf = (event) => {
  if (!event.ctrlKey && !event.metaKey) return event.key
  return `Ctrl+${event.shiftKey ? 'Shift+' : ''}${event.key.toLowerCase()}`
}

const labelled = (root, text) => {
  for (const label of root.querySelectorAll('label')) {
    const input = label.textContent === text ? root.getElementById(label.htmlFor) : null
    if (input !== null && input.getClientRects().length > 0) return input
  }
  for (const element of root.querySelectorAll('*')) {
    const found = element.shadowRoot ? labelled(element.shadowRoot, text) : null
    if (found !== null) return found
  }
  return null
}

export function render({model, el}) {
  const heard = (event) => {
    const onScreen = el.getClientRects().length > 0 // of an element in a closed tab there are none
    const key = nameOf(event)
    const known = model.keys.includes(key) || key in model.fields
    if (!onScreen || taken(event) || event.altKey || !known) return
    event.preventDefault()
    if (model.first) event.stopImmediatePropagation()
    // At once: what is typed next is for the field.
    if (key in model.fields) labelled(document, model.fields[key])?.focus()
    else model.send_msg({key})
  }
  // Enter and Esc leave a field: quick keys are heard again. Enter once the field has dealt with
  // it, Esc before: a field with an open list would keep that to itself.
  const leave = (event, key) => {
    const left = field(event)
    if (left === null || left.tagName === 'SELECT' || event.isComposing) return
    if (event.key === key && (key === 'Escape' || left.tagName === 'INPUT')) left.blur()
  }
  const entered = (event) => leave(event, 'Enter')
  const escaped = (event) => leave(event, 'Escape')
  window.addEventListener('keydown', heard, model.first)
  if (!model.first) {
    window.addEventListener('keydown', entered)
    window.addEventListener('keydown', escaped, true)
  }
  model.on('remove', () => {
    window.removeEventListener('keydown', heard, model.first)
    window.removeEventListener('keydown', entered)
    window.removeEventListener('keydown', escaped, true)
  })
}
"""


class Keyboard(JSComponent):
    """Hears keys; put it into the layout of the view it serves."""

    keys: list[str] = param.List([], item_type=str, doc="Names of the keys heard.")  # type: ignore[assignment]
    fields: dict[str, str] = param.Dict({}, doc="Key -> label of the field that it leads to.")  # type: ignore[assignment]
    first: bool = param.Boolean(False, doc="Takes its keys before the page does.")  # type: ignore[assignment]

    _esm = _ESM

    def __init__(
        self,
        keys: dict[str, Callable[[], None]],
        *,
        fields: dict[str, str] | None = None,
        first: bool = False,
    ) -> None:
        """Call `keys[name]()` when the key of that name (`KeyboardEvent.key`) is pressed.

        Args:
            keys: Name -> action. With the control or command key: `Ctrl+z`, `Ctrl+Shift+z`.
            fields: Name -> label of a text field of the page, which the key leads to at once.
            first: Keep these keys from keyboards that are not `first`: for a tab that uses keys
                that mean something else on the rest of the page.
        """
        self._actions = dict(keys)
        super().__init__(
            keys=list(keys), fields=fields or {}, first=first, width=0, height=0, margin=0
        )
        self.on_msg(self._hear)

    def _hear(self, event: Any) -> None:  # noqa: ANN401
        data = event.data
        action = self._actions.get(str(data.get("key"))) if isinstance(data, dict) else None
        if action is not None:
            with together():
                action()
