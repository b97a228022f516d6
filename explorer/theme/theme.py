"""Colours of figures in the light and the dark theme, and figures that follow them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bokeh.core.property.descriptors import UnsetValueError
from bokeh.models import AllIndices
from bokeh.plotting import figure
from bokeh.themes import Theme


@dataclass(frozen=True)
class Ink:
    """Colours of one theme.

    Attributes:
        paper: Background of figures.
        text: Labels and data.
        faint: Ticks, grids, what stands back.
        halo: Around marks on the map, so that they show on any colour.
        model: The reconstruction.
        decoded: The decoded rest-frame model.
        noise: The noise band.
        masked: Shading of masked pixels.
        sky: Shading of sky-line pixels.
        emission: Emission lines.
        absorption: Absorption lines.
        accent: Whatever is selected.
        highlight: What a view highlights on the map.
        guest: What the user brought.
    """

    paper: str
    text: str
    faint: str
    halo: str
    model: str
    decoded: str
    noise: str
    masked: str
    sky: str
    emission: str
    absorption: str
    accent: str
    highlight: str
    guest: str


LIGHT = Ink(
    paper="#ffffff", text="#1b1f24", faint="#9aa1a9", halo="#ffffff", model="#d55e00",
    decoded="#7b3fa0", noise="#8fa3b8", masked="#b8bcc2", sky="#c9b458", emission="#3568b5",
    absorption="#2e7d4f", accent="#111111", highlight="#d81b9c", guest="#0086ad",
)  # fmt: skip
DARK = Ink(
    paper="#121417", text="#e4e7ea", faint="#6b727b", halo="#000000", model="#ff9a4d",
    decoded="#c39bec", noise="#5d7590", masked="#4a4f57", sky="#77692a", emission="#7fb0ff",
    absorption="#7fd3a0", accent="#ffffff", highlight="#ff6fd0", guest="#4dd8ff",
)  # fmt: skip


def ink(dark: bool) -> Ink:
    """Return the colours of a theme."""
    return DARK if dark else LIGHT


_PARTS = ("Axis", "Legend", "BaseColorBar", "ColorBar", "Title", "Grid", "Plot", "Figure")
FIGURE_THEME = Theme(json={"attrs": {part: {} for part in _PARTS}})
"""Names what `paint` styles, without styling it, so that Panel's design does not style it."""
_TYPE = {"fontFamily": "Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"}
_CANVAS = ".bk-Canvas {--highlight-color: transparent; clip-path: inset(1px 0 0 1px)}"
"""No ring around what has the focus; no first row and column: BokehJS 3.9 clears half of these, and
old lines and papers shine through."""
_FAINT_DIVIDERS = ".bk-divider {opacity: .3}"
_TAB = {"minHeight": "34px", "padding": "4px 12px", "textTransform": "none", "minWidth": "0px"}
_COMPONENTS = {
    "MuiTab": {"styleOverrides": {"root": _TAB}},
    "MuiButton": {"styleOverrides": {"root": {"textTransform": "none"}}},
    "MuiToggleButton": {"styleOverrides": {"root": {"textTransform": "none"}}},
    "MuiTabs": {"styleOverrides": {"root": {"minHeight": "34px"}}},
    # A menu that fades out is hidden already: a quick click reaches what lies below. The menus of
    # panel-material-ui 0.16.6 take such a click for one on their field, and open again.
    "MuiPopover": {
        "styleOverrides": {"root": {'&[aria-hidden="true"]': {"pointerEvents": "none"}}}
    },
}
PAGE_THEME: dict[str, Any] = {
    "light": {
        "palette": {
            "primary": {"main": "#1f5f99", "contrastText": LIGHT.paper},
            "background": {"default": LIGHT.paper, "paper": LIGHT.paper},
        },
        "typography": _TYPE | {"fontSize": 12},
        "components": _COMPONENTS,
    },
    "dark": {
        "palette": {
            "primary": {"main": "#8ab8e6", "contrastText": DARK.paper},
            "background": {"default": DARK.paper, "paper": DARK.paper},
        },
        "typography": _TYPE | {"fontSize": 12},
        "components": _COMPONENTS,
    },
}
"""Material palettes: paper of the figures everywhere, one quiet blue for what can be pressed."""
UNVEILED = "#loader:not(.error) {background: none; pointer-events: none}"
"""Style sheet that makes the loading overlay click-through: what is there can be used already."""
SIDEBAR = 216
"""Width of the controls, pixels."""
NOTICES = f"""
#notistack-container * {{pointer-events: none !important}}
#notistack-container button {{pointer-events: auto !important}}
@media (min-width: 900px) {{
  .notistack-SnackbarContainer {{left: {SIDEBAR + 14}px !important; bottom: 66px !important;
    max-width: 330px !important}}
}}
"""
"""Style sheet of notices: what they cover for some seconds can be used; their buttons work. They
lie beside the controls and above the map's key where the page has room."""
PAGE_SX: dict[str, Any] = {
    ".MuiAppBar-root": {
        "bgcolor": "primary.contrastText",
        "color": "primary.main",
        "boxShadow": "none",
        "borderBottom": "1px solid rgba(128,128,128,.35)",
        "backgroundImage": "none",
    },
    ".MuiToolbar-root": {"minHeight": "40px !important"},
    ".title": {"fontSize": "15px !important", "color": "inherit !important"},
    "a": {"color": "inherit !important"},
    ".MuiDrawer-paper": {"backgroundImage": "none"},
}


