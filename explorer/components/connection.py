"""Says when the server does not answer any more, and comes back when it does."""

from __future__ import annotations

from panel.custom import JSComponent

_ESM = """
export function render({el}) {
  const card = document.createElement('section')
  card.className = 'lost'
  card.setAttribute('role', 'alert')
  card.popover = 'manual' // in the top layer: what the page cuts off or moves does not cut it
  const text = document.createElement('span')
  const again = document.createElement('button')
  again.textContent = 'Reload now'
  again.onclick = () => window.location.reload()
  card.append(text, again)
  let timer = null
  // A page that is loaded anew opens the view that its address describes. Asked for is what costs
  // the server nothing: it would make the page for this already, and once more to load it.
  const ask = async () => {
    const {pathname} = window.location
    try {
      const answer = await fetch(`${pathname.replace(/\\/$/, '')}/metadata`, {cache: 'no-store'})
      if (answer.ok) { window.location.reload(); return }
    } catch (error) { /* not yet */ }
    timer = setTimeout(ask, 2000)
  }
  const lost = () => {
    if (timer !== null) return
    text.textContent = 'The server does not answer. What is on screen stays, but nothing can be ' +
      'changed and labels given now are not kept; saved ones are safe. The page loads again, ' +
      'with this view, as soon as the server is back.'
    el.append(card)
    card.showPopover?.()
    timer = setTimeout(ask, 2000)
  }
  const found = () => { clearTimeout(timer); timer = null; card.remove() }
  const document_ = window.Bokeh.documents[0]
  document_.on_event('connection_lost', lost)
  document_.on_event('client_reconnected', found)
}
"""
_STYLE = """
:host {height: 0; width: 0}
.lost {position: fixed; inset: 42px 0 auto; z-index: 1400; border: none; display: flex; gap: 14px;
  align-items: center; margin: 0 auto; width: fit-content; max-width: min(760px, 90vw);
  padding: 10px 14px; border-radius: 8px; font-size: 13px; line-height: 1.45;
  background: #7a1f1f; color: #fff; box-shadow: 0 6px 24px rgba(0, 0, 0, .3)}
.lost button {font: inherit; padding: 4px 12px; border-radius: 5px; cursor: pointer; flex: none;
  border: 1px solid #fff; background: none; color: #fff}
"""


class Connection(JSComponent):
    """Invisible while the server answers; put it anywhere on the page."""

    _esm = _ESM
    _stylesheets = [_STYLE]

    def __init__(self) -> None:
        """Listen to the connection of the page."""
        super().__init__(margin=0)
