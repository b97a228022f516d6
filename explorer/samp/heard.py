"""What other programs say by SAMP, followed on the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from data.arrays import IndexArray
from data.sky import separation
from explorer.controls.search import find
from explorer.guests.placing import Upload
from explorer.samp.messages import (
    HIGHLIGHT,
    LOAD_SPECTRUM,
    POINT,
    SELECT,
    position_told,
    row_told,
    rows_told,
    spectrum_told,
)
from explorer.server.in_turn import InTurn
from explorer.server.latest import Latest
from explorer.state.state import ExplorerState

SAME_PLACE = 1 / 3600
"""Degrees within which two spectra are taken for those of one object."""


class Heard:
    """Selects what others point at, marks what they select, shows the spectra they send."""

    def __init__(
        self,
        state: ExplorerState,
        tables: Mapping[str, IndexArray],
        on_spectra: Callable[[Sequence[Upload]], None],
    ) -> None:
        """Start without having heard anything.

        Args:
            state: The session.
            tables: Address -> rows of the tables sent; it may grow.
            on_spectra: Called with the spectra that other programs send.
        """
        self._state, self._tables, self._on_spectra = state, tables, on_spectra
        self._fetching, self._pointing = InTurn(), Latest()
        self._row: int | None = None

    def take_row(self) -> int | None:
        """Return the row that another program chose, once: it needs not be told."""
        row, self._row = self._row, None
        return row

    def follow(self, mtype: str, params: Mapping[str, Any]) -> None:
        """Do what a message asks for; one that makes no sense is left alone."""
        state = self._state
        if mtype == HIGHLIGHT:
            self._select(row_told(params, self._tables))
        elif mtype == SELECT:
            rows = rows_told(params, self._tables)
            state.param.update(highlight=rows, highlight_label="selected in another program")
        elif mtype == POINT and (place := position_told(params)) is not None:
            text = f"{place[0]:.7f} {place[1]:+.7f}"
            self._pointing.submit(lambda: find(state.dataset, text).rows, self._select_nearest)
        elif mtype == LOAD_SPECTRUM:
            self._fetching.submit(
                partial(spectrum_told, params), lambda upload: self._on_spectra([upload])
            )

    def _select_nearest(self, rows: list[int]) -> None:
        """Select the first of the objects found, unless the one selected is at the same place.

        TOPCAT tells the row of an object and then its place: of two spectra of it, that of the row
        is meant.
        """
        now, catalog = self._state.selected, self._state.dataset.catalog
        if now in rows:
            ra, dec = (catalog[name].iloc[[rows[0], now]].to_numpy(float) for name in ("ra", "dec"))
            if separation(ra[:1], dec[:1], ra[1], dec[1])[0] <= SAME_PLACE:
                return
        self._select(rows[0] if rows else None)

    def _select(self, row: int | None) -> None:
        if row is not None and row != self._state.selected:
            self._row = row
            self._state.selected = row
