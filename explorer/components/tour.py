"""A short tour on the first visit of a browser."""

from __future__ import annotations

import param
from panel.custom import JSComponent

STEPS = (
    "Each dot is a galaxy, placed by the model's latents: neighbours have similar spectra. Drag "
    "moves the map, the wheel zooms.",
    "Click a galaxy: its spectrum, the model's reconstruction and the residual in units of the "
    "noise appear at the right.",
    "At the left: another embedding, another colour, filters with counts, and Save for tables, "
    "spectra and figures.",
    "The tabs at the right go deeper: tracks through the map, outliers to look through, latents "
    "to turn, the model's card. Press ? for the keys.",
)

_ESM = """
export function render({model, el}) {
  const key = 'latent-space-explorer.toured'
  let seen = true
  try { seen = localStorage.getItem(key) !== null } catch (error) { seen = true }
  if (seen) return
  let step = 0
  const card = document.createElement('section')
  card.className = 'tour-card'
  card.setAttribute('aria-label', 'Tour')
  const text = document.createElement('p')
  text.setAttribute('aria-live', 'polite')
  const place = document.createElement('span')
  const next = document.createElement('button')
  const skip = document.createElement('button')
  skip.textContent = 'Close'
  const done = () => {
    try { localStorage.setItem(key, '1') } catch (error) { /* private window: asked again */ }
    card.remove()
  }
  const show = () => {
    text.textContent = model.steps[step]
    place.textContent = `${step + 1} / ${model.steps.length}`
    next.textContent = step + 1 < model.steps.length ? 'Next' : 'Done'
  }
  next.onclick = () => { step += 1; step < model.steps.length ? show() : done() }
  skip.onclick = done
  const bar = document.createElement('div')
  bar.append(place, skip, next)
  card.append(text, bar)
  el.append(card)
  show()
}
"""
_STYLE = """
:host {width: 100%; height: auto}
.tour-card {margin: 8px; background: var(--panel-surface-color, #fff);
  color: var(--panel-on-surface-color, #111);
  border: 1px solid rgba(128, 128, 128, .5); border-radius: 8px; padding: 10px 12px;
  box-shadow: 0 6px 24px rgba(0, 0, 0, .25); font-size: 13px; line-height: 1.45}
.tour-card p {margin: 0 0 10px}
.tour-card div {display: flex; gap: 8px; align-items: center}
.tour-card span {flex: 1; opacity: .75}
.tour-card button {font: inherit; padding: 3px 9px; border-radius: 5px; cursor: pointer;
  border: 1px solid rgba(128, 128, 128, .6); background: none; color: inherit}
.tour-card button:last-child {background: var(--panel-primary-color); border-color: transparent;
  color: var(--panel-on-primary-color)}
"""


class Tour(JSComponent):
    """Shown until a browser has seen it; remembers that in the browser only."""

    steps: list[str] = param.List(list(STEPS), item_type=str, doc="What it says.")  # type: ignore[assignment]

    _esm = _ESM
    _stylesheets = [_STYLE]
