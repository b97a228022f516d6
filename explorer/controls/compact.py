"""How the widgets at the left of the map look."""

from __future__ import annotations

from typing import Any

COMPACT: dict[str, Any] = {
    "size": "small", "description": "", "sizing_mode": "stretch_width", "margin": (5, 10),
}  # fmt: skip
HEADING = "font-size:11px; letter-spacing:.06em; text-transform:uppercase; opacity:.65"
