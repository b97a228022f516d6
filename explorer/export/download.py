"""Send a file made on the server to the browser, without writing it to disk."""

from __future__ import annotations

import param
from panel.custom import JSComponent

from explorer.export.export import Exported

_ESM = """
export function render({model, el}) {
  el.style.display = 'none'
  model.on('change:serial', () => {
    if (!model.serial) return
    const blob = new Blob([model.content], {type: model.media_type})
    const link = document.createElement('a')
    link.href = URL.createObjectURL(blob)
    link.download = model.file_name
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 60000)
  })
}
"""


class Download(JSComponent):
    """Invisible; put it on the page once and `send` files through it."""

    content = param.Bytes(b"", doc="The file.")
    file_name = param.String("", doc="What the browser calls it.")
    media_type = param.String("", doc="Its media type.")
    serial = param.Integer(0, doc="Grows with every file.")

    _esm = _ESM

    def send(self, exported: Exported) -> None:
        """Let the browser save a file."""
        self.param.update(
            content=exported.content, file_name=exported.name, media_type=exported.media_type
        )
        self.serial += 1
