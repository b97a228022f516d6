"""The buttons of a table's pages, which Panel draws before it knows on which page a table opens."""

from __future__ import annotations

from panel.custom import JSComponent

_ESM = """
export function render({model, el}) {
  el.style.display = 'none'
  let removed = false
  model.on('remove', () => { removed = true })
  const tables = () => [...window.Bokeh.index.query((view) => view.tabulator)]
  const draw = () => {
    if (removed) return
    const built = tables().filter((view) => !view._building)
    if (built.length) built.forEach((view) => view.setMaxPage())
    else requestAnimationFrame(draw)
  }
  draw()
}
"""


class Pager(JSComponent):
    """Invisible; draws the buttons again when the table is built."""

    _esm = _ESM
