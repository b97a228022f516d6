"""Pinned objects: their spectra stay on the figure, to be compared with the one selected."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from data.arrays import FloatArray
from explorer.components.wrapping import wrapping
from explorer.server.notices import attempt
from explorer.spectrum.inspection import RestSpectrum
from explorer.spectrum.smoothing import smooth
from explorer.state.state import ExplorerState
from explorer.theme.colour import PIN_COLOURS
from explorer.theme.text import SMALL

ROOM = 1.15
"""Distance of stacked spectra, in heights of the selected one."""


class PinBar(pn.viewable.Viewer):
    """Pins the selected object, and names the pinned ones in the colours of their spectra."""

    def __init__(self, state: ExplorerState) -> None:
        """Follow the pins."""
        super().__init__()
        self._state = state
        self.pin = pmui.IconButton(icon="push_pin", size="small", margin=0, align="center")
        self.stack = pmui.Checkbox.from_param(
            state.param.stacked, label="Stack", description="", **SMALL
        )
        self.clear = pmui.Button(label="Unpin all", variant="text", **SMALL)
        self.names: list[Any] = []
        self._row = wrapping(gap="2px", margin=(0, 0, 0, 6))
        self.pin.on_click(lambda _event: self._toggle())
        self.clear.on_click(lambda _event: self._unpin_all())
        state.param.watch(lambda *_: self._follow(), ["pins", "selected"])
        self._follow()

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the names of the pinned objects; the button that pins stands elsewhere."""
        return self._row

    def _toggle(self) -> None:
        attempt(self._state.pin)

    def _unpin_all(self) -> None:
        self._state.param.update(pins=[], stacked=False)

    def _select(self, pin: str) -> None:
        self._state.param.update(guest=None, selected=self._state.dataset.row(pin))

    def _follow(self) -> None:
        state = self._state
        pinned = state.selected_id in state.pins
        keep = "Keep this spectrum, to compare others with it (p)"
        self.pin.description = "Unpin this spectrum (p)" if pinned else keep
        self.pin.color = "primary" if pinned else "default"
        self.pin.disabled = not state.selected_id
        if [name.label for name in self.names] != state.pins:
            pairs = zip(state.pins, PIN_COLOURS, strict=False)
            self.names = [self._name(pin, colour) for pin, colour in pairs]
            self._row[:] = [*self.names, self.stack, self.clear] if state.pins else []

    def _name(self, pin: str, colour: str) -> Any:  # noqa: ANN401 - a widget
        """Return a button that selects a pinned object, and says which curve is its."""
        button = pmui.Button(
            label=pin, icon="show_chart", variant="text", size="small", margin=(4, 2),
            description="Select this object", align="center",
            sx={"textTransform": "none", "color": colour, "whiteSpace": "nowrap"},
        )  # fmt: skip
        button.on_click(lambda _event: self._select(pin))
        return button


def pinned_curves(
    pins: list[RestSpectrum], *, shift: float, width: int, stacked: bool, below: FloatArray
) -> dict[str, list[Any]]:
    """Return what to draw of pinned spectra.

    Args:
        pins: Their rest-frame spectra.
        shift: What to multiply rest wavelengths by.
        width: Standard deviation of the smoothing, pixels.
        stacked: Draw each above the one before.
        below: Flux of the selected object, NaN where masked, which the first lies above.
    """
    known = below[np.isfinite(below)]
    height = float(np.subtract(*np.percentile(known, [98, 2]))) if len(known) else 1.0
    step = ROOM * max(height, 1e-3) if stacked else 0.0
    return {
        "xs": [wave * shift for wave, _flux in pins],
        "ys": [
            smooth(flux, np.isfinite(flux), width) + step * number
            for number, (_wave, flux) in enumerate(pins, start=1)
        ],
        "colour": list(PIN_COLOURS[: len(pins)]),
    }
