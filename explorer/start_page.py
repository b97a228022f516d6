"""Pages without an atlas: how to make one, and what is wrong with the one named."""

from __future__ import annotations

from html import escape
from pathlib import Path

import panel as pn
import panel_material_ui as pmui

_COMMANDS = """
python -m data ingest FILES... --out SURVEY
python -m model train SURVEY --out MODEL
python -m model atlas SURVEY MODEL --out ATLAS
panel serve launch.py --args ATLAS
"""


def start_page() -> pmui.Page:
    """Return the page shown when no atlas was named."""
    text = (
        "<h1>No atlas yet</h1><p>Three commands lead from FITS files of spectra to a map of their "
        f"latent space; the fourth opens it:</p><pre>{escape(_COMMANDS.strip())}</pre>"
    )
    return _message_page(text)


def error_page(path: Path, error: Exception) -> pmui.Page:
    """Return the page shown when the atlas named can not be opened."""
    text = (
        f"<h1>This atlas can not be opened</h1><pre>{escape(str(path))}</pre>"
        f"<p>{escape(str(error))}</p><p>To open another one:</p>"
        "<pre>panel serve launch.py --args ATLAS</pre>"
    )
    return _message_page(text)


def _message_page(text: str) -> pmui.Page:
    pane = pn.pane.HTML(text, max_width=760, sizing_mode="stretch_width", margin=(24, 32))
    return pmui.Page(title="Latent-space explorer", main=[pane])
