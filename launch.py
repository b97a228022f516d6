"""The explorer: `panel serve launch.py --args ATLAS`."""

from __future__ import annotations

import gc
import sys

import panel as pn
from bokeh.settings import settings

gc.disable()  # what the libraries make stays: searching it for garbage takes 1.6 s
from explorer.app import serve_page  # noqa: E402

gc.enable()

settings.perform_document_validation = False  # of each page opened; the tests do it
pn.extension("tabulator", notifications=True, disconnect_notification="Connection lost.")
serve_page(sys.argv[1:]).servable()
