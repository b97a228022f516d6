"""A thin bar at the top that moves while the server works for this session."""

from __future__ import annotations

import param
from panel.custom import JSComponent

from explorer.server.one_way import OneWay

_ESM = """
export function render({model, el}) {
  const bar = document.createElement('div')
  bar.className = 'bar'
  bar.setAttribute('role', 'progressbar')
  bar.setAttribute('aria-label', 'working')
  const follow = () => bar.classList.toggle('busy', model.busy)
  model.on('busy', follow)
  follow()
  el.append(bar)
}
"""
_CSS = """
.bar { position: fixed; top: 0; left: 0; right: 0; height: 3px; z-index: 9999; opacity: 0;
  pointer-events: none; background: linear-gradient(90deg, transparent, #3b8fd6, transparent);
  background-size: 40% 100%; background-repeat: no-repeat; transition: opacity .1s; }
.bar.busy { opacity: 1; transition-delay: .25s; animation: travel 1.1s linear infinite; }
@keyframes travel { from { background-position: -70% 0; } to { background-position: 170% 0; } }
@media (prefers-reduced-motion: reduce) {
  .bar.busy { animation: none; background-size: 100% 100%; }
}
"""


class BusyBar(OneWay, JSComponent):
    """Shows after a quarter of a second of work; put it anywhere on the page.

    A component of its own: Panel walks through all models of the page at each change of
    `Page.busy`, 0.1 s every time.
    """

    busy: bool = param.Boolean(False, doc="Work is being done.")  # type: ignore[assignment]

    _esm = _ESM
    _stylesheets = [_CSS]

    def __init__(self) -> None:
        """Start idle."""
        super().__init__(width=0, height=0, margin=0)

    def follow(self, working: bool) -> None:
        """Show whether work is being done."""
        self.busy = working
