"""The contact sheet: a dozen objects or more, spectrum, reconstruction and residual of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import param
from panel.custom import JSComponent

from data.columns import column
from explorer.labels.label import Label
from explorer.map.key import format_value
from explorer.outliers.thumbnails import HEIGHT, RESIDUAL_HEIGHT, WIDTH, Thumbnail
from explorer.state.state import ExplorerState

PER_PAGE = 12
PAGE_SIZES = (PER_PAGE, 20, 40)
"""Cards on a page to choose from."""

_CSS = """
:host { width: 100%; }
.sheet { display: grid; gap: 6px; padding: 2px;
  font: 11px/1.35 Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 185px), 1fr)); color: var(--text); }
.card { border: 1px solid var(--faint); border-radius: 5px; padding: 3px 5px 4px; cursor: pointer;
  background: var(--paper); min-width: 0; }
.card.now { outline: 2px solid var(--highlight); border-color: var(--highlight); }
.card:focus-visible { outline: 2px dashed var(--text); outline-offset: 1px; }
.head { display: flex; gap: 6px; align-items: baseline; white-space: nowrap; }
.id { overflow: hidden; text-overflow: ellipsis; flex: 1; font-variant-numeric: tabular-nums; }
.rank { opacity: .65; }
.mark:empty { display: none; }
.mark { font-weight: 700; border-radius: 8px; padding: 0 6px; background: var(--highlight);
  color: var(--paper); }
.foot { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; opacity: .85; }
svg { display: block; width: 100%; }
svg.flux { height: 60px; }
svg.residual { height: 22px; margin: 1px 0 3px; }
path { fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.data { stroke: var(--text); stroke-width: .8; opacity: .8; }
.model { stroke: var(--model); stroke-width: 1.3; }
.zero { stroke: var(--faint); stroke-width: 1; opacity: .6; }
"""

_ESM = """
const SVG = 'http://www.w3.org/2000/svg'

const make = (tag, name, text) => {
  const made = document.createElement(tag)
  made.className = name
  if (text !== undefined) made.textContent = text
  return made
}

const drawing = (name, width, height, paths) => {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.setAttribute('aria-hidden', 'true')
  svg.classList.add(name)
  for (const [kind, d] of paths) {
    const path = document.createElementNS(SVG, 'path')
    path.setAttribute('d', d)
    path.classList.add(kind)
    svg.append(path)
  }
  return svg
}

export function render({model, el}) {
  const sheet = make('div', 'sheet')
  sheet.setAttribute('role', 'group')
  sheet.setAttribute('aria-label', 'Contact sheet')
  const paint = () => {
    for (const [name, colour] of Object.entries(model.colours)) {
      sheet.style.setProperty(`--${name}`, colour)
    }
  }
  const label = () => {
    sheet.querySelectorAll('.mark').forEach((mark, at) => {
      const text = model.marks[at] ?? ''
      if (mark.textContent !== text) mark.textContent = text
    })
  }
  const follow = () => {
    Array.from(sheet.children).forEach((card, at) => {
      card.classList.toggle('now', at === model.current)
      card.setAttribute('aria-pressed', at === model.current)
    })
  }
  const fill = () => {
    const [width, height, low] = model.size
    const middle = `M0 ${low / 2}L${width} ${low / 2}`
    sheet.replaceChildren(...model.cards.map((item, at) => {
      const card = make('div', 'card')
      const head = make('div', 'head')
      head.append(
        make('span', 'rank', item.rank), make('span', 'id', item.id), make('span', 'mark'),
      )
      card.append(
        head,
        drawing('flux', width, height, [['data', item.data], ['model', item.model]]),
        drawing('residual', width, low, [['zero', middle], ['data', item.residual]]),
        make('div', 'foot', item.facts),
      )
      card.title = `${item.id}\\n${item.facts}`
      card.tabIndex = 0
      card.setAttribute('role', 'button')
      card.setAttribute('aria-label', `${item.rank} ${item.id} ${item.facts}`)
      const pick = () => model.send_msg({picked: at})
      card.addEventListener('click', pick)
      card.addEventListener('keydown', (event) => {
        if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); pick() }
      })
      return card
    }))
    label()
    follow()
  }
  model.on('cards', fill)
  model.on('marks', label)
  model.on('current', follow)
  model.on('colours', paint)
  paint()
  fill()
  el.append(sheet)
}
"""


class ContactSheet(JSComponent):
    """Cards in a grid; what is written on them is text, whatever it looks like."""

    cards: list[dict[str, str]] = param.List([], item_type=dict, doc="See `card`.")  # type: ignore[assignment]
    marks: list[str] = param.List([], item_type=str, doc="Label of each card, empty if none.")  # type: ignore[assignment]
    current: int = param.Integer(-1, doc="Card of the selected object, -1 = none of these.")  # type: ignore[assignment]
    colours: dict[str, str] = param.Dict({}, doc="Names and values of the colours used.")  # type: ignore[assignment]
    size: list[int] = param.List([WIDTH, HEIGHT, RESIDUAL_HEIGHT], doc="Units of the drawings.")  # type: ignore[assignment]

    _esm = _ESM
    _stylesheets = [_CSS]

    def __init__(self, on_pick: Callable[[int], None]) -> None:
        """Call `on_pick` with the number of the card clicked."""
        self._on_pick = on_pick
        super().__init__(sizing_mode="stretch_width", margin=0)
        self.on_msg(self._hear)

    def _hear(self, event: Any) -> None:  # noqa: ANN401
        data = event.data
        picked = data.get("picked") if isinstance(data, dict) else None
        if isinstance(picked, int) and 0 <= picked < len(self.cards):
            self._on_pick(picked)


def card(
    thumbnail: Thumbnail, *, rank: int, object_id: str, facts: Sequence[str]
) -> dict[str, str]:
    """Return what the page needs to draw one card.

    Args:
        thumbnail: Its pictures.
        rank: Place in the list, from 1.
        object_id: Written on it.
        facts: Written under the pictures.
    """
    return {
        "rank": f"{rank:,}",
        "id": object_id,
        "facts": " \N{MIDDLE DOT} ".join(facts),
        "data": thumbnail.data,
        "model": thumbnail.model,
        "residual": thumbnail.residual,
    }


def facts_of(state: ExplorerState, row: int) -> list[str]:
    """Return the few facts written under a thumbnail."""
    dataset = state.dataset
    named = {str(state.score): "", "z": column("z").heading, "snr": column("snr").heading}
    values = [
        (label, float(dataset.numeric(name)[row]))
        for name, label in named.items()
        if name in dataset.numeric_columns
    ]
    return [
        f"{label} {format_value(round(value, 4))}" for label, value in values if np.isfinite(value)
    ]


def mark_of(label: Label | None) -> str:
    """Return the short mark of a label on a card."""
    if label is None or label.empty:
        return ""
    return " ".join(filter(None, [str(label.grade) if label.grade is not None else "", label.kind]))
