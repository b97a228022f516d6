"""Where the explorer starts: the embedded demo, and what to say when an atlas can not be opened."""

from __future__ import annotations

from html import escape
from pathlib import Path

import panel as pn
import panel_material_ui as pmui

DEMO = Path(__file__).resolve().parent.parent / "data" / "demo"
"""Mock galaxies and a model of others of their kind; spectra are synthesised when asked for."""

COMMANDS = """\
python -m data ingest FILES... --out SURVEY
python -m model train SURVEY --out MODEL
python -m model atlas SURVEY MODEL --out ATLAS
panel serve launch.py --args ATLAS
"""
"""From FITS files of spectra to a map of their latent space, and how to open it."""


def error_page(path: Path, error: Exception) -> pmui.Page:
    """Return the page shown when the atlas named can not be opened."""
    text = (
        f"<h1>This atlas can not be opened</h1><pre>{escape(str(path))}</pre>"
        f"<p>{escape(str(error))}</p><p>Three commands make an atlas of spectra, the fourth opens "
        "it; without a name it opens the demo:</p>"
        f"<pre>{escape(COMMANDS)}</pre>"
    )
    pane = pn.pane.HTML(text, max_width=760, sizing_mode="stretch_width", margin=(24, 32))
    return pmui.Page(title="Latent-space explorer", main=[pane])
