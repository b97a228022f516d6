"""A row of widgets that goes on below where the page is narrow."""

from __future__ import annotations

from typing import Any

import panel as pn


def wrapping(*widgets: Any, **options: Any) -> pn.FlexBox:  # noqa: ANN401 - Panel's
    """Return widgets side by side, in as many lines as their width needs.

    Panel's own rows never break: they make all that lies below them as wide as they are.

    Args:
        widgets: From left to right.
        options: For Panel's `FlexBox`, instead of these here.
    """
    usual: dict[str, Any] = {
        "sizing_mode": "stretch_width", "align_items": "center", "gap": "4px", "margin": 0,
    }  # fmt: skip
    return pn.FlexBox(*widgets, **(usual | options))
