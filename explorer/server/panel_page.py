"""Prepare a page of Panel: its own files from this server, no tie to the process-wide busy flag.

Works around two properties of Panel 1.9.4 and panel-material-ui 0.16.6:

- `panel.io.server` sets the template variable `dist_url` only after the page is made. Style sheets
  of panes made on the way (by a callback that runs while the page is built) point to Panel's CDN,
  which an offline browser can not reach.
- `pmui.Page.busy` is linked to `pn.state.busy`, a read-only parameter that turns with every event
  of every session; each turn walks all models of every page, 0.1 s for the explorer's. The link
  also keeps every page that was ever opened in memory, 20 MB each. Giving `busy` a value ends
  neither: Param goes on watching what it followed before. Another thing to follow does.

Without the patches such panes take their styles from the CDN, clicks take longer and the server
grows with every visit.
"""

from __future__ import annotations

import panel_material_ui as pmui
import param
from bokeh.document import Document
from panel.io.resources import get_dist_path
from panel.util.parameters import edit_readonly

from explorer.server.versions import known_good


def serve_own_files(document: Document) -> None:
    """Let what is made from now on take Panel's files from this server."""
    if known_good("panel"):
        document.template_variables["dist_url"] = get_dist_path(cdn=False)


def cut_busy_tie(page: pmui.Page) -> None:
    """End the page's link to the busy flag of the process; `watch_activity` takes its place."""
    if known_good("panel", "panel-material-ui"):
        with edit_readonly(page):
            page.param.update(busy=param.rx(False))  # noqa: FBT003 - for this page only


def show_typed(field: pmui.AutocompleteInput, text: str) -> None:
    """Show a text in a field in place of what is being typed, which `value` does not undo."""
    with edit_readonly(field):
        field.value_input = text
