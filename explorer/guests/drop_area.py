"""Takes files that are dropped on the page, or chosen with a button, and sends them piece by piece.

A component of its own: that of Panel loads its JavaScript from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import param
from panel.custom import JSComponent

from data.ingest.cells import plain_text
from explorer.guests.placing import MOST_BYTES, MOST_FILES, Upload
from explorer.server.messages import together
from explorer.server.notices import report

_ESM = """
const PIECE = 1_000_000 // bytes of one message; servers take no more than 20 million

export function render({model, el}) {
  const button = document.createElement('button')
  button.className = 'bring'
  button.textContent = 'Drop spectra on the page, or choose files'
  const input = document.createElement('input')
  input.type = 'file'
  input.multiple = true
  input.setAttribute('aria-label', 'Files of spectra')
  input.hidden = true
  const veil = document.createElement('div')
  veil.className = 'veil'
  veil.textContent = 'Drop spectra to place them in this atlas'
  el.append(button, input)

  let sending = false
  const send = async (files) => {
    if (sending || !files.length) return
    sending = true
    try {
      const sizes = files.map((file) => file.size)
      const size = sizes.reduce((sum, one) => sum + one, 0)
      model.send_msg({kind: 'start', names: files.map((file) => file.name), size})
      if (files.length > model.most_files || size > model.most_bytes) return
      for (const [number, file] of files.entries()) {
        for (let at = 0; at < file.size; at += PIECE) {
          const bytes = await file.slice(at, at + PIECE).arrayBuffer()
          model.send_msg({kind: 'piece', number, bytes})
        }
      }
      model.send_msg({kind: 'end'})
    } catch (error) {
      model.send_msg({kind: 'failed', why: String(error)})
    } finally { sending = false }
  }
  button.onclick = () => input.click()
  input.onchange = () => { send([...input.files]); input.value = '' }

  const brings = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files')
  const over = (event) => {
    if (!brings(event)) return
    event.preventDefault()
    if (!veil.isConnected) el.append(veil)
  }
  const leave = (event) => { if (event.relatedTarget === null) veil.remove() }
  const drop = (event) => {
    if (!brings(event)) return
    event.preventDefault()
    veil.remove()
    send([...event.dataTransfer.files])
  }
  const listeners = {dragover: over, dragleave: leave, drop}
  for (const [name, heard] of Object.entries(listeners)) window.addEventListener(name, heard)
  model.on('remove', () => {
    for (const [name, heard] of Object.entries(listeners)) window.removeEventListener(name, heard)
  })
}
"""
_STYLE = """
.bring {width: 100%; font: inherit; font-size: 12px; line-height: 1.35; padding: 8px 6px;
  border: 1.5px dashed rgba(128, 128, 128, .7); border-radius: 6px; background: none;
  color: inherit; cursor: pointer}
.bring:hover, .bring:focus-visible {border-color: var(--panel-primary-color); outline: none}
.veil {position: fixed; inset: 8px; z-index: 2000; display: grid; place-items: center;
  font-size: 22px; border: 3px dashed var(--panel-primary-color); border-radius: 12px;
  pointer-events: none; background: var(--panel-background-color, #fff);
  color: var(--panel-on-background-color, #111); opacity: .9}
"""


class DropArea(JSComponent):
    """A button; files may be dropped anywhere on the page while it is there."""

    most_files: int = param.Integer(MOST_FILES, doc="Files of one drop.")  # type: ignore[assignment]
    most_bytes: int = param.Integer(MOST_BYTES, doc="Bytes of one drop.")  # type: ignore[assignment]

    _esm = _ESM
    _stylesheets = [_STYLE]

    def __init__(self, on_files: Callable[[Sequence[Upload]], None]) -> None:
        """Call `on_files` with each drop that has arrived."""
        self._on_files = on_files
        self._names: list[str] = []
        self._pieces: list[list[bytes]] = []
        self._n_byte = 0
        super().__init__(sizing_mode="stretch_width", margin=(5, 10))
        self.on_msg(self._hear)

    def _hear(self, event: Any) -> None:  # noqa: ANN401
        data = event.data if isinstance(event.data, dict) else {}
        with together():
            try:
                self.hear(data)
            except ValueError as error:
                self._forget()
                report(error)

    def hear(self, data: dict[str, Any]) -> None:
        """Take a message of the browser, of which nothing is believed.

        Raises:
            ValueError: There are too many files or bytes, or a piece is none.
        """
        kind = data.get("kind")
        if kind == "start":
            self._start([plain_text(name) for name in data.get("names", [])], data.get("size", 0))
        elif kind == "piece":
            self._take(data.get("number"), data.get("bytes"))
        elif kind == "end" and self._names:
            pairs = zip(self._names, self._pieces, strict=True)
            uploads = [Upload(name, b"".join(pieces)) for name, pieces in pairs]
            self._forget()
            self._on_files(uploads)
        elif kind == "failed":
            raise ValueError(f"the browser can not read the files: {plain_text(data.get('why'))}")

    def _start(self, names: list[str], size: int) -> None:
        self._forget()
        if len(names) > MOST_FILES:
            raise ValueError(f"at most {MOST_FILES} files can be brought at once, got {len(names)}")
        if not 0 < size <= MOST_BYTES:
            raise ValueError(
                f"files brought may have up to {MOST_BYTES / 1e6:.0f} MB together, "
                f"got {size / 1e6:.1f} MB; larger ones: python -m model place"
            )
        self._names, self._pieces = names, [[] for _ in names]

    def _take(self, number: Any, piece: Any) -> None:  # noqa: ANN401
        if not self._names:
            return  # of a drop that was refused
        if not isinstance(piece, bytes) or number not in range(len(self._names)):
            raise ValueError("a piece of a file did not arrive as it should; drop it again")
        self._n_byte += len(piece)
        if self._n_byte > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES / 1e6:.0f} MB arrived; bring fewer files")
        self._pieces[number].append(piece)

    def _forget(self) -> None:
        self._names, self._pieces, self._n_byte = [], [], 0
