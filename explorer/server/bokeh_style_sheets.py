"""Keep Bokeh from rewriting style sheets that do not change.

Works around a fault of BokehJS 3.9.2: each paint of a figure calls `InlineStyleSheet.replace` for
every renderer, which assigns `textContent` even where the text is the same, and then reads a
computed style. The browser recalculates the styles of the whole page each time, some seventy times
for one click on the map. Without the patch a click only takes longer.
"""

from __future__ import annotations

from bokeh.document import Document
from bokeh.models import CustomJS

from explorer.server.versions import known_good

_CODE = """
const {prototype} = Bokeh.require('core/dom').InlineStyleSheet;
if (typeof prototype._update === 'function') {
  prototype._update = function(css) {
    if (this.el.textContent !== css) this.el.textContent = css;
  };
}
"""


def keep_style_sheets(document: Document) -> None:
    """Write style sheets only where they change, in every page of a document."""
    if known_good("bokeh"):
        document.js_on_event("document_ready", CustomJS(code=_CODE))
