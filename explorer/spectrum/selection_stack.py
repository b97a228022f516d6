"""The stacked spectrum of the selected objects, drawn behind the one inspected."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np

from data.arrays import FloatArray
from explorer.server.latest import Latest
from explorer.spectrum.smoothing import smooth
from explorer.state.dataset import Dataset
from explorer.state.state import ExplorerState
from explorer.theme.text import line
from model.tracks.population import MOST_READ, Population, read_populations

COLUMNS = ("wave", "low", "middle", "high")


class SelectionStack:
    """Median and middle 68 % of the objects in the region, or else of those that pass the filters.

    Attributes:
        words: Says what is stacked.
        population: The stacked spectra, in the rest frame; None while there are none.
    """

    def __init__(self, state: ExplorerState, source: Any, changed: Callable[[], None]) -> None:  # noqa: ANN401
        """Follow the selection.

        Args:
            state: The session.
            source: What is drawn: columns `COLUMNS`, Angstrom on the axis.
            changed: Called when there is another stack, or none.
        """
        self._state, self._source, self._changed = state, source, changed
        self._reading = Latest()
        self.words = line("", visible=False)
        self.population: Population | None = None
        state.param.watch(lambda *_: self.read(), ["overplot_selection", "subset", "shown"])

    @property
    def curves(self) -> list[FloatArray]:
        """What the height of the figure must hold."""
        return [np.asarray(self._source.data["middle"])] if self.population else []

    def read(self) -> None:
        """Read and stack the objects selected now, if that is wanted."""
        state = self._state
        if not state.overplot_selection:
            if self.population is not None or self.words.visible:
                self._reading.submit(lambda: None, lambda _nothing: self._show(None, ""))
            return
        dataset, rows = state.dataset, state.rows()
        what = "selected" if state.subset is not None else "shown"
        self._reading.submit(
            lambda: read_stack(dataset, rows, what), lambda made: self._show(*made)
        )

    def _show(self, population: Population | None, words: str) -> None:
        self.population = population
        self.words.param.update(object=escape(words), visible=bool(words))
        self._changed()

    def draw(self, *, shift: float, width: int) -> None:
        """Draw the stack.

        Args:
            shift: What to multiply rest wavelengths by.
            width: Standard deviation of the smoothing, pixels of the rest grid.
        """
        item = self.population
        if item is None:
            if len(self._source.data["wave"]):  # a click need not send what is empty already
                self._source.data = {name: [] for name in COLUMNS}
            return
        curves = [smooth(flux, np.isfinite(flux), width) for flux in item.quantiles]
        values = (item.stack.wave * shift, *curves)
        self._source.data = {
            name: np.asarray(column, np.float32)
            for name, column in zip(COLUMNS, values, strict=True)
        }


def read_stack(dataset: Dataset, rows: Any, what: str) -> tuple[Population | None, str]:  # noqa: ANN401
    """Return the stacked spectra of some objects, if there are any, and what they are; slow."""
    atlas = dataset.atlas
    if not len(rows):
        return None, f"No stack: no object is {what}."
    try:
        item = read_populations(atlas.source, atlas.model, {what: rows})[what]
    except (ValueError, OSError) as error:
        return None, f"No stack: {error}."
    drawn = f", {MOST_READ} of them drawn at random" if item.n_object > MOST_READ else ""
    return item, (
        f"Stack of the {item.n_object:,} objects {what}{drawn}: their median in blue, and a band "
        "of the middle 68 %, noise included. Plots, compare has other scales, and two groups."
    )
