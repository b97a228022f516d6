"""A pane of HTML that may change while its tab is closed.

Works around a fault of Panel 1.9.4: `Reactive._get_properties` takes the address of style sheets
from the document of the pane's model. The model of a pane in a closed tab has none, and the whole
page then loads those style sheets from Panel's CDN. Without the patch, that is what happens.
"""

from __future__ import annotations

from typing import Any

import panel as pn
from bokeh.document import Document

from explorer.server.versions import known_good


class Html(pn.pane.HTML):
    """HTML whose style sheets come from this server."""

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        known = known_good("panel")
        return super()._get_properties((doc or pn.state.curdoc) if known else doc)
