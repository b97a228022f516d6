"""How wide the browser is, so that the page can share it out."""

from __future__ import annotations

import param
from panel.custom import JSComponent

_ESM = """
export function render({model, el}) {
  el.style.display = 'none'
  model.width_seen = window.innerWidth
}
"""


class Screen(JSComponent):
    """Invisible; tells the width of the window when the page opens."""

    width_seen: int = param.Integer(0, bounds=(0, None), doc="Pixels; 0 until the browser told.")  # type: ignore[assignment]

    _esm = _ESM


def beside_map(width: int) -> int:
    """Return how wide the panel beside the map should be, pixels."""
    return min(max(int(0.43 * width), 560), 1000)