def new_figure(**options: Any) -> Any:  # noqa: ANN401 - Bokeh's figure
    """Return a figure without logo and with tight margins; style it with `paint`."""
    defaults: dict[str, Any] = {
        "toolbar_location": None,
        "sizing_mode": "stretch_both",
        "min_border": 2,
        "outline_line_color": None,
        "stylesheets": [_CANVAS],
        "output_backend": "canvas",
    }
    made = figure(**(defaults | options))
    made.toolbar.logo = None
    made.toolbar.stylesheets = [_FAINT_DIVIDERS]
    return made


def paint(fig: Any, *, dark: bool) -> None:  # noqa: ANN401 - Bokeh's figure
    """Colour a figure's paper, axes, grids, titles and legends for a theme."""
    _slim(fig)
    colours = ink(dark)
    fig.update(background_fill_color=colours.paper, border_fill_color=colours.paper)
    for axis in fig.axis:
        axis.update(
            axis_label_text_color=colours.text,
            major_label_text_color=colours.text,
            axis_line_color=colours.faint,
            major_tick_line_color=colours.faint,
            minor_tick_line_color=colours.faint,
            axis_label_text_font_style="normal",
            axis_label_text_font_size="11px",
            major_label_text_font_size="10px",
            axis_label_standoff=3,
            major_label_standoff=3,
            minor_tick_line_alpha=0.7,
            major_tick_in=0,
            major_tick_out=4,
            minor_tick_out=2,
        )
    for grid in fig.grid:
        grid.update(grid_line_color=colours.faint, grid_line_alpha=0.18)
    for legend in fig.legend:
        legend.update(
            background_fill_color=colours.paper,
            background_fill_alpha=0.7,
            border_line_color=None,
            label_text_color=colours.text,
            inactive_fill_color=colours.paper,
            inactive_fill_alpha=0.6,
        )
    fig.title.text_color = colours.text  # type: ignore[union-attr]


def _slim(fig: Any) -> None:  # noqa: ANN401
    """Remove the glyphs for unselected and muted data and the row filters, which none here uses.

    That saves three models for each of some seventy renderers; a page is slower the more it has.
    """
    everything = AllIndices()
    for renderer in fig.renderers:
        if renderer.nonselection_glyph is not None:
            renderer.update(nonselection_glyph=None, muted_glyph=None)
            renderer.view.filter = everything


def inner_size(fig: Any) -> tuple[int, int] | None:  # noqa: ANN401
    """Return width and height of the plotting area in pixels; None before it is on a screen."""
    try:
        width, height = fig.inner_width, fig.inner_height
    except UnsetValueError:
        return None
    return (int(width), int(height)) if width and height else None
