"""A filter on a column of words: one box for each class, with the number of its objects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import panel as pn
import panel_material_ui as pmui

from data.arrays import BoolArray
from explorer.state.dataset import Dataset
from explorer.state.selection import NO_VALUE

SHOWN_CLASSES = 12
"""Classes with a box of their own; rarer ones share one."""
OTHERS = "\N{BULLET} others"
"""Option that stands for the rarer classes; no class has this name."""


class ClassFilter(pn.viewable.Viewer):
    """Boxes for the classes that pass.

    Attributes:
        value: Names of the classes that pass; `NO_VALUE` for objects without one.
    """

    def __init__(
        self, dataset: Dataset, column: str, on_change: Callable[[list[str]], None]
    ) -> None:
        """Let all pass.

        Args:
            dataset: The atlas.
            column: One of its columns of words.
            on_change: Called with the new value when the user changes it.
        """
        super().__init__()
        self._on_change = on_change
        self._classes = dataset.classes(column)
        self._rare = self._classes.names[SHOWN_CLASSES:]
        self.value = everything(dataset, column)
        self._filling = False
        self.boxes = pmui.CheckBoxGroup(
            label=dataset.label(column), options=[], sizing_mode="stretch_width", margin=(2, 10)
        )
        self.boxes.param.watch(lambda event: self._tell(event.new), "value")
        self.fill(self.value, None)

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the boxes."""
        return self.boxes

    def fill(self, value: list[str], mask: BoolArray | None) -> None:
        """Show a filter of the state.

        Args:
            value: What passes.
            mask: Objects counted; None = all.
        """
        self.value = list(value)
        options = self._options(mask)
        chosen = [name for name in options.values() if name in value]
        if OTHERS in options.values() and set(self._rare) & set(value):
            chosen.append(OTHERS)
        self._filling = True
        self.boxes.param.update(options=options, value=chosen)
        # The browser ticks boxes by their labels, which have changed with the counts.
        self.boxes.param.trigger("value")
        self._filling = False

    def _options(self, mask: BoolArray | None) -> dict[str, str]:
        """Return label with count -> class, the most frequent of the atlas first."""
        classes = self._classes
        codes = classes.codes if mask is None else classes.codes[mask]
        counts = np.bincount(codes.astype(np.int64) + 1, minlength=len(classes.names) + 1)
        options: dict[str, str] = {}
        for name, count in zip(classes.names[:SHOWN_CLASSES], counts[1:], strict=False):
            short = f"{name[:24]}  {count:,}"
            options[f"{name}  {count:,}" if short in options else short] = name
        if self._rare:
            n_rare = classes.n_value - SHOWN_CLASSES
            n_object = int(counts[1 + SHOWN_CLASSES :].sum())
            options[f"{n_rare} rarer classes  {n_object:,}"] = OTHERS
        if (classes.codes < 0).any():
            options[f"no value  {counts[0]:,}"] = NO_VALUE
        return options

    def _tell(self, chosen: list[str]) -> None:
        if not self._filling:
            names = [name for name in chosen if name != OTHERS]
            self._on_change([*names, *self._rare] if OTHERS in chosen else names)


def everything(dataset: Dataset, column: str) -> list[str]:
    """Return the filter that all objects pass, also those without a value."""
    classes = dataset.classes(column)
    return [*classes.names, *([NO_VALUE] if (classes.codes < 0).any() else [])]
