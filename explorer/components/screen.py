"""How wide the browser is, so that the page can share it out."""

from __future__ import annotations

import param
from panel.custom import JSComponent

USUAL = 640
"""Width of the panel beside the map until the width of the screen is known."""

CONTROLS = 216
"""Width of the controls at the left of the map."""
LEAST, LEAST_MAP = 360, 400
"""Widths of panel and map on a small screen."""

_ESM = """
export function render({model, el}) {
  el.style.display = 'none'
  const tell = () => { model.width_seen = window.innerWidth }
  let timer = null
  const wait = () => { clearTimeout(timer); timer = setTimeout(tell, 300) }
  window.addEventListener('resize', wait)
  model.on('remove', () => window.removeEventListener('resize', wait))
  tell()
}
"""


class Screen(JSComponent):
    """Invisible; tells the width of the window when the page opens, and when it has changed."""

    width_seen: int = param.Integer(0, bounds=(0, None), doc="Pixels; 0 until the browser told.")  # type: ignore[assignment]

    _esm = _ESM


def beside_map(width: int) -> int:
    """Return how wide the panel beside the map should be on a screen, pixels."""
    wanted = min(max(int(0.43 * width), 560), 1000)
    if width:
        wanted = min(wanted, max(width - CONTROLS - LEAST_MAP, LEAST))
    return USUAL if abs(wanted - USUAL) < 60 else wanted  # not worth drawing the map again
