"""Small lines of text beside widgets, and widgets without capitals."""

from __future__ import annotations

from html import escape
from typing import Any

from explorer.server.panel_html import Html

PLAIN: dict[str, Any] = {
    "textTransform": "none",
    "& .MuiButtonBase-root": {"textTransform": "none", "whiteSpace": "nowrap"},
}
"""`sx` of widgets whose words stay as they are written."""
SMALL: dict[str, Any] = {"size": "small", "margin": (4, 4), "sx": PLAIN, "align": "center"}
"""Look of the widgets of a tab."""
_STYLE = ":host {font-size: 11.5px; line-height: 1.35; opacity: .85} .bk-clearfix {display: block}"


def line(text: str, **options: Any) -> Html:  # noqa: ANN401
    """Return a pane of small wrapping text; set its `object` to escaped text only."""
    width = {} if "width" in options else {"sizing_mode": "stretch_width"}
    defaults: dict[str, Any] = {"margin": (3, 6), "stylesheets": [_STYLE]}
    return Html(escape(text), **(defaults | width | options))
