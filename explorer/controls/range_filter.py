"""A filter on a column of numbers: a range, and whether objects without a value pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.models import PrintfTickFormatter

from explorer.controls.compact import COMPACT
from explorer.state.dataset import Dataset

_STACKED = {
    "& > .MuiBox-root:first-of-type": {"flexDirection": "column", "alignItems": "stretch"},
    "& > .MuiBox-root:first-of-type > .MuiFormLabel-root": {"maxWidth": "100%"},
}
"""Puts the name above the boxes, which then have room for all digits."""


class RangeFilter(pn.viewable.Viewer):
    """A slider with boxes to type in, and a box for objects without a value where there are any.

    Attributes:
        value: (low, high), or (low, high, True) where objects without a value pass.
    """

    def __init__(self, dataset: Dataset, column: str, on_change: Callable[[Any], None]) -> None:
        """Let all pass.

        Args:
            dataset: The atlas.
            column: One of its columns of numbers.
            on_change: Called with the new value when the user changes it.
        """
        super().__init__()
        self._on_change = on_change
        low, high, *missing = everything(dataset, column)
        n_missing = int(np.count_nonzero(np.isnan(dataset.numeric(column))))
        self.slider = pmui.EditableRangeSlider(
            label=dataset.label(column), start=low, end=high, step=(high - low) / 200 or 1.0,
            value=(low, high), sx=_STACKED, **COMPACT,
            format=number_format(low, high) or PrintfTickFormatter(format="%.4g"),
        )  # fmt: skip
        self.missing = pmui.Checkbox(
            label=f"no value  {n_missing:,}", value=bool(missing), visible=n_missing > 0,
            size="small", description="", margin=(0, 10),
        )  # fmt: skip
        self._filling = False
        self.slider.param.watch(lambda event: self._tell(event.new), "value_throttled")
        self.missing.param.watch(lambda _event: self._tell(self.slider.value), "value")

    def __panel__(self) -> pn.viewable.Viewable:
        """Return slider and box."""
        return pn.Column(self.slider, self.missing, sizing_mode="stretch_width", margin=0)

    @property
    def value(self) -> tuple[Any, ...]:
        """What the widgets say."""
        low, high = self.slider.value
        return (low, high, True) if self.missing.value else (low, high)

    def fill(self, value: Any) -> None:  # noqa: ANN401 - a range, as a state or an address has it
        """Show a filter of the state."""
        self._filling = True
        self.slider.value = (value[0], value[1])
        self.missing.value = len(value) == 3 and bool(value[2])
        self._filling = False

    def _tell(self, limits: tuple[float, float] | None) -> None:
        if limits is not None and None not in limits and not self._filling:
            self._on_change((*limits, True) if self.missing.value else tuple(limits))


def everything(dataset: Dataset, column: str) -> tuple[Any, ...]:
    """Return the range that all objects pass, also those without a value."""
    values = dataset.numeric(column)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return (low, high, True) if np.isnan(values).any() else (low, high)


def number_format(low: float, high: float) -> str | None:
    """Return how to write values between two ends: to a thousandth of their distance.

    Returns:
        A numeral.js format with that many optional decimals; None for those that are too
        small or too large to be written without exponent, or too close to each other.
    """
    size = max(abs(low), abs(high))
    span = high - low
    if size >= 1e12 or not span > 1e-9:
        return None
    n_decimal = int(np.clip(np.ceil(3 - np.log10(span)), 0, 12))
    return f"0.[{'0' * n_decimal}]" if n_decimal else "0"
