"""The explorer: `panel serve launch.py --args ATLAS`."""

from __future__ import annotations

import sys

import panel as pn

from explorer.app import serve_page

pn.extension("tabulator", notifications=True)
serve_page(sys.argv[1:]).servable()
