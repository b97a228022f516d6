"""Lets Bokeh leave style sheets alone that do not change.

Bokeh 3.9 writes the style sheet of every renderer anew whenever it paints, the same text or not,
and asks for a computed style next: the browser then works out the styles of the page, seventy
times for one click on the map.
"""

from __future__ import annotations

from bokeh.document import Document
from bokeh.models import CustomJS

_CODE = """
const {prototype} = Bokeh.require('core/dom').InlineStyleSheet;
prototype._update = function(css) {
  if (this.el.textContent !== css) this.el.textContent = css;
};
"""


def keep_style_sheets(document: Document) -> None:
    """Write style sheets only where they change, in every page of a document."""
    document.js_on_event("document_ready", CustomJS(code=_CODE))
