"""The choices above the spectrum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from explorer.components.wrapping import wrapping
from explorer.state.state import ExplorerState


def toolbar(state: ExplorerState, show_all: Callable[[], None], *more: Any) -> pn.FlexBox:  # noqa: ANN401 - widgets
    """Return the choices above the spectrum: frame, lines, height, smoothing, others' spectra.

    Args:
        state: The session.
        show_all: Undoes every zoom.
        more: Widgets at the end.
    """
    parameters = state.param
    plain: dict[str, Any] = {"size": "small", "description": "", "align": "center"}
    return wrapping(
        pmui.RadioButtonGroup.from_param(
            parameters.frame, label="", options=["observed", "rest"], margin=(0, 10),
            **plain,
        ),
        pmui.Select.from_param(
            parameters.lines, label="Lines", width=92, margin=(4, 4, 0, 4), **plain
        ),
        pmui.Select.from_param(
            parameters.flux_range, label="Height fits", width=104, margin=(4, 4, 0, 4),
            options={"whole": "all", "continuum": "continuum", "window": "window"}, **plain,
        ),
        pmui.IconButton(
            icon="zoom_out_map", size="small", margin=0, align="center",
            description="Show the whole spectrum (double-click)",
            on_click=lambda _event: show_all(),
        ),
        pmui.IntSlider.from_param(
            parameters.smoothing, label="Smoothing [pixels]", width=112, throttled=True,
            margin=(0, 8), **plain,
        ),
        pmui.Checkbox.from_param(
            parameters.overplot_neighbours, label="Neighbours", margin=(0, 0, 0, 8), **plain
        ),
        pmui.Checkbox.from_param(
            parameters.overplot_selection, label="Selection", margin=(0, 0, 0, 8), **plain
        ),
        pmui.IconButton(
            icon="compare_arrows", size="small", margin=0, align="center",
            description="Try another redshift (z)",
            on_click=lambda _event: state.param.update(trying=not state.trying),
        ),
        *more,
        margin=(4, 0, 0, 0),
    )  # fmt: skip
